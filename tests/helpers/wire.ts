// The part of the compliance suite with real sockets: a service, the transport of `send`, and a loopback server that
// behaves like the service, or as badly as a server can.

import assert from "node:assert/strict";
import { attempt } from "../../src/send/attempt.ts";
import { systemClock } from "../../src/clock.ts";
import type { WorkerSettings } from "../../src/transport/exchange.ts";
import { redactor } from "../../src/send/redact.ts";
import { startTransport, type Transport } from "../../src/transport/transport.ts";
import type { ConfiguredService } from "../../src/services/registry.ts";
import type { Message, Outcome } from "../../src/services/service.ts";
import { configured, kindOf, serviceFor, type Subject } from "./compliance.ts";
import { HOSTILE_TEXTS, MARKUP, messageWith, notification } from "./fixtures.ts";
import { type Interceptor, json, Receiver } from "./receiver.ts";
import { SECRET } from "./receivers.ts";
import type { HttpSpec } from "./service_specs.ts";

/** The request timeout, in milliseconds: long for servers that answer at once, short for tests that wait for it. */
const TIMEOUT_MS = 4_000;

/** A service that points to its own receiver. */
export interface Wire {
  readonly spec: HttpSpec;
  readonly receiver: Receiver;
  readonly service: ConfiguredService;
  /** Attempts to deliver a message as `send` does; by default one ordinary event. */
  readonly attempt: (message?: Message, service?: ConfiguredService) => Promise<Outcome>;
}

/**
 * Starts the Worker once, without a timeout. Under `deno test`, its first start checks types, which on a busy machine
 * takes longer than `send` waits; the result is then cached.
 */
export function loadWorker(): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const url = new URL("../../src/transport/http_worker.ts", import.meta.url);
  const worker = new Worker(url, { type: "module", deno: { permissions: "none" } });
  worker.onmessage = () => resolve();
  worker.onerror = (event) => {
    event.preventDefault();
    reject(new Error(event.message));
  };
  worker.postMessage({ caCerts: [], timeoutMs: TIMEOUT_MS, addresses: new Map() } satisfies WorkerSettings);
  return promise.finally(() => worker.terminate());
}

let workerIsLoaded: Promise<void> | undefined;

/**
 * Sets up a service of the registry over sockets. Drops the network permission of the calling isolate, as `send` does.
 *
 * @param options.several whether to use a host name with two addresses, of which only the second works
 */
export async function wireFor(
  subject: Subject,
  { spec, several = false }: { spec: HttpSpec; several?: boolean },
): Promise<Wire & AsyncDisposable> {
  const receiver = new Receiver(spec.receive);
  const origin = several ? receiver.origin.replace("127.0.0.1", "localhost") : receiver.origin;
  const service = serviceFor(subject, origin);
  await (workerIsLoaded ??= loadWorker());
  const transport = await startTransport({
    hosts: service.endpoints,
    caCerts: [],
    timeoutMs: TIMEOUT_MS,
    resolve: () =>
      Promise.resolve(several ? ["127.0.0.3", "127.0.0.1"].map((address) => ({ address, family: 4 })) : []),
  });
  return {
    spec,
    receiver,
    service,
    attempt: (message = messageWith(notification()), other = service) => attemptWith(transport, message, other),
    [Symbol.asyncDispose]: () => receiver.down(),
  };
}

function attemptWith(transport: Transport, message: Message, service: ConfiguredService): Promise<Outcome> {
  const redact = redactor(service.secrets);
  return attempt(message, { service }, {
    transport,
    redact,
    clock: systemClock,
    print: () => assert.fail("nothing to print"),
  });
}

/** The outcome for a given answer of the server. */
async function outcomeOf(wire: Wire, intercept: Interceptor): Promise<Outcome> {
  wire.receiver.intercept = intercept;
  const outcome = await wire.attempt();
  wire.receiver.intercept = () => undefined;
  assert.ok(!JSON.stringify(outcome).includes(SECRET), `shows a secret: ${JSON.stringify(outcome)}`);
  return outcome;
}

/** The outcome of a web page with status 2xx. */
function pageKind({ spec }: Wire): Outcome["kind"] {
  return spec.believesPages ? "delivered" : "broken";
}

