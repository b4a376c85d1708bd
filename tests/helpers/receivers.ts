// Notification services on loopback: they require what the real ones require, and refuse what they refuse. If the unit
// of a limit is not documented, they use the one that gives the largest count.

import { Webhook } from "npm:standardwebhooks@1.1.1";
import { json, type Judge, Receiver, type ServerCertificate } from "./receiver.ts";

export { type Interceptor, json, type Received, Receiver } from "./receiver.ts";

/** The secret that the receivers accept. Any output that contains it leaks a secret. */
export const SECRET = "s3cr3t";

/** The secret of the webhook: `whsec_` and 24 bytes in base64, with {@link SECRET} in it. */
export const WEBHOOK_SECRET = "whsec_s3cr3tAAAAAAAAAAAAAAAAAAAAAAAAAA";

/** The webhook ID of a forum, for {@link discord}; any other is of an ordinary channel. */
export const FORUM_ID = "220001";

/** The thread of those channels. */
export const THREAD_ID = "1310000000000000001";

/**
 * A Discord webhook.
 *
 * @see https://discord.com/developers/docs/resources/webhook#execute-webhook
 */
export const discord: Judge = (request, _text, body) => {
  const { pathname, searchParams } = new URL(request.url);
  if (!/^\/api\/webhooks\/\d+\/[\w-]+$/.test(pathname) || pathname.endsWith("/wrong")) {
    return json(404, { message: "Unknown Webhook", code: 10015 });
  }
  if (request.method !== "POST") return json(405, { message: "405: Method Not Allowed", code: 0 });
  if (!isJson(request)) {
    return json(400, { message: "Expected \"Content-Type\" header to be one of {'application/json'}.", code: 50035 });
  }
  const refusal = discordThreadRefusal({ isForum: pathname.includes(`/${FORUM_ID}/`), searchParams, body });
  if (refusal !== undefined) return refusal;
  const errors = discordFaults(body);
  if (Object.keys(errors).length > 0) return json(400, { message: "Invalid Form Body", code: 50035, errors });
  if (searchParams.get("wait") !== "true") return new Response(null, { status: 204 });
  return json(200, { id: "1310000000000000000", type: 0, content: body["content"] });
};

/** https://discord.com/developers/docs/topics/opcodes-and-status-codes#json-json-error-codes */
function discordThreadRefusal(
  { isForum, searchParams, body }: { isForum: boolean; searchParams: URLSearchParams; body: Fields },
): Response | undefined {
  const threadId = searchParams.get("thread_id");
  const { thread_name: name } = body;
  const refuse = (status: number, code: number, message: string) => json(status, { message, code });
  if (threadId !== null && threadId !== THREAD_ID) return refuse(404, 10003, "Unknown Channel");
  if (!isForum && name !== undefined) return refuse(400, 220003, "Webhooks can only create threads in forum channels");
  if (!isForum || (threadId === null) !== (name === undefined)) return undefined;
  return threadId === null
    ? refuse(400, 220001, "Webhooks posted to forum channels must have a thread_name or thread_id")
    : refuse(400, 220002, "Webhooks posted to forum channels cannot have both a thread_name and thread_id");
}

/** A Discord webhook that listens; with a certificate, over TLS. */
export function discordLike(certificate?: ServerCertificate): Receiver & { readonly webhookUrl: string } {
  const receiver = new Receiver(discord, certificate);
  return Object.assign(receiver, { webhookUrl: `${receiver.origin}/api/webhooks/123456789/webhook-secret-token` });
}

