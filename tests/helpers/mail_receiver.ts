// Mail servers on loopback: one that speaks SMTP like a real one, and one that says whatever the test wants.

import { SMTPServer, type SMTPServerOptions } from "npm:smtp-server@3.21.6";
import type { Certificates } from "./certificates.ts";

/** A mail as it arrived. */
export interface Mail {
  readonly from: string;
  readonly to: readonly string[];
  readonly raw: Uint8Array;
  readonly user: string | undefined;
  readonly isEncrypted: boolean;
}

/** A reply with its code, in place of acceptance. */
export class Refusal extends Error {
  readonly responseCode: number;

  constructor(responseCode: number, text: string) {
    super(text);
    this.responseCode = responseCode;
  }
}

/** How a receiver behaves. Each function may return a refusal. */
export interface MailReceiverOptions {
  readonly certificates?: Certificates;
  /** Whether the connection is encrypted from the start. */
  readonly secure?: boolean;
  readonly login?: { readonly user: string; readonly password: string };
  readonly onLogin?: () => Refusal | undefined;
  readonly onSender?: () => Refusal | undefined;
  readonly onRecipient?: (address: string) => Refusal | undefined;
  /** What happens after the text; `hang` gives no answer. */
  readonly onText?: (mail: Mail) => Refusal | "hang" | undefined;
}

/** A mail server that keeps what it accepts. */
export class MailReceiver implements AsyncDisposable {
  readonly mails: Mail[] = [];
  readonly #server: SMTPServer;
  #port = 0;

  private constructor(options: MailReceiverOptions) {
    const { certificates, secure = false, login } = options;
    const done = (refusal: Error | undefined, callback: (error?: Error | null) => void) => callback(refusal);
    const settings: SMTPServerOptions = {
      secure,
      ...(certificates === undefined ? { disabledCommands: ["STARTTLS"] } : certificates),
      authOptional: login === undefined,
      allowInsecureAuth: true,
      logger: false,
      disableReverseLookup: true,
      closeTimeout: 1,
      onAuth: ({ username, password }, _session, callback) => {
        const isRight = username === login?.user && password === login?.password;
        const refusal = options.onLogin?.() ?? (isRight ? undefined : new Refusal(535, "5.7.8 wrong password"));
        if (refusal === undefined) callback(null, { user: username });
        else callback(refusal);
      },
      onMailFrom: (_address, _session, callback) => done(options.onSender?.(), callback),
      onRcptTo: ({ address }, _session, callback) => done(options.onRecipient?.(address), callback),
      onData: (stream, session, callback) => {
        const parts: Uint8Array[] = [];
        stream.on("data", (part: Uint8Array) => parts.push(part));
        stream.on("end", () => {
          const { mailFrom, rcptTo } = session.envelope;
          const mail: Mail = {
            from: mailFrom === false ? "" : mailFrom.address,
            to: rcptTo.map(({ address }) => address),
            raw: new Uint8Array(parts.flatMap((part) => [...part])),
            user: session.user === undefined ? undefined : String(session.user),
            isEncrypted: session.secure,
          };
          const refusal = options.onText?.(mail);
          if (refusal === "hang") return;
          if (refusal === undefined) this.mails.push(mail);
          done(refusal, callback);
        });
      },
    };
    this.#server = new SMTPServer(settings);
    this.#server.on("error", () => {});
  }

  /** Starts a server on its own port. */
  static async start(options: MailReceiverOptions = {}): Promise<MailReceiver> {
    const receiver = new MailReceiver(options);
    const { promise, resolve } = Promise.withResolvers<void>();
    const server = receiver.#server.listen(0, "127.0.0.1", resolve);
    await promise;
    const address = server.address();
    receiver.#port = typeof address === "object" && address !== null ? address.port : 0;
    return receiver;
  }

  get port(): number {
    return this.#port;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }
}

/** A server that says the given lines: the first at once, each other one after a command or the text of the client. */
export class ScriptedServer implements Disposable {
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  /** All that clients have sent. */
  received = "";

  constructor(lines: readonly string[], { closes = false } = {}) {
    void this.#serve(lines, closes).catch(() => {});
  }

  get port(): number {
    return this.#listener.addr.port;
  }

  async #serve(lines: readonly string[], closes: boolean): Promise<void> {
    for await (const connection of this.#listener) void this.#answer(connection, lines, closes).catch(() => {});
  }

  async #answer(connection: Deno.Conn, lines: readonly string[], closes: boolean): Promise<void> {
    using _ = connection;
    const encoder = new TextEncoder();
    const buffer = new Uint8Array(64 * 1024);
    const hears = async () => {
      const count = await connection.read(buffer);
      this.received += new TextDecoder().decode(buffer.subarray(0, count ?? 0));
      return count !== null;
    };
    for (const line of lines) {
      await connection.write(encoder.encode(line));
      if (closes && line === lines.at(-1)) return;
      do {
        if (!await hears()) return;
        // The text may arrive in parts.
      } while (line.startsWith("354") && !this.received.endsWith("\r\n.\r\n"));
    }
    while (await hears());
  }

  [Symbol.dispose](): void {
    this.#listener.close();
  }
}
