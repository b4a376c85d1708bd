// Notification services on loopback: they demand what the real ones demand, and refuse what they refuse.

/** A request as it arrived. */
export interface Received {
  readonly path: string;
  readonly headers: Headers;
  readonly text: string;
  /** The body as JSON; empty where it was none. */
  readonly body: Readonly<Record<string, unknown>>;
  /** What was answered. */
  readonly status: number;
}

/** Answers in place of the service, or leaves the answer to it. */
export type Interceptor = (request: Request, text: string) => Response | Promise<Response | undefined> | undefined;

type Judge = (request: Request, text: string, body: Record<string, unknown>) => Response;

/** A service on a loopback port of its own. */
export class Receiver implements AsyncDisposable {
  readonly received: Received[] = [];
  /** Answers first, if it wants to. */
  intercept: Interceptor = () => undefined;
  readonly port: number;
  readonly #judge: Judge;
  #server: Deno.HttpServer | undefined;
  #stop = new AbortController();

  constructor(judge: Judge) {
    this.#judge = judge;
    this.port = this.#listen(0);
  }

  /** What was accepted, in order. */
  get accepted(): readonly Received[] {
    return this.received.filter(({ status }) => status >= 200 && status < 300);
  }

  /** `http://127.0.0.1:PORT`. */
  get origin(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Takes the service down: connections are refused. */
  async down(): Promise<void> {
    // Ends the requests under way too, which may hang on purpose.
    this.#stop.abort();
    await this.#server?.finished;
    this.#server = undefined;
  }

  /** Brings it up again, on the same port. */
  up(): void {
    this.#listen(this.port);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.down();
  }

  #listen(port: number): number {
    this.#stop = new AbortController();
    const options = { hostname: "127.0.0.1", port, signal: this.#stop.signal, onListen: () => {} };
    this.#server = Deno.serve(options, async (request) => {
      const text = await request.text();
      const body = parseObject(text);
      const response = await this.intercept(request, text) ?? this.#judge(request, text, body);
      const { pathname, search } = new URL(request.url);
      const { headers } = request;
      this.received.push({ path: `${pathname}${search}`, headers, text, body, status: response.status });
      return response;
    });
    return (this.#server.addr as Deno.NetAddr).port;
  }
}

/**
 * A webhook of Discord.
 *
 * @see https://discord.com/developers/docs/resources/webhook#execute-webhook
 */
export function discordLike(): Receiver & { readonly webhookUrl: string } {
  const receiver = new Receiver((request, _text, body) => {
    const { pathname, searchParams } = new URL(request.url);
    if (!/^\/api\/webhooks\/\d+\/[\w-]+$/.test(pathname)) return json(404, { message: "Unknown Webhook", code: 10015 });
    if (request.method !== "POST") return json(405, { message: "405: Method Not Allowed", code: 0 });
    if (request.headers.get("content-type") !== "application/json") {
      return json(400, { message: "Expected \"Content-Type\" header to be one of {'application/json'}.", code: 50035 });
    }
    const errors = discordFaults(body);
    if (Object.keys(errors).length > 0) return json(400, { message: "Invalid Form Body", code: 50035, errors });
    if (searchParams.get("wait") !== "true") return new Response(null, { status: 204 });
    return json(200, { id: "1310000000000000000", type: 0, content: body["content"] });
  });
  return Object.assign(receiver, { webhookUrl: `${receiver.origin}/api/webhooks/123456789/webhook-secret-token` });
}

function discordFaults(body: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const { content, username, allowed_mentions: mentions, flags } = body;
  const faults: Record<string, unknown> = {};
  if (typeof content !== "string" || [...content].length < 1 || [...content].length > 2000) {
    faults["content"] = fault("BASE_TYPE_BAD_LENGTH");
  }
  if (username !== undefined) {
    const forbidden = /discord|clyde|```|system message|^(everyone|here)$/i;
    if (typeof username !== "string" || username.length < 1 || username.length > 80 || forbidden.test(username)) {
      faults["username"] = fault("USERNAME_INVALID_CONTAINS");
    }
  }
  if (
    mentions !== undefined && (typeof mentions !== "object" || !Array.isArray((mentions as { parse?: unknown }).parse))
  ) {
    faults["allowed_mentions"] = fault("MODEL_TYPE_CONVERT");
  }
  if (flags !== undefined && !Number.isInteger(flags)) faults["flags"] = fault("NUMBER_TYPE_COERCE");
  return faults;
}

function fault(code: string): unknown {
  return { _errors: [{ code, message: code }] };
}

/**
 * An ntfy server, at the root of its origin.
 *
 * @param options.token what a publisher must show, if anything
 * @see https://docs.ntfy.sh/publish/#publish-as-json
 */
export function ntfyLike(options: { token?: string } = {}): Receiver & { readonly topicUrl: string } {
  const receiver = new Receiver((request, text, body) => {
    const { pathname } = new URL(request.url);
    if (request.method !== "POST" || pathname !== "/") return ntfyError(404, 40401, "page not found");
    if (options.token !== undefined && request.headers.get("authorization") !== `Bearer ${options.token}`) {
      return ntfyError(403, 40301, "forbidden");
    }
    const { topic, message, title, tags, priority } = body;
    if (typeof topic !== "string" || !/^[-_A-Za-z0-9]{1,64}$/.test(topic)) {
      return ntfyError(400, 40009, "invalid request: topic invalid");
    }
    if (bytes(text) > 8192 || (typeof message === "string" && bytes(message) > 4096)) {
      return ntfyError(413, 41301, "attachment too large, or bandwidth limit reached");
    }
    const typesFit = typeof message === "string" && ["string", "undefined"].includes(typeof title) &&
      (tags === undefined || (Array.isArray(tags) && tags.every((tag) => typeof tag === "string"))) &&
      (priority === undefined || (Number.isInteger(priority) && Number(priority) >= 1 && Number(priority) <= 5));
    if (!typesFit) return ntfyError(400, 40024, "invalid request: body must be message JSON");
    return json(200, { id: "sPs71M8A2T", time: Math.floor(Date.now() / 1000), event: "message", topic, message });
  });
  return Object.assign(receiver, { topicUrl: `${receiver.origin}/topic-secret-name` });
}

function ntfyError(http: number, code: number, error: string): Response {
  return json(http, { code, http, error, link: "https://ntfy.sh/docs/publish/" });
}

function bytes(text: string): number {
  return new TextEncoder().encode(text).length;
}

/** A JSON answer. */
export function json(status: number, body: unknown, headers: Record<string, string> = {}): Response {
  return new Response(JSON.stringify(body), { status, headers: { "content-type": "application/json", ...headers } });
}

function parseObject(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? value as Record<string, unknown> : {};
  } catch {
    return {};
  }
}