/** The checks over sockets, keyed by what they promise. */
export const WIRE_CHECKS: Readonly<Record<string, (wire: Wire, subject: Subject) => Promise<void>>> = {
  "delivers to a receiver of its kind in one request": async (wire) => {
    const unexpected = notification({ urgency: "urgent", reasons: ["first login of alice from 203.0.113.7"] });
    const honest = [notification(), notification({ type: "close", urgency: "low" }), unexpected];
    for (const one of honest) assert.equal((await wire.attempt(messageWith(one))).kind, "delivered");
    assert.equal((await wire.attempt(messageWith(notification(), ...honest))).kind, "delivered");
    assert.equal(wire.receiver.received.length, 4);
  },

  "delivers events with hostile text in every field, in its rich form": async (wire) => {
    const texts = [...HOSTILE_TEXTS.map((text) => text.slice(0, 128).toWellFormed()), ...Object.values(MARKUP)];
    for (const text of texts.filter((text) => text.trim() !== "")) {
      const before = wire.receiver.received.length;
      const values = { user: text, remoteHost: text, terminal: text, service: text, authentication: text };
      const outcome = await wire.attempt(messageWith(notification({ ...values, reasons: [text], urgency: "urgent" })));
      assert.deepEqual([outcome.kind, wire.receiver.received.length - before], ["delivered", 1], text);
    }
  },

  "is broken with settings that the service refuses, and does not blame the event": async (wire, { registered }) => {
    const service = configured(registered, wire.spec.refused(wire.receiver.origin));
    const outcome = await wire.attempt(undefined, service);
    assert.equal(outcome.kind, "broken", JSON.stringify(outcome));
  },

  "shows no secret even if the service's answer quotes it": async (wire) => {
    const said = (request: Request, text: string) =>
      [request.url, ...new URL(request.url).pathname.split("/"), JSON.stringify([...request.headers]), text].join(" ");
    for (const status of [400, 403, 404, 429, 500]) {
      const outcome = await outcomeOf(wire, (request, text) => {
        const words = said(request, text);
        const fields = ["message", "error", "errorDescription", "description", "errcode"].map((name) => [name, words]);
        return json(status, { ...Object.fromEntries(fields), errors: [words] });
      });
      assert.notEqual(outcome.kind, "delivered");
    }
  },

  "judges each status by the outcome table": async (wire) => {
    for (
      const status of [201, 204, 400, 401, 403, 404, 405, 408, 409, 410, 413, 422, 425, 429, 500, 502, 503, 504, 599]
    ) {
      const outcome = await outcomeOf(wire, () => new Response(status === 204 ? null : "<html>", { status }));
      const usual = status === 201 ? pageKind(wire) : kindOf(status);
      assert.equal(outcome.kind, wire.spec.statuses?.[status] ?? usual, `${status}`);
    }
  },

  "waits as long as the service asks": async (wire) => {
    const inAMinute = () => new Date(Date.now() + 60_000).toUTCString();
    for (const value of [() => "60", inAMinute]) {
      const outcome = await outcomeOf(
        wire,
        () => new Response("", { status: 429, headers: { "retry-after": value() } }),
      );
      assert.ok(outcome.kind === "retry");
      const waitMs = outcome.retryAfterMs ?? 0;
      assert.ok(waitMs > 50_000 && waitMs <= 61_000, `${waitMs}`);
    }
  },

  "follows no redirect": async (wire) => {
    for (const status of [301, 302, 303, 307, 308]) {
      const before = wire.receiver.received.length;
      const headers = { location: `${wire.receiver.origin}/elsewhere` };
      const outcome = await outcomeOf(wire, () => new Response(null, { status, headers }));
      assert.deepEqual([outcome.kind, wire.receiver.received.length - before], ["broken", 1], `${status}`);
    }
  },

  "judges a 2xx as delivered with any body except a web page": async (wire) => {
    for (const body of ["", "ok?", "null", "[]", "[".repeat(60_000), new Uint8Array([0xff, 0, 0x80])]) {
      assert.equal((await outcomeOf(wire, () => new Response(body))).kind, "delivered");
    }
    for (const page of ["<html>Log in to the Wi-Fi</html>", "\r\n <!DOCTYPE html>", "\uFEFF<HTML>"]) {
      assert.equal((await outcomeOf(wire, () => new Response(page))).kind, pageKind(wire));
    }
  },

  "reads no more than the start of a huge body": async (wire) => {
    let sent = 0;
    const chunk = new TextEncoder().encode("x".repeat(64 * 1024));
    const body = () =>
      new ReadableStream({
        pull(controller) {
          sent += chunk.length;
          // The body never ends.
          controller.enqueue(chunk);
        },
      });
    assert.equal((await outcomeOf(wire, () => new Response(body()))).kind, "delivered");
    assert.equal((await outcomeOf(wire, () => new Response(body(), { status: 503 }))).kind, "retry");
    // This includes what the sockets buffer.
    assert.ok(sent < 64 * 1024 * 1024, `${sent} bytes`);
  },

  "retries if no answer or only half an answer arrives": async (wire) => {
    const half = () =>
      new ReadableStream({ start: (controller) => controller.enqueue(new TextEncoder().encode(`{"id":`)) });
    const never = Promise.withResolvers<Response>();
    let count = 0;
    wire.receiver.intercept = () => count++ === 0 ? never.promise : new Response(half());
    const outcomes = await Promise.all([wire.attempt(), wire.attempt()]);
    wire.receiver.intercept = () => undefined;
    never.resolve(new Response());
    for (const outcome of outcomes) {
      assert.deepEqual(outcome, { kind: "retry", reason: `no answer in ${TIMEOUT_MS / 1000} s` });
    }
  },
};

/** Checks the outcome if nothing listens. Must be the last check. */
export async function checkDown(wire: Wire): Promise<void> {
  await wire.receiver.down();
  const outcome = await wire.attempt();
  assert.equal(outcome.kind, "retry", JSON.stringify(outcome));
  assert.ok(!JSON.stringify(outcome).includes(SECRET), JSON.stringify(outcome));
}
