// The compliance suite for every service, without sockets; wire.ts has the part with sockets. Each check is a function
// that throws, so a test can verify that it fails when it should.

import assert from "node:assert/strict";
import fc from "npm:fast-check@4.10.2";
import { parse } from "smol-toml";
import * as v from "valibot";
import { redactor } from "../../src/send/redact.ts";
import { notificationOf } from "../../src/send/render.ts";
import { lengthOf } from "../../src/services/fitting.ts";
import { FACTS } from "../../src/services/template.ts";
import type { ConfiguredService, RegisteredService } from "../../src/services/registry.ts";
import type {
  Form,
  HttpRequest,
  HttpResponse,
  Message,
  NoticeNotification,
  Outcome,
  ServiceRequest,
  SessionNotification,
  TestNotification,
} from "../../src/services/service.ts";
import { certificate, HOSTILE_TEXTS, judgedEvent, MARKUP, messageWith, notification } from "./fixtures.ts";
import { mailFaults } from "./mail_faults.ts";
import { answerOf } from "./receiver.ts";
import { SECRET } from "./receivers.ts";
import { bodyOf, type HttpSpec, NOW_MS, type ServiceSpec, textsOf } from "./service_specs.ts";

/** A service, and its specification for the suite. */
export interface Subject {
  readonly registered: RegisteredService;
  /** Undefined if it is missing, which is a fault. */
  readonly spec: ServiceSpec | undefined;
}

export const FORMS: readonly Form[] = ["rich", "plain"];

/** The origin that services of these tests point to; nothing listens there. */
const ORIGIN = "http://127.0.0.1:9";

/** Configures a service; fails if it rejects the options. */
export function configured(registered: RegisteredService, options: unknown): ConfiguredService {
  const result = registered.configure(options);
  assert.ok("service" in result, JSON.stringify("issues" in result && result.issues.map(({ message }) => message)));
  return result.service;
}

/** Configures the service for a receiver. */
export function serviceFor({ registered, spec }: Subject, origin = ORIGIN): ConfiguredService {
  return configured(registered, optionsOf(spec, origin));
}

/** Options that point to a receiver. */
function optionsOf(spec: ServiceSpec | undefined, origin: string) {
  return spec === undefined || spec.kind === "print" ? {} : spec.options(origin);
}

/** The receiver's answer to a request, without a socket. */
export async function answerTo(request: ServiceRequest, spec: ServiceSpec): Promise<HttpResponse> {
  assert.equal(request.kind, spec.kind);
  if (request.kind === "print" || spec.kind === "print") {
    assert.ok(request.kind === "print");
    assert.doesNotMatch(request.text, /[\r\u2028\u2029]/);
    return { status: 200, headers: {}, body: "" };
  }
  if (request.kind === "mail" || spec.kind === "mail") {
    assert.ok(request.kind === "mail");
    const faults = await mailFaults(request);
    return { status: faults.length === 0 ? 200 : 550, headers: {}, body: faults.join("; ") };
  }
  return await answerOf(spec.receive, request);
}

async function assertTaken(request: ServiceRequest, spec: ServiceSpec): Promise<void> {
  const { status, body } = await answerTo(request, spec);
  assert.ok(status < 300, `${status} ${body} to ${JSON.stringify(request)}`);
}

/** Asserts that a message exceeds the limits: the receiver's, or else our own. */
async function assertTooLong(message: Message, subject: Subject): Promise<void> {
  const { spec, registered: { limits } } = subject;
  const service = serviceFor(subject);
  assert.ok(spec !== undefined && spec.kind !== "print");
  if (spec.isLimited) {
    const { status } = await answerTo(service.render(message, rendering("rich")), spec);
    assert.ok(status >= 400, `${status} to ${message.notifications.length} events`);
  } else {
    const lengths = textsOf(bodyOf(service.render(message, rendering("plain")))).map((text) =>
      lengthOf(text, limits.unit)
    );
    assert.ok(Math.max(...lengths) > limits.text, `${lengths} for ${message.notifications.length} events`);
  }
}

/** Options with the current time, because the Standard Webhooks library rejects old signatures. */
const rendering = (form: Form) => ({ form, nowMs: Date.now() });

const TIME = "2026-11-23 11:13:32+13:00";
const TEST: TestNotification = { type: "test", hostName: "h".repeat(253), time: TIME };
const NOTICE: NoticeNotification = {
  type: "notice",
  hostName: "h1",
  time: TIME,
  text: "a route is down ".repeat(500),
  plainText: "a route is down",
};