function discordFaults(body: Fields): Record<string, unknown> {
  const { content, username, allowed_mentions: mentions, flags, embeds = [], thread_name: thread } = body;
  const faults: Record<string, unknown> = {};
  const isEmpty = content === undefined && !isList(embeds, 1, 10);
  if (isEmpty || (content !== undefined && !isText(content, 2000))) faults["content"] = fault("BASE_TYPE_BAD_LENGTH");
  if (!isList(embeds, 0, 10) || !embeds.every(isEmbed) || embeds.reduce(addEmbed, 0) > 6000) {
    faults["embeds"] = fault("MAX_EMBED_SIZE_EXCEEDED");
  }
  if (username !== undefined) {
    const forbidden = /discord|clyde|```|system message|^(everyone|here)$/i;
    if (!isText(username, 80) || forbidden.test(username)) faults["username"] = fault("USERNAME_INVALID_CONTAINS");
  }
  if (thread !== undefined && (typeof thread !== "string" || thread.trim() === "" || [...thread].length > 100)) {
    faults["thread_name"] = fault("BASE_TYPE_BAD_LENGTH");
  }
  if (mentions !== undefined && !Array.isArray(fieldsOf(mentions)["parse"])) {
    faults["allowed_mentions"] = fault("MODEL_TYPE_CONVERT");
  }
  if (flags !== undefined && (!isBetween(flags, 0, 2 ** 16) || (flags & ~(4 | 4096)) !== 0)) {
    faults["flags"] = fault("NUMBER_TYPE_COERCE");
  }
  return faults;
}

/** https://discord.com/developers/docs/resources/message#embed-object-embed-limits */
function isEmbed(embed: unknown): boolean {
  const { title, description, color, fields = [], ...more } = fieldsOf(embed);
  return Object.keys(more).length === 0 &&
    (title === undefined || isText(title, 256)) && (description === undefined || isText(description, 4096)) &&
    (color === undefined || isBetween(color, 0, 0xffffff)) &&
    isList(fields, 0, 25) &&
    fields.map(fieldsOf).every(({ name, value, inline }) =>
      isText(name, 256) && isText(value, 1024) && ["undefined", "boolean"].includes(typeof inline)
    );
}

function addEmbed(sum: number, embed: unknown): number {
  const { title = "", description = "", fields = [] } = fieldsOf(embed);
  const texts = [
    title,
    description,
    ...(fields as unknown[]).map(fieldsOf).flatMap(({ name, value }) => [name, value]),
  ];
  return sum + texts.join("").length;
}

function fault(code: string): unknown {
  return { _errors: [{ code, message: code }] };
}

/**
 * A Slack incoming webhook.
 *
 * @see https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks/
 */
export const slack: Judge = (request, _text, body) => {
  if (request.method !== "POST") return new Response("invalid_http_method", { status: 405 });
  if (!/^\/services\/T\w+\/B\w+\/\w+$/.test(new URL(request.url).pathname)) {
    return new Response("no_service", { status: 404 });
  }
  if (request.url.endsWith("/wrong")) return new Response("invalid_token", { status: 403 });
  const { text, blocks = [] } = body;
  if (!isJson(request) || !isText(text, 4000)) return new Response("invalid_payload", { status: 400 });
  if (!isList(blocks, 0, 50) || !blocks.every(isBlock)) return new Response("invalid_blocks", { status: 400 });
  return new Response("ok");
};

/** https://docs.slack.dev/reference/block-kit/blocks/ */
function isBlock(block: unknown): boolean {
  const { type, text, fields } = fieldsOf(block);
  const isPlain = (value: unknown, longest: number) =>
    fieldsOf(value)["type"] === "plain_text" && isText(fieldsOf(value)["text"], longest);
  if (type === "header") return isPlain(text, 150) && fields === undefined;
  if (type !== "section" || (text === undefined && fields === undefined)) return false;
  return (text === undefined || isPlain(text, 3000)) &&
    (fields === undefined || (isList(fields, 1, 10) && fields.every((field) => isPlain(field, 2000))));
}

/** The topics of the chat of {@link telegram}. */
export const OPEN_TOPIC = 7;
export const CLOSED_TOPIC = 8;

/**
 * The Telegram Bot API, with one bot in one chat.
 *
 * @see https://core.telegram.org/bots/api#sendmessage
 */
export const telegram: Judge = (request, _text, body) => {
  const refuse = (error_code: number, description: string) => json(error_code, { ok: false, error_code, description });
  const { pathname } = new URL(request.url);
  if (pathname !== `/bot123456:${SECRET}/sendMessage`) return refuse(401, "Unauthorized");
  if (request.method !== "POST" || !isJson(request)) return refuse(400, "Bad Request: message text is empty");
  const { chat_id: chat, text, entities = [], parse_mode: mode, message_thread_id: topic } = body;
  if (chat !== -1001234567890) return refuse(400, "Bad Request: chat not found");
  if (topic === CLOSED_TOPIC) return refuse(400, "Bad Request: TOPIC_CLOSED");
  if (topic !== undefined && topic !== OPEN_TOPIC) return refuse(400, "Bad Request: message thread not found");
  if (typeof text !== "string" || text.trim() === "") return refuse(400, "Bad Request: message text is empty");
  if (text.length > 4096) return refuse(400, "Bad Request: message is too long");
  // Telegram ignores entities beyond 100, which would leave values unescaped.
  if (mode !== undefined || !isList(entities, 0, 100) || !entities.every((entity) => isEntity(entity, text))) {
    return refuse(400, "Bad Request: can't parse entities");
  }
  return json(200, { ok: true, result: { message_id: 1, text } });
};

function isEntity(entity: unknown, text: string): boolean {
  const { type, offset, length } = fieldsOf(entity);
  return ["bold", "code", "pre"].includes(String(type)) && isBetween(offset, 0, text.length) &&
    isBetween(length, 1, text.length - offset) && text.slice(offset, offset + length).isWellFormed();
}

/**
 * An ntfy server, at the root of its origin.
 *
 * @param credentials the `Authorization` header that publishers must send, if any
 * @see https://docs.ntfy.sh/publish/#publish-as-json
 */
export function ntfy(credentials?: string): Judge {
  return (request, text, body) => {
    const { pathname } = new URL(request.url);
    if (request.method !== "POST" || pathname !== "/") return ntfyError(404, 40401, "page not found");
    if (credentials !== undefined && request.headers.get("authorization") !== credentials) {
      return ntfyError(403, 40301, "forbidden");
    }
    const { topic, message, title, tags = [], priority = 3, ...more } = body;
    if (typeof topic !== "string" || !/^[-_A-Za-z0-9]{1,64}$/.test(topic)) {
      return ntfyError(400, 40009, "invalid request: topic invalid");
    }
    if (bytes(text) > 8192 || (typeof message === "string" && bytes(message) >= 4096)) {
      return ntfyError(413, 41301, "attachment too large, or bandwidth limit reached");
    }
    const typesFit = typeof message === "string" && ["string", "undefined"].includes(typeof title) &&
      isList(tags, 0, 100) && tags.every((tag) => typeof tag === "string") && isBetween(priority, 1, 5) &&
      Object.keys(more).length === 0;
    if (!typesFit) return ntfyError(400, 40024, "invalid request: body must be message JSON");
    return json(200, { id: "sPs71M8A2T", time: Math.floor(Date.now() / 1000), event: "message", topic, message });
  };
}

/**
 * An ntfy server that listens.
 *
 * @param options.token the token that publishers must send, if any
 */
export function ntfyLike(options: { token?: string } = {}): Receiver & { readonly topicUrl: string } {
  const receiver = new Receiver(ntfy(options.token === undefined ? undefined : `Bearer ${options.token}`));
  return Object.assign(receiver, { topicUrl: `${receiver.origin}/topic-secret-name` });
}

function ntfyError(http: number, code: number, error: string): Response {
  return json(http, { code, http, error, link: "https://ntfy.sh/docs/publish/" });
}

/**
 * A Gotify server below the path /gotify, without a limit.
 *
 * @see https://gotify.net/api-docs#/message/createMessage
 */
export const gotify: Judge = (request, _text, body) => {
  const refuse = (errorCode: number, error: string, errorDescription: string) =>
    json(errorCode, { error, errorCode, errorDescription });
  if (new URL(request.url).pathname !== "/gotify/message") return refuse(404, "Not Found", "page not found");
  if (request.headers.get("x-gotify-key") !== `A${SECRET}`) {
    return refuse(
      401,
      "Unauthorized",
      "you need to provide a valid access token or user credentials to access this api",
    );
  }
  const { message, title = "", priority = 0, extras = {} } = body;
  const typesFit = request.method === "POST" && isJson(request) && isText(message, Infinity) &&
    typeof title === "string" && isBetween(priority, -(2 ** 31), 2 ** 31) && typeof extras === "object";
  if (!typesFit) return refuse(400, "Bad Request", "Field 'message' is required");
  return json(200, { id: 25, appid: 5, message, title, priority, date: new Date().toISOString() });
};

/**
 * Pushover.
 *
 * @see https://pushover.net/api
 */
export const pushover: Judge = (request, _text, body) => {
  const refuse = (wrong: Fields, error: string) => json(400, { ...wrong, errors: [error], status: 0, request: "1" });
  if (new URL(request.url).pathname !== "/1/messages.json" || request.method !== "POST") {
    return json(404, { status: 0, errors: ["not found"] });
  }
  const { token, user, message, title = "SSH", priority = "0", timestamp = "1", ...more } = body;
  if (token !== `a${SECRET}`) return refuse({ token: "invalid" }, "application token is invalid");
  if (user !== `u${SECRET}`) return refuse({ user: "invalid" }, "user identifier is not a valid user");
  if (typeof message !== "string" || message === "") return refuse({ message: "cannot be blank" }, "message is blank");
  // "1024 4-byte UTF-8 characters"
  if ([...message].length > 1024) return refuse({ message: "is too long" }, "message cannot be longer than 1024");
  const typesFit = [...String(title)].length <= 250 && /^(-[12]|0|1)$/.test(String(priority)) &&
    /^\d{1,10}$/.test(String(timestamp)) && Object.keys(more).length === 0;
  if (!typesFit) return refuse({ priority: "is invalid" }, "a parameter is invalid");
  return json(200, { status: 1, request: "647d2300-702c-4b38-8b2f-d56326ae460b" });
};

/**
 * A Matrix homeserver with one room.
 *
 * @see https://spec.matrix.org/latest/client-server-api/#put_matrixclientv3roomsroomidsendeventtypetxnid
 */
export const matrix: Judge = (request, text, body) => {
  const refuse = (status: number, errcode: string, error: string) => json(status, { errcode, error });
  const path = /^\/_matrix\/client\/v3\/rooms\/([^/]+)\/send\/m\.room\.message\/[^/]{1,255}$/;
  const [, room] = path.exec(new URL(request.url).pathname) ?? [];
  if (room === undefined) return refuse(404, "M_UNRECOGNIZED", "Unrecognized request");
  if (request.headers.get("authorization") !== `Bearer syt_${SECRET}`) {
    return refuse(401, "M_UNKNOWN_TOKEN", "Unrecognised access token");
  }
  if (decodeURIComponent(room) !== "!room:example.org") return refuse(403, "M_FORBIDDEN", "User not in room");
  if (request.method !== "PUT" || !isJson(request)) return refuse(400, "M_NOT_JSON", "Content not JSON");
  // The homeserver adds at most a thousand bytes to the event.
  if (bytes(text) > 65_536 - 1_000) return refuse(413, "M_TOO_LARGE", "event too large");
  const { msgtype, body: plain, format, formatted_body: html, "m.mentions": mentions, ...more } = body;
  const typesFit = ["m.text", "m.notice"].includes(String(msgtype)) && isText(plain, Infinity) &&
    Object.keys(fieldsOf(mentions)).length === 0 && typeof mentions === "object" && Object.keys(more).length === 0 &&
    (html === undefined) === (format === undefined) && (html === undefined || isText(html, Infinity));
  return typesFit ? json(200, { event_id: "$event:example.org" }) : refuse(400, "M_BAD_JSON", "Bad event content");
};

/** The integration key that {@link pagerduty} accepts. */
export const PAGERDUTY_KEY = `${SECRET}${"A".repeat(26)}`;

/**
 * PagerDuty's Events API v2.
 *
 * @see https://developer.pagerduty.com/docs/send-alert-event
 */
export const pagerduty: Judge = (request, text, body) => {
  const refuse = (...errors: string[]) =>
    json(400, { status: "invalid event", message: "Event object is invalid", errors });
  if (request.method !== "POST" || new URL(request.url).pathname !== "/v2/enqueue") return json(404, {});
  if (bytes(text) > 512_000) return json(413, {});
  const { routing_key: key, event_action: action, dedup_key: dedup, payload, ...more } = body;
  if (!isText(key, 32) || key.length !== 32) return refuse("Length of 'routing_key' is incorrect");
  if (key !== PAGERDUTY_KEY) return json(400, { status: "Invalid routing key", message: "Invalid routing key" });
  const { summary, source, severity, timestamp, component = "-", class: kind = "-", custom_details = {}, ...others } =
    fieldsOf(payload);
  const typesFit = action === "trigger" && isText(dedup, 255) && isText(summary, 2048) && [...summary].length <= 1024 &&
    isText(source, 255) && ["critical", "error", "warning", "info"].includes(String(severity)) &&
    /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/.test(String(timestamp)) && isText(component, 1024) &&
    isText(kind, 1024) && typeof custom_details === "object" && Object.keys({ ...more, ...others }).length === 0;
  if (!typesFit) return refuse("'payload' is invalid");
  return json(202, { status: "success", message: "Event processed", dedup_key: dedup });
};

/**
 * An Alertmanager below the path /alerts, behind a proxy that asks for a token and limits bodies to a million bytes.
 * tests/services/alertmanager.test.ts has the real one.
 *
 * @see https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml
 */
export const alertmanager: Judge = (request, text, body) => {
  if (new URL(request.url).pathname !== "/alerts/api/v2/alerts") {
    return new Response("404 page not found", { status: 404 });
  }
  if (request.headers.get("authorization") !== `Bearer ${SECRET}`) return new Response("Unauthorized", { status: 401 });
  if (bytes(text) > 1_000_000) return new Response("<html>", { status: 413 });
  if (request.method !== "POST" || !isJson(request) || !Array.isArray(body)) {
    return json(400, { code: 400, message: "parsing alerts body failed" });
  }
  const isLabels = (value: unknown, least: number) =>
    Object.keys(fieldsOf(value)).length >= least &&
    Object.entries(fieldsOf(value)).every(([name, text]) =>
      /^[a-zA-Z_][a-zA-Z0-9_]*$/.test(name) && isText(text, Infinity)
    );
  for (const { labels, annotations, startsAt, endsAt, ...more } of body.map(fieldsOf)) {
    if (!isLabels(labels, 1) || !isLabels(annotations, 0)) return json(400, "invalid label set");
    const isTime = (value: unknown) => /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/.test(String(value));
    if (!isTime(startsAt) || !isTime(endsAt) || Object.keys(more).length > 0) {
      return json(422, { code: 601, message: "" });
    }
    if (String(startsAt) > String(endsAt)) return json(400, "start time must be before end time");
    if (Date.parse(String(endsAt)) < Date.now()) return json(400, "this receiver wants alerts that are active");
  }
  return new Response();
};

/**
 * An Apprise API server below the path /apprise, with one configuration.
 *
 * @see https://github.com/caronc/apprise-api
 */
export const apprise: Judge = (request, _text, body) => {
  const [, key] = /^\/apprise\/notify\/([-\w]{1,128})$/.exec(new URL(request.url).pathname) ?? [];
  if (key === undefined || request.method !== "POST") return json(404, { error: "not found" });
  if (request.headers.get("authorization") !== `Basic ${btoa(`u:${SECRET}`)}`) {
    return json(401, { error: "Access Denied" });
  }
  const { body: text, title = "-", type = "info", tag = "-", format, ...more } = body;
  const typesFit = isJson(request) && isText(text, 32_768) && isText(title, 250) && format === "text" &&
    ["info", "success", "warning", "failure"].includes(String(type)) && Object.keys(more).length === 0;
  if (!typesFit || !isText(tag, 100)) return json(400, { error: "Payload lacks minimum requirements" });
  return key === SECRET ? json(200, { error: null }) : new Response(null, { status: 204 });
};

/** A receiver of signed CloudEvents, which accepts only what the Standard Webhooks library verifies. */
export const webhook: Judge = (request, text, body) => {
  if (request.method !== "POST") return json(405, { message: "method not allowed" });
  try {
    new Webhook(WEBHOOK_SECRET).verify(text, Object.fromEntries(request.headers));
  } catch (error) {
    return json(401, { message: String(error) });
  }
  if (bytes(text) > 20_000) return json(413, { message: "too large" });
  const { specversion, id, source, type, time = "2026-01-01T00:00:00Z", data } = body;
  // https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md#required-attributes, RFC 3339 for the time
  const typesFit = specversion === "1.0" && isText(id, 200) && isText(source, 1000) &&
    URL.canParse(source, "http://localhost") && isText(type, 100) &&
    /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/.test(String(time)) && isText(fieldsOf(data)["text"], Infinity) &&
    request.headers.get("content-type") === "application/cloudevents+json; charset=utf-8" &&
    request.headers.get("webhook-id") === id;
  return typesFit ? new Response(null, { status: 204 }) : json(400, { message: "not a CloudEvent" });
};

/** A JSON object of unknown fields. */
export type Fields = Readonly<Record<string, unknown>>;

/** The fields of a value that should be an object. */
export function fieldsOf(value: unknown): Fields {
  return typeof value === "object" && value !== null ? { ...value } : {};
}

/** Whether a request says that its body is JSON. */
export function isJson(request: Request): boolean {
  return request.headers.get("content-type") === "application/json";
}

/** Whether a value is a non-empty, well-formed string of at most this length, in UTF-16 code units. */
export function isText(value: unknown, longest: number): value is string {
  return typeof value === "string" && value !== "" && value.length <= longest && value.isWellFormed();
}

/** Whether a value is a list of this many items. */
export function isList(value: unknown, least: number, most: number): value is unknown[] {
  return Array.isArray(value) && value.length >= least && value.length <= most;
}

/** Whether a value is an integer in a range. */
export function isBetween(value: unknown, least: number, most: number): value is number {
  return Number.isInteger(value) && Number(value) >= least && Number(value) <= most;
}

/** The length of a text in UTF-8. */
export function bytes(text: string): number {
  return new TextEncoder().encode(text).length;
}
