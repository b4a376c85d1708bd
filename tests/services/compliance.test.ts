// What every service is held to. Walks the registry: a service that is not in the table below fails, too.

import assert from "node:assert/strict";
import fc from "npm:fast-check@4.10.2";
import { parse } from "smol-toml";
import { cap } from "../../src/event.ts";
import { LEARNING } from "../../src/send/judge.ts";
import { notificationOf } from "../../src/send/render.ts";
import { type ConfiguredService, type RegisteredService, services } from "../../src/services/registry.ts";
import type { Form, HttpRequest, HttpResponse, Notification, ServiceRequest } from "../../src/services/service.ts";
import { batchOf, certificate, HOSTILE_TEXTS, judgedEvent, notification } from "../helpers/fixtures.ts";

/** What a service of the registry is known by here. */
interface Expectation {
  /** Options whose secrets can be told from everything else. */
  readonly options: Readonly<Record<string, string>>;
  /** What of them must be redacted. */
  readonly secrets: readonly string[];
  /** Holds a request to the limits of the service's API. */
  readonly withinLimits: (request: ServiceRequest) => void;
}

const FORMS: readonly Form[] = ["rich", "plain"];

const EXPECTATIONS: Readonly<Record<string, Expectation>> = {
  discord: {
    options: { webhook_url: "https://discord.com/api/webhooks/123456789/hook-s3cr3t" },
    secrets: ["hook-s3cr3t"],
    withinLimits: (request) => {
      const { content, username, ...rest } = bodyOf(request);
      const text = string(content);
      assert.ok(text.length >= 1 && text.length <= 2000, `${text.length} code units`);
      assert.ok(text.isWellFormed());
      if (username !== undefined) assert.ok(string(username).length >= 1 && string(username).length <= 80);
      assert.deepEqual(Object.keys(rest).sort(), ["allowed_mentions", "flags"]);
      assert.ok(!http(request).body.includes("123456789"));
    },
  },
  ntfy: {
    options: { topic_url: "https://ntfy.sh/topic-s3cr3t", token: "tk_s3cr3t" },
    secrets: ["topic-s3cr3t", "tk_s3cr3t"],
    withinLimits: (request) => {
      const { topic, message, title = "x", ...rest } = bodyOf(request);
      // The API has the topic in the body; nothing else of the secrets belongs there.
      assert.equal(topic, "topic-s3cr3t");
      assert.deepEqual(rest, {});
      assert.ok(bytes(string(message)) >= 1 && bytes(string(message)) <= 4096, `${bytes(string(message))} bytes`);
      assert.ok(bytes(http(request).body) <= 8192, `${bytes(http(request).body)} bytes of JSON`);
      assert.ok(string(message).isWellFormed() && string(title).isWellFormed());
      assert.doesNotMatch(`${string(message)}${string(title)}`, /s3cr3t/);
    },
  },
  stdout: {
    options: {},
    secrets: [],
    withinLimits: (request) => {
      assert.ok(request.kind === "print");
      assert.match(request.text, /^[^\n\r\u2028\u2029]+$/);
    },
  },
};

function http(request: ServiceRequest): HttpRequest {
  assert.ok(request.kind === "http");
  return request;
}

function bodyOf(request: ServiceRequest): Record<string, unknown> {
  return JSON.parse(http(request).body);
}

function string(value: unknown): string {
  assert.ok(typeof value === "string", `not a text: ${value}`);
  return value;
}

function bytes(text: string): number {
  return new TextEncoder().encode(text).length;
}

function configured(service: RegisteredService, options: unknown): ConfiguredService {
  const result = service.configure(options);
  assert.ok("service" in result, JSON.stringify("issues" in result && result.issues.map(({ message }) => message)));
  return result.service;
}

/** Whatever the configuration takes for the name of a host. */
const hostName = fc.oneof(
  fc.constantFrom(...HOSTILE_TEXTS),
  fc.string({ unit: "binary", minLength: 1, maxLength: 253 }),
)
  .map((text) => text.replace(/[\p{Cc}\p{Zl}\p{Zp}]/gu, "").slice(0, 253).trim())
  .filter((text) => text !== "" && text.isWellFormed());