/** The fields of a notification whose values come from an event. */
const FIELDS = ["user", "remoteHost", "terminal", "service", "authentication", "duration"] as const;

/** Templates with every fact; that of a title has room for some. */
const EVERY_FACT = Object.keys(FACTS).filter((name) => name !== "host").map((name) => `{{${name}}}`).join(" ");
const TEMPLATES = { open: EVERY_FACT, title_open: "{{user}} {{reasons}}" };

function withAll(value: string): SessionNotification {
  const values = Object.fromEntries(FIELDS.map((field) => [field, value]));
  return notification({ ...values, reasons: [value, value], urgency: "urgent" });
}

/** Any host name that the configuration accepts. */
const hostName = fc.oneof(
  fc.constantFrom(...HOSTILE_TEXTS),
  fc.string({ unit: "binary", minLength: 1, maxLength: 253 }),
)
  .map((text) => text.replace(/[\p{Cc}\p{Zl}\p{Zp}]/gu, "").slice(0, 253).trim())
  .filter((text) => text !== "" && text.isWellFormed());

const value = fc.oneof(
  fc.constantFrom(...HOSTILE_TEXTS, ...Object.values(MARKUP)),
  fc.string({ unit: "binary", maxLength: 300 }),
  fc.string({ unit: fc.constantFrom(..."*_~`|<>@#:/[]()\\'\"&漢😀\n"), maxLength: 300 }),
);

export const hostileNotification = fc.record({
  type: fc.constantFrom<"open" | "close">("open", "close"),
  occurredAtMs: fc.integer({ min: -8.64e15, max: 8.64e15 }),
  user: value,
  remoteHost: value,
  // PAM may have a name even if the address is known.
  address: fc.constantFrom("", "203.0.113.7"),
  terminal: value,
  service: value,
  tampered: fc.constantFrom([], ["PAM_USER"]),
  urgent: fc.boolean(),
  reasons: fc.array(value, { maxLength: 4 }),
  authInfo: fc.oneof(
    value,
    value.map((id) => `publickey ${certificate({ id, serial: 5n }).line}`),
    value.map((more) => `gssapi-with-mic ${more}`),
  ),
  openedBy: fc.constant(1),
  durationMs: fc.nat(),
  isRepeat: fc.boolean(),
}).chain((event) => hostName.map((name) => notificationOf(judgedEvent(event), { name, timezone: "America/St_Johns" })));

/** The longest possible notifications, of characters that grow when they are escaped or encoded. */
const LONGEST: readonly SessionNotification[] = [..."*'\"\\&漢😀\u202e\ud800"].map((character) => {
  const long = character.repeat(256);
  const address = "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff";
  const event = { user: long, remoteHost: long, address, terminal: long, service: long, reasons: Array(6).fill(long) };
  const shown = notificationOf(
    judgedEvent({ ...event, occurredAtMs: 8.64e15, tampered: ["PAM_USER"], urgent: true }),
    { name: character.toWellFormed().repeat(253).slice(0, 252), timezone: "America/St_Johns" },
  );
  return { ...shown, authentication: shown.user.repeat(4), duration: shown.user };
});

/** More events than any limited service accepts in one request. */
const MANY = 2500;

/** Events of a burst, each with a different user. */
function burst(length: number, overrides: (index: number) => Partial<SessionNotification>): SessionNotification[] {
  return Array.from({ length }, (_, index) =>
    notification({
      uuid: `00000000-0000-4000-8000-${String(index).padStart(12, "0")}`,
      user: `u${index}-`,
      ...overrides(index),
    }));
}

function digestOf([first, ...more]: readonly SessionNotification[]): Message {
  assert.ok(first !== undefined);
  return messageWith(first, ...more);
}

function text(request: ServiceRequest): string {
  return textsOf(bodyOf(request)).join("\n").replaceAll("\\", "");
}

