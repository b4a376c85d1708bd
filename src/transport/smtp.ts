// Sends one mail over a connection of its own, with nodemailer. Loaded only if a route sends mail. The addresses are
// resolved already: the Worker may connect to them, but not resolve names.

import type { Buffer } from "node:buffer";
import { isIP } from "node:net";
import MimeNode from "nodemailer/lib/mime-node";
import SMTPConnection from "nodemailer/lib/smtp-connection";
import type { MailAnswer, MailReply, MailRequest, MailServer } from "../services/service.ts";
import type { Address } from "./exchange.ts";

/** How long to wait for the server to end the connection, in milliseconds. It has already answered. */
const QUIT_MS = 1_000;

/** How much of a reply is kept, in UTF-16 code units. */
const MAX_REPLY_LENGTH = 2_000;

/** What {@link sendMail} needs in addition to the mail. */
export interface MailOptions {
  /** The server's addresses, in the order in which they are tried; empty if its endpoint is an address. */
  readonly addresses: readonly Address[];
  /** Certificates to trust in addition to Mozilla's, as PEM. */
  readonly caCerts: string[];
  /** Ends the attempt. */
  readonly signal: AbortSignal;
  /** After how long it aborts. */
  readonly timeoutMs: number;
}

// An error in a callback of the library must not end the Worker, which serves the other routes too. The mail times out.
for (const kind of ["error", "unhandledrejection"]) {
  globalThis.addEventListener(kind, (event) => event.preventDefault());
}

/**
 * Sends a mail.
 *
 * @returns the answer that decides about it
 * @throws the error of the connection or of TLS, or the signal's reason
 */
export async function sendMail(request: MailRequest, options: MailOptions): Promise<MailAnswer> {
  const content = await encoded(request);
  const name = nameIn(request.server);
  const hosts = isIP(name) === 0 ? options.addresses.map(({ hostname }) => withoutBrackets(hostname)) : [name];
  if (hosts.length === 0) throw new Error(`cannot resolve the name "${name}"`);
  const errors: unknown[] = [];
  for (const host of hosts) {
    try {
      return await sendTo(host, { ...options, request, content, share: hosts.length });
    } catch (error) {
      if (!(error instanceof NotConnected)) throw error;
      errors.push(error.cause);
    }
  }
  throw errors[0];
}

/** The server has not answered at this address, so another one can be tried. */
class NotConnected extends Error {}

/** What {@link sendTo} needs. */
interface AddressOptions extends MailOptions {
  readonly request: MailRequest;
  readonly content: Buffer;
  /** The number of addresses that share the time for connecting. */
  readonly share: number;
}

async function sendTo(host: string, options: AddressOptions): Promise<MailAnswer> {
  const { request: { server: { login }, envelope: { from, to } }, content, signal } = options;
  const connection = connectionTo(host, options);
  // Each step ends with its own result, an error of the connection, or the signal.
  const { promise: failed, reject } = Promise.withResolvers<never>();
  failed.catch(() => {});
  connection.on("error", reject);
  const abort = () => reject(signal.reason);
  signal.addEventListener("abort", abort, { once: true });
  const step = <Result>(start: (done: (error?: Error | null, result?: Result) => void) => void) => {
    const { promise, resolve, reject } = Promise.withResolvers<Result | undefined>();
    start((error, result) => error ? reject(error) : resolve(result));
    return Promise.race([failed, promise]);
  };
  let isConnected = false;
  try {
    signal.throwIfAborted();
    await step((done) => connection.connect(done));
    isConnected = true;
    if (login !== undefined) {
      await step((done) => connection.login({ user: login.user, pass: login.password }, done));
    }
    const sent = await step<Refusal>((done) => connection.send({ from, to: [...to] }, content, done));
    return { step: "message", ...replyOf(sent), refused: (sent?.rejectedErrors ?? []).map(refusalOf) };
  } catch (error) {
    const reply = replyOf(error);
    if (reply.code > 0) return { step: stepOf(error), ...reply, refused: [] };
    throw isConnected || signal.aborted ? error : new NotConnected("", { cause: error });
  } finally {
    signal.removeEventListener("abort", abort);
    if (!signal.aborted) await quit(connection);
    connection.close();
  }
}

function connectionTo(
  host: string,
  { request: { server }, caCerts, timeoutMs, share }: AddressOptions,
): SMTPConnection {
  const name = nameIn(server);
  return new SMTPConnection({
    host,
    port: Number(/\d+$/.exec(server.endpoint)?.[0]),
    // What the certificate must be valid for; by default the address.
    ...(isIP(name) === 0 ? { servername: name } : {}),
    name: server.clientName,
    secure: server.tls === "tls",
    requireTLS: server.tls === "starttls",
    ignoreTLS: server.tls === "none",
    tls: { ca: caCerts },
    connectionTimeout: timeoutMs / share,
    greetingTimeout: timeoutMs,
    socketTimeout: timeoutMs,
    socketCloseTimeout: QUIT_MS,
  });
}

/** The server's name or address. */
function nameIn({ endpoint }: MailServer): string {
  return withoutBrackets(endpoint.replace(/:\d+$/, ""));
}

/** An address as sockets expect it. */
function withoutBrackets(host: string): string {
  return host.replace(/^\[|\]$/g, "");
}

/** A mail as bytes: headers encoded and folded, the text in ASCII lines of at most 76 characters. */
export async function encoded(
  { headers, text, html }: Pick<MailRequest, "headers" | "text" | "html">,
): Promise<Buffer> {
  const options = { disableFileAccess: true, disableUrlAccess: true, newline: "windows" };
  const root = new MimeNode(html === undefined ? PLAIN : "multipart/alternative", options);
  for (const [name, value] of Object.entries(headers)) root.setHeader(name, value);
  const set = (node: MimeNode, content: string) =>
    node.setHeader("Content-Transfer-Encoding", "quoted-printable").setContent(content);
  set(html === undefined ? root : root.createChild(PLAIN), text);
  if (html !== undefined) set(root.createChild("text/html; charset=utf-8"), html);
  return await root.build();
}

const PLAIN = "text/plain; charset=utf-8";

/** Ends the connection as SMTP requires, so that the server logs no error. */
async function quit(connection: SMTPConnection): Promise<void> {
  if (connection.destroyed) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, QUIT_MS);
  connection.once("end", resolve);
  connection.quit();
  await promise;
  clearTimeout(timer);
}

/** The parts of nodemailer's errors and results that are used. */
interface Refusal {
  readonly response?: string | undefined;
  /** The SMTP command that was answered. */
  readonly command?: string | undefined;
  readonly recipient?: string | undefined;
  readonly rejectedErrors?: readonly Refusal[] | undefined;
}

/** The reply in an error or a result; its code is 0 if the server has not answered. */
function replyOf(error: unknown): MailReply {
  const { response = "" } = error as Refusal;
  return { code: Number(/^\d{3}(?=[ -]|$)/.exec(response)?.[0] ?? 0), text: response.slice(0, MAX_REPLY_LENGTH) };
}

function refusalOf(error: Refusal): MailReply & { readonly address: string } {
  return { ...replyOf(error), address: error.recipient ?? "" };
}

/** The step of each SMTP command. */
const STEPS: Readonly<Record<string, MailAnswer["step"]>> = {
  STARTTLS: "starttls",
  AUTH: "login",
  MAIL: "sender",
  RCPT: "recipients",
  DATA: "message",
};

function stepOf(error: unknown): MailAnswer["step"] {
  const { command = "" } = error as Refusal;
  return STEPS[command.split(" ")[0] ?? ""] ?? "greeting";
}
