// One HTTP/1.1 exchange over an open connection (RFC 9112). `fetch` does not work here: it chooses the address itself,
// and through a `tcp` proxy it sends even https requests unencrypted.

import { type HttpRequest, type HttpResponse, MAX_RESPONSE_BYTES } from "../services/service.ts";

/** The maximum length of a response header, in bytes. */
const MAX_HEAD_BYTES = 64 * 1024;

/** The maximum number of bytes that are read, including informational responses and chunk extensions. */
const MAX_ANSWER_BYTES = 1024 * 1024;

/** The size of the read buffer, in bytes. */
const CHUNK_BYTES = 16 * 1024;

/**
 * Sends a request and reads the start of the response.
 *
 * @param connection used for this request only; not closed
 * @throws the error of the connection, or an `Error` if the response is not HTTP
 */
export async function exchangeOver(
  connection: Pick<Deno.Conn, "read" | "write">,
  request: HttpRequest,
): Promise<HttpResponse> {
  // A server may respond and reset the connection before it has read the whole request; the response says why.
  void writeAll(connection, requestBytes(request)).catch(() => {});
  const buffer = new Uint8Array(CHUNK_BYTES);
  let text = "";
  for (;;) {
    const count = await connection.read(buffer);
    if (count !== null) text += String.fromCharCode(...buffer.subarray(0, count));
    const response = parseResponse(text, { isWhole: count === null });
    if (response !== undefined) return response;
    if (text.length > MAX_ANSWER_BYTES) throw new Error("the response is too long");
  }
}

async function writeAll(connection: Pick<Deno.Conn, "write">, bytes: Uint8Array): Promise<void> {
  for (let sent = 0; sent < bytes.length;) sent += await connection.write(bytes.subarray(sent));
}

/** Encodes a request. `Headers` rejects values that contain a line break. */
function requestBytes({ url, method, headers, body }: HttpRequest): Uint8Array {
  const { host, pathname, search } = new URL(url);
  const content = method === "GET" ? "" : body;
  const fields = new Headers({ accept: "*/*", "user-agent": navigator.userAgent, ...headers });
  fields.set("connection", "close");
  if (method !== "GET") fields.set("content-length", String(new TextEncoder().encode(content).length));
  const lines = [`${method} ${pathname}${search} HTTP/1.1`, `host: ${host}`];
  for (const [name, value] of fields) lines.push(`${name}: ${value}`);
  return new TextEncoder().encode(`${lines.join("\r\n")}\r\n\r\n${content}`);
}

/**
 * Parses a response, up to the start of a long body. Pure.
 *
 * @param text the bytes received so far, one character each
 * @param options.isWhole whether the connection has ended
 * @returns undefined if more bytes are needed
 * @throws {Error} if the text is not a response
 */
export function parseResponse(text: string, options: { readonly isWhole: boolean }): HttpResponse | undefined {
  const end = text.indexOf("\r\n\r\n");
  if (end === -1) {
    if (options.isWhole) throw new Error("the connection was closed before a response");
    if (text.length > MAX_HEAD_BYTES) throw new Error("the header of the response is too long");
    return undefined;
  }
  const [statusLine = "", ...lines] = text.slice(0, end).split("\r\n");
  const status = Number(/^HTTP\/1\.[01] ([1-9]\d\d)( |$)/.exec(statusLine)?.[1] ?? NaN);
  if (Number.isNaN(status)) throw new Error("the response is not HTTP/1.1");
  const rest = text.slice(end + 4);
  // Skip an informational response (1xx); the final one follows it.
  if (status < 200) return parseResponse(rest, options);
  const headers = parseHeaders(lines);
  const body = status === 204 || status === 304 ? "" : bodyIn(rest, { headers, ...options });
  if (body === undefined) {
    if (options.isWhole) throw new Error("the connection was closed before the end of the response");
    return undefined;
  }
  const bytes = Uint8Array.from(body.slice(0, MAX_RESPONSE_BYTES), (character) => character.charCodeAt(0));
  return { status, headers, body: new TextDecoder().decode(bytes) };
}

function parseHeaders(lines: readonly string[]): Readonly<Record<string, string>> {
  const values = new Map<string, string>();
  for (const line of lines) {
    const [, name = "", value = ""] = /^([^:\s]+):[ \t]*(.*?)[ \t]*$/.exec(line) ?? [];
    const before = values.get(name.toLowerCase());
    values.set(name.toLowerCase(), before === undefined ? value : `${before}, ${value}`);
  }
  return Object.fromEntries(values);
}

/** The body; undefined if it is neither complete nor long enough. */
function bodyIn(
  rest: string,
  { headers, isWhole }: { headers: Readonly<Record<string, string>>; isWhole: boolean },
): string | undefined {
  if (/(^|,)\s*chunked$/i.test(headers["transfer-encoding"] ?? "")) return unchunked(rest);
  const length = headers["content-length"];
  if (length === undefined) return isWhole || rest.length >= MAX_RESPONSE_BYTES ? rest : undefined;
  if (!/^\d{1,15}$/.test(length)) throw new Error("the response has an invalid Content-Length");
  return rest.length >= Math.min(Number(length), MAX_RESPONSE_BYTES) ? rest.slice(0, Number(length)) : undefined;
}

function unchunked(rest: string): string | undefined {
  let body = "";
  for (let at = 0; body.length < MAX_RESPONSE_BYTES;) {
    const end = rest.indexOf("\r\n", at);
    if (end === -1) return undefined;
    const size = parseInt(/^[0-9a-f]{1,8}(?=[ \t;]|$)/i.exec(rest.slice(at, end))?.[0] ?? "", 16);
    if (Number.isNaN(size)) throw new Error("the response has an invalid chunk");
    if (size === 0) return body;
    body += rest.slice(end + 2, end + 2 + size);
    at = end + 2 + size + 2;
    if (rest.length < at && body.length < MAX_RESPONSE_BYTES) return undefined;
  }
  return body;
}
