// The compliance suite's specification of each service: a receiver that behaves like the real one, and options for it.

import type { HttpResponse, Outcome, ServiceRequest } from "../../src/services/service.ts";
import { googlechat, mattermost, signal, teams } from "./chat_receivers.ts";
import { markupOf } from "./discord_markup.ts";
import type { Judge } from "./receiver.ts";
import {
  alertmanager,
  apprise,
  discord,
  gotify,
  matrix,
  ntfy,
  pagerduty,
  PAGERDUTY_KEY,
  pushover,
  SECRET,
  slack,
  telegram,
  webhook,
  WEBHOOK_SECRET,
} from "./receivers.ts";

/** The current time in tests without real waiting. */
export const NOW_MS = Date.UTC(2026, 10, 22, 22, 13, 32);

type Options = Readonly<Record<string, string | number | readonly string[]>>;

/** The specification of a service that sends mail, see tests/transport/smtp.test.ts for its receiver. */
export interface MailSpec extends Pick<HttpSpec, "options" | "firstText" | "active"> {
  readonly kind: "mail";
  readonly isLimited: false;
}

/** The specification of an HTTP service. */
export interface HttpSpec {
  readonly kind: "http";
  /** Requires what the service requires, and refuses what it refuses. */
  readonly receive: Judge;
  /** Options that point to a receiver. Every secret in them contains {@link SECRET}. */
  readonly options: (origin: string) => Options;
  /** The same, with something that the receiver rejects. */
  readonly refused: (origin: string) => Options;
  /** Ways other than `Retry-After` in which a 429 gives the wait, in milliseconds after {@link NOW_MS}. */
  readonly waits: readonly { readonly answer: Partial<HttpResponse>; readonly waitMs: number }[];
  /** Answers with a 2xx status that report a failure, and their outcomes. */
  readonly failures: readonly (readonly [body: string, kind: "broken" | "refused"])[];
  /** Statuses that mean something else than in the outcome table. */
  readonly statuses?: Readonly<Record<number, Outcome["kind"]>>;
  /** Whether its 2xx may be a web page. */
  readonly believesPages: boolean;
  /** Whether the receiver enforces the service's limits; otherwise the limit is our own. */
  readonly isLimited: boolean;
  /** The text that a lock screen shows first; absent if programs read it, for which a digest lists each event. */
  readonly firstText?: (request: ServiceRequest) => string;
  /** The parts of a request that readers' apps would interpret as more than text. */
  readonly active: (request: ServiceRequest) => string;
}

/** The specification of a service; `print` services make no requests. */
export type ServiceSpec = HttpSpec | MailSpec | { readonly kind: "print" };

/** The path of a workflow in Power Automate. */
const WORKFLOW = "/powerautomate/automations/direct/workflows/abc/triggers/manual/paths/invoke";