const value = fc.oneof(
  fc.constantFrom(...HOSTILE_TEXTS),
  fc.string({ unit: "binary", maxLength: 300 }),
  fc.string({ unit: fc.constantFrom(..."*_~`|<>@#:/[]()\\'\"&漢😀\n"), maxLength: 300 }),
);

const hostileNotification = fc.record({
  type: fc.constantFrom<"open" | "close">("open", "close"),
  occurredAtMs: fc.integer({ min: -8.64e15, max: 8.64e15 }),
  user: value,
  remoteHost: value,
  terminal: value,
  service: value,
  tampered: fc.constantFrom([], ["PAM_USER"]),
  authInfo: fc.oneof(
    value,
    value.map((id) => `publickey ${certificate({ id, serial: 5n }).line}`),
    value.map((more) => `gssapi-with-mic ${more}`),
  ),
  reasons: fc.array(value, { maxLength: 3 }).map((texts) => texts.map((text) => cap(text, 96))),
  openedBy: fc.constant(1),
  durationMs: fc.nat(),
  isRepeat: fc.boolean(),
}).chain((event) => hostName.map((name) => notificationOf(judgedEvent(event), { name, timezone: "America/St_Johns" })));

/** The longest that there can be, of characters that grow when they are escaped or encoded: tampered with, and not. */
const LONGEST: readonly Notification[] = [..."*'\"\\漢😀\u202e\ud800"].flatMap((character) =>
  [["PAM_USER"], []].map((tampered) =>
    notificationOf(
      judgedEvent({
        type: "close",
        occurredAtMs: 8.64e15,
        user: character.repeat(256),
        remoteHost: character.repeat(256),
        terminal: character.repeat(256),
        service: character.repeat(256),
        tampered,
        authInfo: [certificate({ id: character.repeat(99), serial: 2n ** 64n - 1n }).line, character.repeat(99)]
          .map((key) => `publickey ${key}\n`).join(""),
        reasons: [
          `first login of ${character.repeat(32)} from ${character.repeat(64)}`,
          `first use of this key by ${character.repeat(32)}`,
          LEARNING,
        ],
        openedBy: 1,
        durationMs: 366 * 24 * 60 * 60 * 1000 - 1,
        isRepeat: true,
      }),
      { name: character.toWellFormed().repeat(253).slice(0, 252), timezone: "America/St_Johns" },
    )
  )
);

const anyResponse: fc.Arbitrary<HttpResponse> = fc.record({
  status: fc.oneof(fc.integer({ min: 200, max: 599 }), fc.constantFrom(200, 204, 429, 503)),
  headers: fc.dictionary(
    fc.oneof(fc.constantFrom("retry-after", "x-ratelimit-remaining", "x-ratelimit-reset-after"), fc.string()),
    fc.oneof(
      fc.string(),
      fc.double().map(String),
      fc.constantFrom("0", "-1", "1e999", "Sun, 22 Nov 2026 22:14:32 GMT"),
    ),
  ),
  body: fc.oneof(
    fc.string({ unit: "binary" }),
    fc.json(),
    fc.record({
      id: fc.jsonValue(),
      message: fc.jsonValue(),
      error: fc.jsonValue(),
      code: fc.oneof(fc.jsonValue(), fc.constantFrom(42901, 42908)),
      retry_after: fc.oneof(fc.jsonValue(), fc.double()),
    }, { requiredKeys: [] }).map((fields) => JSON.stringify(fields)),
  ),
});

Deno.test("every service of the registry is held to its limits here", () => {
  assert.deepEqual([...services.keys()].sort(), Object.keys(EXPECTATIONS).sort());
});