/** The checks without sockets, keyed by what they promise. */
export const CHECKS: Readonly<Record<string, (subject: Subject) => void | Promise<void>>> = {
  "has a name, an API page, limits and options": ({ registered }) => {
    const { name, apiUrl, limits, options, secretOptions } = registered;
    assert.match(name, /^[a-z][a-z_]*$/);
    assert.ok(URL.canParse(apiUrl) && new URL(apiUrl).protocol === "https:", `not an API page: ${apiUrl}`);
    assert.ok(typeof limits?.text === "number" && limits.text >= 500, "no limit");
    assert.ok(["bytes", "characters", "code units"].includes(limits.unit), "no unit");
    for (const [name, schema] of Object.entries(options)) {
      assert.ok("pipe" in schema && v.getDescription(schema as v.GenericSchema), `${name} has no description`);
    }
    for (const secret of secretOptions) assert.ok(secret in options, `${secret} is not an option`);
  },

  "has a working example with every required option": ({ registered }) => {
    assert.ok(registered.example !== "" || Object.keys(registered.options).length === 0, "no example");
    const options = parse(registered.example);
    const { warnings } = configured(registered, options);
    assert.deepEqual(warnings, []);
    for (const option of Object.keys(options)) assert.ok(option in registered.options, option);
    for (const [name, { type }] of Object.entries(registered.options)) {
      assert.ok(type === "optional" || name in options, name);
    }
  },

  "has a receiver in the tests that accepts its requests": async (subject) => {
    const { registered, spec } = subject;
    assert.ok(spec !== undefined, `no receiver for ${registered.name} in tests/helpers/service_specs.ts`);
    const service = serviceFor(subject);
    assert.equal(service.name, registered.name);
    for (const form of FORMS) {
      for (const urgency of ["urgent", "normal", "low"] as const) {
        for (const type of ["open", "close"] as const) {
          await assertTaken(service.render(messageWith(notification({ type, urgency })), rendering(form)), spec);
        }
      }
    }
  },

  "rejects an unknown option, and options that are not a table": ({ registered, spec }) => {
    const options = optionsOf(spec, ORIGIN);
    for (const wrong of [{ ...options, colour: "red" }, "text", 1, null, true]) {
      assert.ok("issues" in registered.configure(wrong), JSON.stringify(wrong));
    }
  },

  "declares its secrets, and the hosts that it connects to": (subject) => {
    const { registered, spec } = subject;
    const service = serviceFor(subject);
    const options = optionsOf(spec, "https://198.51.100.1:8443");
    const { secrets } = configured(registered, options);
    const redact = redactor(secrets);
    for (const [name, value] of Object.entries(options)) {
      if (!String(value).includes(SECRET)) continue;
      assert.ok(registered.secretOptions.includes(name), `${name} is a secret`);
      assert.ok(!redact(`x ${value} y`).includes(SECRET), `${name} is shown`);
    }
    for (const secret of secrets) assert.ok(secret.length > 3, `${secret} is too short to redact reliably`);
    const request = service.render(messageWith(notification()), rendering("rich"));
    assert.deepEqual(service.endpoints, endpointsOf(request));
    assert.deepEqual(service.mailServers, request.kind === "mail" ? service.endpoints : []);
    if (request.kind === "http") {
      // An error may quote the request, so redaction must hide its secrets too.
      assert.ok(!redact(request.url).includes(SECRET), redact(request.url));
      assert.ok(!redact(JSON.stringify(request.headers)).includes(SECRET), redact(JSON.stringify(request.headers)));
    }
  },

  "says who did what, from where and when": (subject) => {
    for (const form of FORMS) {
      const request = serviceFor(subject).render(messageWith(notification({ hostName: "h1" })), rendering(form));
      for (const word of ["alice", "203.0.113.7", "11:13:32+13:00"]) assert.ok(text(request).includes(word), word);
      assert.match(text(request).replaceAll(/<[^>]*>/g, ""), /logged in to h1/);
    }
  },

  "begins with 🚨 and Unexpected where a lock screen looks, if a login is unexpected": (subject) => {
    if (subject.spec === undefined || subject.spec.kind === "print" || subject.spec.firstText === undefined) return;
    const { firstText } = subject.spec;
    const first = (overrides: Partial<SessionNotification>, form: Form, ...more: SessionNotification[]) =>
      firstText(serviceFor(subject).render(messageWith(notification(overrides), ...more), rendering(form)));
    const unexpected = { urgency: "urgent", reasons: ["first use of this key"] } as const;
    for (const form of FORMS) {
      assert.match(first(unexpected, form), /^🚨 Unexpected\b/);
      assert.match(first({ urgency: "urgent", user: "root" }, form), /^🚨 (?!Unexpected)/);
      assert.doesNotMatch(first({ reasons: ["first use of this key"] }, form), /🚨|Unexpected/);
      assert.doesNotMatch(first({ type: "close", urgency: "low" }, form), /🚨|Unexpected/);
    }
    assert.match(first(unexpected, "rich", notification(unexpected)), /^🚨 Unexpected: 2 SSH logins on /);
  },

  "folds routine events of a digest into one line each, but nothing that is new": (subject) => {
    if (subject.spec === undefined || subject.spec.kind === "print" || subject.spec.firstText === undefined) return;
    const alike = Array.from({ length: 40 }, (_, index) => notification({ type: index % 2 === 0 ? "open" : "close" }));
    const own = notification({ reasons: ["first use of this key"], time: "2026-11-23 23:59:59+13:00" });
    const events = [...alike, own];
    assert.equal(serviceFor(subject).fitting(events), events.length);
    const shown = text(serviceFor(subject).render(digestOf(events), rendering("rich")));
    assert.match(shown, /20 logins and 20 logouts/);
    assert.ok(shown.includes("23:59:59") && shown.includes("first use of this key"), shown);
    assert.doesNotMatch(shown, /logged out from/);
  },

  "identifies a test, and sends a notice within its limits": async (subject) => {
    for (const form of FORMS) {
      const service = serviceFor(subject);
      const test = service.render(messageWith(TEST), rendering(form));
      await assertTaken(test, subject.spec ?? assert.fail());
      assert.match(text(test), /This is a test/);
      const notice = service.render(messageWith(NOTICE), rendering(form));
      await assertTaken(notice, subject.spec ?? assert.fail());
      assert.match(text(notice), /a route is down/);
      assert.ok(text(notice).includes(TIME));
    }
  },

  "keeps any notification within its limits": async (subject) => {
    const { spec = assert.fail() } = subject;
    const service = serviceFor(subject);
    for (const form of FORMS) {
      for (const longest of LONGEST) {
        const request = service.render(messageWith(longest), rendering(form));
        await assertTaken(request, spec);
        // Values are cut, not the sentence, so its end is present.
        assert.ok(text(request).includes(longest.time), text(request));
      }
      await fc.assert(fc.asyncProperty(hostileNotification, async (hostile) => {
        await assertTaken(service.render(messageWith(hostile), rendering(form)), spec);
      }));
    }
  },

  "makes a digest of as many events as its limits allow, and no more": async (subject) => {
    const { spec = assert.fail(), registered: { limits } } = subject;
    const service = serviceFor(subject);
    for (const userLength of [0, 13, 90]) {
      const events = burst(MANY, (index) => ({ user: `u${index}-${"x".repeat(userLength)}` }));
      const count = service.fitting(events);
      assert.ok(count >= 5 && count <= events.length, `${count}`);
      for (const form of FORMS) {
        const request = service.render(digestOf(events.slice(0, count)), rendering(form));
        await assertTaken(request, spec);
        const shown = text(request);
        for (const { user } of events.slice(0, count)) assert.ok(shown.includes(`${user}`), user);
      }
      if (count === events.length) {
        assert.equal(limits.text, Infinity);
        continue;
      }
      await assertTooLong(digestOf(events.slice(0, count + 1)), subject);
    }
  },

  "fills a digest to the last character of its limits": async (subject) => {
    const { spec = assert.fail() } = subject;
    if (spec.kind === "print") return;
    const service = serviceFor(subject);
    const count = service.fitting(burst(MANY, () => ({})));
    const events = (length: number) =>
      burst(count, (index) => index === count - 1 ? { remoteHost: "7".repeat(length) } : {});
    const MOST = 300;
    let [longest, tooLong] = [0, MOST];
    while (tooLong - longest > 1) {
      const middle = Math.floor((longest + tooLong) / 2);
      if (service.fitting(events(middle)) < count) tooLong = middle;
      else longest = middle;
    }
    assert.ok(tooLong < MOST, "it accepts any length");
    await assertTaken(service.render(digestOf(events(longest)), rendering("rich")), spec);
    await assertTooLong(digestOf(events(tooLong)), subject);
  },

  "keeps a digest of any events within its limits": async (subject) => {
    const { spec = assert.fail() } = subject;
    const service = serviceFor(subject);
    for (const character of "*\"'\\<&漢😀") {
      const long = character.repeat(128);
      const values = {
        user: long,
        remoteHost: long,
        dnsName: long,
        terminal: long,
        service: long,
        hostName: character.repeat(253),
      };
      const events = burst(300, () => values);
      for (const form of FORMS) {
        await assertTaken(service.render(digestOf(events.slice(0, service.fitting(events))), rendering(form)), spec);
      }
    }
    const batches = fc.array(hostileNotification, { minLength: 1, maxLength: 60 });
    await fc.assert(
      fc.asyncProperty(batches, fc.constantFrom(...FORMS), async (events, form) => {
        const count = service.fitting(events);
        assert.ok(Number.isInteger(count) && count >= 1 && count <= events.length);
        await assertTaken(service.render(digestOf(events.slice(0, count)), rendering(form)), spec);
      }),
      { numRuns: 50 },
    );
  },

  "prevents events from adding a mention, a link, an image, markup or a command": (subject) => {
    const { spec } = subject;
    if (spec === undefined || spec.kind === "print") return;
    const service = serviceFor(subject);
    for (const form of FORMS) {
      for (const [isDigest, templates] of [[false, undefined], [true, undefined], [false, TEMPLATES]] as const) {
        const activeIn = (value: string): string => {
          const event = { ...withAll(value), templates };
          return spec.active(service.render(messageWith(event, ...isDigest ? [event] : []), rendering(form)));
        };
        for (const [what, markup] of Object.entries(MARKUP)) {
          for (const value of [markup, `x${markup}`, `x ${markup}`, `${markup}\n${markup}`]) {
            assert.equal(activeIn(value), activeIn("x"), `${what}, ${form}: ${value}`);
          }
        }
      }
    }
  },

  "puts no value of an event into URL or headers, and no token into the body": (subject) => {
    const service = serviceFor(subject);
    for (const form of FORMS) {
      const render = (message: Message) => service.render(message, { form, nowMs: NOW_MS });
      const request = render(messageWith(notification()));
      if (request.kind !== "http") return;
      fc.assert(fc.property(hostileNotification, (hostile) => {
        const other = http(render(messageWith(hostile)));
        assert.deepEqual([other.url, unsigned(other), other.method], [request.url, unsigned(request), request.method]);
      }));
      const elsewhere = `${request.url} ${Object.values(request.headers)}`;
      if (elsewhere.includes(SECRET)) {
        // ntfy has its topic in the body; it is still redacted wherever a refused request is shown.
        const rest = { ...bodyOf(request), topic: "" };
        assert.ok(!JSON.stringify(rest).includes(SECRET), JSON.stringify(rest));
      }
    }
  },

  "escapes an invalid message id": (subject) => {
    const service = serviceFor(subject);
    const render = (id: string) => service.render({ ...messageWith(notification()), id }, rendering("rich"));
    const honest = render("x");
    if (honest.kind !== "http") return;
    for (const id of HOSTILE_TEXTS.filter((text) => text.length < 1000)) {
      const { url, headers } = http(render(`x${id}`));
      assert.equal(new URL(url).pathname.split("/").length, new URL(honest.url).pathname.split("/").length);
      for (const header of Object.values(headers)) assert.match(header, /^[ -~]*$/);
    }
  },

  "judges each status by the outcome table, with any body": (subject) => {
    const { spec } = subject;
    if (spec?.kind !== "http") return;
    const service = serviceFor(subject);
    for (const body of ["", "null", "[]", "{}", "<html>It works!</html>", "\u0000\ufffd", "[".repeat(50_000)]) {
      for (let status = 200; status <= 599; status++) {
        const outcome = service.judge({ status, headers: {}, body }, NOW_MS);
        const isPage: boolean = body.startsWith("<") && !spec.believesPages;
        const usual: Outcome["kind"] = status < 300 && isPage ? "broken" : kindOf(status);
        const expected: Outcome["kind"] = spec.statuses?.[status] ?? usual;
        assert.equal(outcome.kind, expected, `${status} ${body.slice(0, 40)}`);
      }
    }
  },

  "judges a 2xx as delivered, unless the body is the service's report of a failure": (subject) => {
    const { spec } = subject;
    if (spec?.kind !== "http") return;
    const service = serviceFor(subject);
    for (const body of ["", "1", "ok", `{"success":true}`, `{"ok":true,"result":"success"}`, `{"status":"queued"}`]) {
      assert.deepEqual(service.judge({ status: 200, headers: {}, body }, NOW_MS), { kind: "delivered" }, body);
    }
    for (const [body, kind] of spec.failures) {
      const outcome = service.judge({ status: 200, headers: {}, body }, NOW_MS);
      assert.equal(outcome.kind, kind, body);
    }
  },

  "waits as long as the service asks, in each format of the wait": (subject) => {
    const { spec } = subject;
    if (spec?.kind !== "http") return;
    const service = serviceFor(subject);
    const ways: HttpSpec["waits"] = [
      { answer: { headers: { "retry-after": "120" } }, waitMs: 120_000 },
      { answer: { headers: { "retry-after": new Date(NOW_MS + 90_000).toUTCString() } }, waitMs: 90_000 },
      ...spec.waits,
    ];
    for (const { answer, waitMs } of ways) {
      const outcome = service.judge({ status: 429, headers: {}, body: "", ...answer }, NOW_MS);
      assert.ok(outcome.kind === "retry");
      assert.equal(outcome.retryAfterMs, waitMs, JSON.stringify(answer));
    }
    for (const nonsense of ["-1", "soon", "1e9999", ""]) {
      const outcome = service.judge({ status: 503, headers: { "retry-after": nonsense }, body: "" }, NOW_MS);
      assert.ok(outcome.kind === "retry" && (outcome.retryAfterMs ?? 0) <= 60_000);
    }
  },

  "returns a valid outcome for any answer": (subject) => {
    const service = serviceFor(subject);
    fc.assert(fc.property(anyResponse, fc.integer({ min: 0, max: 8.64e15 }), (response, nowMs) => {
      const outcome = service.judge(response, nowMs);
      if (outcome.kind === "delivered") {
        assert.ok(response.status < 300 || subject.spec?.kind === "print");
        assert.ok((outcome.restMs ?? 0) >= 0);
        return;
      }
      assert.ok(["retry", "broken", "refused"].includes(outcome.kind), JSON.stringify(outcome));
      assert.ok(typeof outcome.reason === "string" && outcome.reason !== "");
      assert.ok(outcome.kind !== "retry" || (outcome.retryAfterMs ?? 0) >= 0);
    }));
  },
};