/** Every service of the registry. */
export const SPECS: Readonly<Record<string, ServiceSpec>> = {
  discord: {
    kind: "http",
    receive: discord,
    options: (origin) => ({ webhook_url: `${origin}/api/webhooks/123456789/${SECRET}` }),
    refused: (origin) => ({ webhook_url: `${origin}/api/webhooks/123456789/wrong` }),
    waits: [{ answer: { body: `{"retry_after":64.57}`, headers: { "retry-after": "65" } }, waitMs: 64_570 }],
    failures: [
      [`{"message":"Unknown Webhook","code":10015}`, "broken"],
      [`{"message":"Invalid Form Body","code":50035}`, "refused"],
    ],
    believesPages: false,
    isLimited: true,
    firstText: (request) => String(bodyOf(request)["content"]),
    active: (request) => textsOf(bodyOf(request)).flatMap(markupOf).join(" "),
  },
  slack: {
    kind: "http",
    receive: slack,
    options: (origin) => ({ webhook_url: `${origin}/services/T1/B1/${SECRET}` }),
    refused: (origin) => ({ webhook_url: `${origin}/services/T1/B1/wrong` }),
    waits: [],
    failures: [
      [`{"ok":false,"error":"invalid_auth"}`, "broken"],
      [`{"ok":false,"error":"msg_too_long"}`, "refused"],
      [`{"success":false,"error":"Invalid integration id"}`, "refused"],
      ["no_service", "broken"],
      ["invalid_payload", "refused"],
    ],
    believesPages: false,
    isLimited: true,
    firstText: (request) => String(bodyOf(request)["text"]),
    active: (request) => {
      const { text, blocks = [] } = bodyOf(request);
      // The number of blocks depends on the length of the values.
      const marks = textsOf([text, blocks]).map((text) => matches(text, /[<>]|:\/\//g)).join("");
      return `${emojis(String(text))} ${marks}`;
    },
  },
  teams: {
    kind: "http",
    receive: teams,
    options: (origin) => ({ webhook_url: `${origin}${WORKFLOW}?api-version=1&sv=1.0&sig=${SECRET}-signature` }),
    refused: (origin) => ({ webhook_url: `${origin}${WORKFLOW}?api-version=1&sv=1.0&sig=wrong` }),
    waits: [],
    failures: [
      [`{"error":{"code":"WorkflowTriggerIsNotEnabled","message":"The trigger is not enabled."}}`, "broken"],
      [`{"error":{"code":"InvalidRequestContent","message":"The request content is not valid."}}`, "refused"],
    ],
    believesPages: false,
    isLimited: true,
    firstText: (request) => /"fallbackText":"([^"]*)/.exec(request.kind === "http" ? request.body : "")?.[1] ?? "",
    // The receiver accepts text only where no markup is interpreted.
    active: (request) => matches(textsOf(bodyOf(request)).join("\n"), /\{\{|:\/\/|\.\p{L}/gu),
  },
  googlechat: {
    kind: "http",
    receive: googlechat,
    options: (origin) => ({ webhook_url: `${origin}/v1/spaces/AAAA/messages?key=key-${SECRET}&token=token-${SECRET}` }),
    refused: (origin) => ({ webhook_url: `${origin}/v1/spaces/AAAA/messages?key=key-${SECRET}&token=wrong` }),
    waits: [],
    failures: [
      [`{"error":{"code":404,"message":"Space not found","status":"NOT_FOUND"}}`, "broken"],
      [`{"error":{"code":400,"message":"Maximum length of the field is 4096","status":"INVALID_ARGUMENT"}}`, "refused"],
    ],
    believesPages: false,
    isLimited: true,
    firstText: (request) => String(bodyOf(request)["text"]),
    active: (request) => matches(String(bodyOf(request)["text"]), /[*~`<]|\b_|_\b|:\/\/|\.\p{L}/gu),
  },
  mattermost: {
    kind: "http",
    receive: mattermost,
    options: (origin) => ({ webhook_url: `${origin}/mattermost/hooks/${SECRET}`, channel: "ssh-logins" }),
    refused: (origin) => ({ webhook_url: `${origin}/mattermost/hooks/wrong` }),
    waits: [],
    failures: [
      [`{"id":"web.incoming_webhook.invalid.app_error","message":"Invalid webhook.","status_code":400}`, "broken"],
      [`{"id":"web.incoming_webhook.text.app_error","message":"No text specified.","status_code":400}`, "refused"],
    ],
    believesPages: false,
    isLimited: true,
    firstText: (request) => String(bodyOf(request)["text"]),
    active: (request) => {
      const { text, attachments } = bodyOf(request);
      const shown = textsOf([text, attachments]).join("\n").replaceAll(/\\[\\*_`|[\]]/g, "");
      return matches(shown, /[*_`|@~<>[\]]|\B#|\B:[\w+-]+:\B|:\/\/|\.\p{L}/gu);
    },
  },
  telegram: {
    kind: "http",
    receive: telegram,
    options: (origin) => ({ server_url: origin, chat_id: -1001234567890, token: `123456:${SECRET}` }),
    refused: (origin) => ({ server_url: origin, chat_id: -1001234567890, token: `123456:wrong` }),
    waits: [{ answer: { body: `{"ok":false,"parameters":{"retry_after":35}}` }, waitMs: 35_000 }],
    failures: [
      [`{"ok":false,"error_code":400,"description":"Bad Request: chat not found"}`, "broken"],
      [`{"ok":false,"error_code":400,"description":"Bad Request: message is too long"}`, "refused"],
    ],
    believesPages: false,
    isLimited: true,
    firstText: (request) => String(bodyOf(request)["text"]),
    active: (request) => matches(withoutCode(bodyOf(request)), SIGNS),
  },
  signal: {
    kind: "http",
    receive: signal,
    options: (origin) => ({ server_url: origin, number: "+15550100001", recipients: ["+15550100002"] }),
    refused: (origin) => ({ server_url: origin, number: "+15550100009", recipients: ["+15550100002"] }),
    waits: [],
    failures: [
      [`{"error":"User +15550100001 is not registered."}`, "broken"],
      [`{"error":"Couldn't process request - invalid request"}`, "refused"],
    ],
    believesPages: false,
    isLimited: true,
    firstText: (request) => String(bodyOf(request)["message"]),
    active: (request) => matches(String(bodyOf(request)["message"]), LINKS),
  },
  ntfy: {
    kind: "http",
    receive: ntfy(`Bearer tk_${SECRET}`),
    options: (origin) => ({ topic_url: `${origin}/topic-${SECRET}`, token: `tk_${SECRET}` }),
    refused: (origin) => ({ topic_url: `${origin}/topic-${SECRET}`, token: "tk_wrong" }),
    waits: [
      { answer: { body: `{"code":42908}` }, waitMs: 60 * 60 * 1000 },
      { answer: { body: `{"code":42901}` }, waitMs: 5_000 },
    ],
    failures: [
      [`{"code":40010,"http":400,"error":"invalid request: topic name is disallowed"}`, "broken"],
      [`{"code":41301,"http":413,"error":"too large"}`, "refused"],
    ],
    believesPages: false,
    isLimited: true,
    // The apps show the tag rotating_light as 🚨 in front of the title.
    firstText: (request) => {
      const { title, message, tags } = bodyOf(request);
      return `${String(tags) === "rotating_light" ? "🚨 " : ""}${title ?? message}`;
    },
    active: (request) => matches(textsOf(bodyOf(request)).join("\n"), LINKS),
  },
  gotify: {
    kind: "http",
    receive: gotify,
    options: (origin) => ({ server_url: `${origin}/gotify`, token: `A${SECRET}` }),
    refused: (origin) => ({ server_url: `${origin}/gotify/`, token: "Awrong" }),
    waits: [],
    failures: [
      [`{"error":"Bad Request","errorCode":400,"errorDescription":"Field 'message' is required"}`, "refused"],
      [`{"error":"Unauthorized","errorCode":401,"errorDescription":"you need to provide a valid token"}`, "broken"],
    ],
    believesPages: false,
    isLimited: false,
    firstText: (request) => String(bodyOf(request)["title"] ?? bodyOf(request)["message"]),
    active: (request) => matches(textsOf(bodyOf(request)).join("\n"), LINKS),
  },
  pushover: {
    kind: "http",
    receive: pushover,
    options: (origin) => ({ server_url: origin, token: `a${SECRET}`, user: `u${SECRET}` }),
    refused: (origin) => ({ server_url: origin, token: `a${SECRET}`, user: "uwrong" }),
    waits: [
      { answer: { headers: { "x-limit-app-reset": String(NOW_MS / 1000 + 3600) } }, waitMs: 3_600_000 },
      { answer: {}, waitMs: 24 * 60 * 60 * 1000 },
    ],
    failures: [
      [`{"user":"invalid","errors":["user key is invalid"],"status":0}`, "broken"],
      [`{"message":"cannot be blank","errors":["message cannot be blank"],"status":0}`, "refused"],
    ],
    believesPages: false,
    isLimited: true,
    firstText: (request) => String(bodyOf(request)["title"] ?? bodyOf(request)["message"]),
    active: (request) => matches(textsOf(bodyOf(request)).join("\n"), LINKS),
  },
  matrix: {
    kind: "http",
    receive: matrix,
    options: (origin) => ({ server_url: origin, room_id: "!room:example.org", token: `syt_${SECRET}` }),
    refused: (origin) => ({ server_url: origin, room_id: "!other:example.org", token: `syt_${SECRET}` }),
    waits: [{ answer: { body: `{"errcode":"M_LIMIT_EXCEEDED","retry_after_ms":2000}` }, waitMs: 2_000 }],
    failures: [
      [`{"errcode":"M_FORBIDDEN","error":"not in room"}`, "broken"],
      [`{"errcode":"M_TOO_LARGE","error":"event too large"}`, "refused"],
    ],
    believesPages: false,
    isLimited: false,
    firstText: (request) => String(bodyOf(request)["body"]),
    active: (request) => {
      const { body, formatted_body: html = "" } = bodyOf(request);
      const rest = String(html).replaceAll(/<code>[^<>]*<\/code>/g, "");
      return `${matches(String(body), SIGNS)} ${matches(rest, /<[^>]*>/g)}`;
    },
  },
  pagerduty: {
    kind: "http",
    receive: pagerduty,
    options: (origin) => ({ server_url: origin, routing_key: PAGERDUTY_KEY }),
    refused: (origin) => ({ server_url: origin, routing_key: "0".repeat(32) }),
    waits: [],
    failures: [
      [`{"status":"Invalid routing key","message":"unknown"}`, "broken"],
      [`{"status":"invalid event","message":"Event object is invalid","errors":["'payload' is missing"]}`, "refused"],
    ],
    believesPages: false,
    isLimited: false,
    firstText: (request) => /"summary":"([^"]*)/.exec(request.kind === "http" ? request.body : "")?.[1] ?? "",
    active: (request) => matches(textsOf(bodyOf(request)).join("\n"), FORWARDED),
  },
  alertmanager: {
    kind: "http",
    receive: alertmanager,
    options: (origin) => ({ server_urls: [`${origin}/alerts`], token: SECRET }),
    refused: (origin) => ({ server_urls: [`${origin}/alerts/`], token: "wrong" }),
    waits: [],
    failures: [],
    believesPages: false,
    isLimited: true,
    active: (request) => {
      const alerts = Object.values(bodyOf(request)) as Record<string, unknown>[];
      const texts = textsOf(alerts.map(({ annotations }) => annotations)).join("\n");
      return `${matches(textsOf(alerts).join("\n"), /[<>|*`~]|:\/\//g)} ${matches(texts, FORWARDED)}`;
    },
  },
  apprise: {
    kind: "http",
    receive: apprise,
    options: (origin) => ({
      server_url: `${origin}/apprise`,
      key: SECRET,
      tag: "security",
      user: "u",
      password: SECRET,
    }),
    refused: (origin) => ({ server_url: `${origin}/apprise`, key: "wrong", user: "u", password: SECRET }),
    waits: [],
    failures: [
      [`{"error":"Bad FORM Payload provided"}`, "refused"],
      [`{"error":"Unsupported characters found in tag definition"}`, "broken"],
    ],
    statuses: { 204: "broken" },
    believesPages: false,
    isLimited: false,
    firstText: (request) => String(bodyOf(request)["title"] ?? bodyOf(request)["body"]),
    active: (request) => matches(textsOf(bodyOf(request)).join("\n"), FORWARDED),
  },
  email: {
    kind: "mail",
    options: (origin) => {
      const { hostname, port, protocol } = new URL(origin);
      const tls = protocol === "https:" ? "tls" : "none";
      return { to: "admin@example.com", server: hostname, port: Number(port), tls, user: "u", password: SECRET };
    },
    isLimited: false,
    firstText: (request) => request.kind === "mail" ? request.headers["Subject"] ?? "" : "",
    active: (request) => matches(textsOf(bodyOf(request)).join("\n"), LINKS),
  },
  webhook: {
    kind: "http",
    receive: webhook,
    options: (origin) => ({ url: `${origin}/hooks/${SECRET}`, secret: WEBHOOK_SECRET }),
    refused: (origin) => ({ url: `${origin}/hooks/${SECRET}`, secret: `whsec_${"A".repeat(32)}` }),
    waits: [],
    failures: [],
    believesPages: true,
    isLimited: true,
    // Data for a program, not shown to readers directly.
    active: () => "",
  },
  stdout: { kind: "print" },
};

/** What apps detect as a link: a scheme, or a name that ends in a top-level domain. */
export const LINKS = /:\/\/|\.\p{L}/gu;

/** Links, and characters that begin a mention, hashtag, room, command or number. */
const SIGNS = /:\/\/|\.\p{L}|(?<![\p{L}\p{N}])[@#/!+$](?=[\p{L}\p{N}])/gu;

/** The same, and the markup of chats and HTML except brackets and underlines, since it depends on the receiver. */
const FORWARDED = new RegExp(`${SIGNS.source}|[<>|*\`~]`, "gu");

/** All matches, concatenated. */
export function matches(text: string, pattern: RegExp): string {
  return (text.match(pattern) ?? []).join(" ");
}

function emojis(text: string): string {
  return matches(text, /:[\w+'-]+(?=:)/g);
}

/** The fields of a JSON or form body; the parts of a mail that readers see. */
export function bodyOf(request: ServiceRequest): Readonly<Record<string, unknown>> {
  if (request.kind === "print") return { text: request.text };
  if (request.kind === "mail") return { subject: request.headers["Subject"], text: request.text };
  if (request.kind !== "http") throw new Error("more than one request");
  if (!request.headers["content-type"]?.includes("json")) return Object.fromEntries(new URLSearchParams(request.body));
  return JSON.parse(request.body);
}

/** Every string in a JSON value, except keys. */
export function textsOf(value: unknown): string[] {
  if (typeof value === "string") return [value];
  return typeof value === "object" && value !== null ? Object.values(value).flatMap(textsOf) : [];
}

/** A Telegram text without the parts that are not interpreted. */
function withoutCode({ text, entities = [] }: Readonly<Record<string, unknown>>): string {
  const code = (entities as { type: string; offset: number; length: number }[]).filter(({ type }) => type !== "bold");
  return [...String(text).split("").entries()].filter(([index]) =>
    !code.some(({ offset, length }) => index >= offset && index < offset + length)
  ).map(([, unit]) => unit).join("");
}