for (const [name, registered] of services) {
  const expectation = EXPECTATIONS[name];
  if (expectation === undefined) continue;
  const service = configured(registered, expectation.options);

  Deno.test(`${name}: has its own name, and a link to its API`, () => {
    assert.equal(registered.name, name);
    assert.equal(service.name, name);
    assert.equal(new URL(registered.apiUrl).protocol, "https:");
  });

  Deno.test(`${name}: takes its own example`, () => {
    const options = parse(registered.example);
    configured(registered, options);
    for (const option of Object.keys(options)) assert.ok(registered.optionNames.includes(option), option);
  });

  Deno.test(`${name}: refuses an option that it does not know, and what is no table`, () => {
    for (const wrong of [{ ...expectation.options, colour: "red" }, "text", 1, null, true]) {
      assert.ok("issues" in registered.configure(wrong), JSON.stringify(wrong));
    }
  });

  Deno.test(`${name}: names its secrets, and the hosts that it talks to`, () => {
    for (const secret of expectation.secrets) assert.ok(service.secrets.includes(secret), secret);
    const request = service.render(batchOf(notification()), "rich");
    const hosts = request.kind === "http"
      ? [new URL(request.url)].map(({ host, port }) => port ? host : `${host}:443`)
      : [];
    assert.deepEqual(service.endpoints, hosts);
  });

  for (const form of FORMS) {
    Deno.test(`${name}: says who did what, where from and when, in its ${form} form`, () => {
      const request = service.render(batchOf(notification({ hostName: "h1" })), form);
      const text = (request.kind === "http" ? request.body : request.text).replaceAll(/\\+/g, "");
      for (const word of ["alice", "203.0.113.7", "logged in to h1", "11:13:32+13:00"]) {
        assert.ok(text.includes(word), word);
      }
    });

    Deno.test(`${name}: keeps any notification within its limits, in its ${form} form`, () => {
      for (const longest of LONGEST) expectation.withinLimits(service.render(batchOf(longest), form));
      fc.assert(fc.property(hostileNotification, (hostile) => {
        expectation.withinLimits(service.render(batchOf(hostile), form));
      }));
    });

    Deno.test(`${name}: puts nothing of an event into URL or headers, nor a token into the body, in its ${form} form`, () => {
      const request = service.render(batchOf(notification()), form);
      if (request.kind !== "http") return;
      const { body, headers, url } = request;
      fc.assert(fc.property(hostileNotification, (hostile) => {
        const other = http(service.render(batchOf(hostile), form));
        assert.deepEqual([other.url, other.headers, other.method], [url, headers, request.method]);
      }));
      const belongElsewhere = expectation.secrets.filter((secret) =>
        url.includes(secret) || Object.values(headers).some((header) => header.includes(secret))
      );
      for (const secret of belongElsewhere) assert.ok(!body.includes(secret), secret);
    });
  }

  Deno.test(`${name}: makes a sane outcome of any response`, () => {
    fc.assert(fc.property(anyResponse, fc.integer({ min: 0, max: 8.64e15 }), (response, nowMs) => {
      const outcome = service.judge(response, nowMs);
      switch (outcome.kind) {
        case "delivered":
          assert.ok(response.status < 300 || name === "stdout");
          return assert.ok((outcome.restMs ?? 0) >= 0);
        case "retry":
          assert.ok((outcome.retryAfterMs ?? 0) >= 0);
          return assert.ok(string(outcome.reason) !== "");
        case "broken":
        case "rejected":
          return assert.ok(string(outcome.reason) !== "");
        default:
          assert.fail(`not an outcome: ${JSON.stringify(outcome)}`);
      }
    }));
  });
}

for (const [name, service] of services) {
  Deno.test(`${name}: a test is within its limits, and says that it is one`, () => {
    const { options, withinLimits } = EXPECTATIONS[name] ?? assert.fail(`no expectation for ${name}`);
    const route = configured(service, options);
    for (const form of FORMS) {
      const hostName = "h".repeat(253);
      const request = route.render(batchOf({ type: "test", hostName, time: "2026-11-23 11:13:32+13:00" }), form);
      withinLimits(request);
      assert.match(request.kind === "print" ? request.text : request.body, /This is a test/);
    }
  });
}