/** The outcomes that ssh-session-notifier(8) lists. */
export function kindOf(status: number): Outcome["kind"] {
  if (status < 300) return "delivered";
  if ([408, 424, 425, 429].includes(status) || status >= 500) return "retry";
  return [401, 402, 403, 404, 405, 407, 410, 415, 421, 451].includes(status) || status < 400 ? "broken" : "refused";
}

/** The hosts that a request connects to. */
function endpointsOf(request: ServiceRequest): string[] {
  if (request.kind === "mail") return [request.server.endpoint];
  return request.kind === "http" ? [new URL(request.url).host] : [];
}

function http(request: ServiceRequest): HttpRequest {
  assert.ok(request.kind === "http");
  return request;
}

/** The headers without the signature, which differs for each body. */
function unsigned({ headers }: HttpRequest): Readonly<Record<string, string>> {
  return { ...headers, "webhook-signature": "" };
}

const anyResponse: fc.Arbitrary<HttpResponse> = fc.record({
  status: fc.oneof(fc.integer({ min: 200, max: 599 }), fc.constantFrom(200, 204, 400, 429, 503)),
  headers: fc.dictionary(
    fc.oneof(
      fc.constantFrom("retry-after", "x-ratelimit-remaining", "x-ratelimit-reset-after", "x-limit-app-reset"),
      fc.string(),
    ),
    fc.oneof(
      fc.string(),
      fc.double().map(String),
      fc.constantFrom("0", "-1", "1e999", "Sun, 22 Nov 2026 22:14:32 GMT"),
    ),
  ),
  body: fc.oneof(
    fc.string({ unit: "binary" }),
    fc.json(),
    fc.constantFrom("ok", "no_service", "invalid_token"),
    // Converting these values to a number or a string throws.
    fc.constantFrom("code", "error", "errcode", "status", "message").map((name) => `{"${name}":{"toString":[]}}`),
    fc.record({
      id: fc.jsonValue(),
      ok: fc.jsonValue(),
      status: fc.oneof(fc.jsonValue(), fc.constant(1)),
      event_id: fc.jsonValue(),
      message: fc.jsonValue(),
      error: fc.jsonValue(),
      errors: fc.jsonValue(),
      errcode: fc.jsonValue(),
      description: fc.jsonValue(),
      parameters: fc.oneof(fc.jsonValue(), fc.record({ migrate_to_chat_id: fc.jsonValue(), retry_after: fc.double() })),
      code: fc.oneof(fc.jsonValue(), fc.constantFrom(42901, 42908)),
      retry_after: fc.oneof(fc.jsonValue(), fc.double()),
      retry_after_ms: fc.oneof(fc.jsonValue(), fc.double()),
    }, { requiredKeys: [] }).map((fields) => JSON.stringify(fields)),
  ),
});
