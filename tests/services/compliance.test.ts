// Runs the compliance suite for every service of the registry and for the example service: on its file
// (tests/helpers/compliance.ts) and over sockets (tests/helpers/wire.ts). Also tests that the suite fails when it should.

import assert from "node:assert/strict";
import { discord } from "../../src/services/discord.ts";
import { register, type RegisteredService, services } from "../../src/services/registry.ts";
import type { Service } from "../../src/services/service.ts";
import { CHECKS, type Subject } from "../helpers/compliance.ts";
import { type HttpSpec, SPECS } from "../helpers/service_specs.ts";
import { checkDown, WIRE_CHECKS, wireFor } from "../helpers/wire.ts";
import { pager } from "../testdata/pager.ts";
import { pagerSpec } from "../testdata/pager_spec.ts";

const SUBJECTS: readonly Subject[] = [
  ...[...services].map(([name, registered]) => ({ registered, spec: SPECS[name] })),
  { registered: register(pager), spec: pagerSpec },
];

for (const subject of SUBJECTS) {
  const { registered: { name }, spec } = subject;
  for (const [promise, check] of Object.entries(CHECKS)) {
    Deno.test(`${name}: ${promise}`, () => check(subject));
  }

  if (spec?.kind !== "http") continue;
  testOverSockets(`${name}: over real sockets`, { subject, spec });
  // Requests to a name with two addresses are made in the same way for all services.
  if (name === "discord") testOverSockets(`${name}: by a name with two addresses`, { subject, spec, several: true });
}

function testOverSockets(
  name: string,
  { subject, ...options }: { subject: Subject; spec: HttpSpec; several?: boolean },
): void {
  Deno.test({
    name,
    // The transport drops the network permission of its process; Deno restores it when the test ends.
    permissions: { net: true, read: true, env: true },
    // The transport lives as long as its process.
    sanitizeOps: false,
    sanitizeResources: false,
    fn: async (test) => {
      await using wire = await wireFor(subject, options);
      for (const [promise, check] of Object.entries(WIRE_CHECKS)) {
        wire.receiver.received.length = 0;
        await test.step(promise, () => check(wire, subject));
      }
      await test.step("retries if nothing listens on the port", () => checkDown(wire));
    },
  });
}

Deno.test("every service is registered under its own name, and every receiver has a service", () => {
  for (const [name, registered] of services) assert.equal(registered.name, name);
  assert.deepEqual(Object.keys(SPECS).sort(), [...services.keys()].sort());
});

/** Faults that the suite must find, each applied to a correct service. */
const FAULTS: Readonly<Record<string, Partial<Record<keyof Service<unknown>, unknown>>>> = {
  "no limit": { limits: undefined },
  "a limit without a number": { limits: { unit: "bytes" } },
  "a limit of nothing": { limits: { text: 0, unit: "bytes" } },
  "a limit without a unit": { limits: { text: 2000 } },
  "no API page": { apiUrl: undefined },
  "an empty API page": { apiUrl: "" },
  "an API page that is not a URL": { apiUrl: "the docs" },
  "no example": { example: undefined },
  "an empty example": { example: "" },
  "an example that is not TOML": { example: "webhook_url = " },
  "an example of another service": { example: `topic_url = "https://ntfy.sh/x"` },
  "an example that causes a warning": { example: `webhook_url = "https://example.com/api/webhooks/1/x"` },
  "a secret option that does not exist": { secretOptions: ["token"] },
  "a secret option that is not declared secret": { secretOptions: [] },
  "hosts that it does not connect to": {
    server: () => ({ option: "webhook_url", url: new URL("https://example.com") }),
  },
  "digests that are too long": { fitting: (notifications: readonly unknown[]) => notifications.length },
  "digests that are too short": { fitting: () => 5 },
  "waits that are ignored": { judge: () => ({ kind: "retry", reason: "later" }) },
  "an invalid outcome": { judge: () => ({ kind: "perhaps" }) },
};

for (const [fault, changes] of Object.entries(FAULTS)) {
  Deno.test(`the suite fails for a service with ${fault}`, async () => {
    assert.notDeepEqual(await failedChecks({ registered: registerFaulty(changes), spec: SPECS["discord"] }), []);
  });
}

Deno.test("the suite fails for a service with secrets that are shown", async () => {
  const registered = register(discord);
  const configure: typeof registered.configure = (options) => {
    const configured = registered.configure(options);
    return "service" in configured ? { service: { ...configured.service, secrets: [] } } : configured;
  };
  assert.notDeepEqual(await failedChecks({ registered: { ...registered, configure }, spec: SPECS["discord"] }), []);
});

Deno.test("the suite fails for a service without a receiver in the tests", async () => {
  const failed = await failedChecks({ registered: register(discord), spec: undefined });
  assert.ok(failed.includes("has a receiver in the tests that accepts its requests"), failed.join("\n"));
});

Deno.test("the suite fails for a service that does not escape the values of events", async () => {
  const render: typeof discord.render = (message, settings, options) => {
    const request = discord.render(message, settings, options);
    assert.ok(request.kind === "http");
    // JSON writes a backslash as two.
    return { ...request, body: request.body.replaceAll("\\\\", "") };
  };
  const failed = await failedChecks({ registered: registerFaulty({ render }), spec: SPECS["discord"] });
  assert.ok(failed.includes("prevents events from adding a mention, a link, an image, markup or a command"));
});

function registerFaulty(changes: Partial<Record<keyof Service<unknown>, unknown>>): RegisteredService {
  return register({ ...discord, ...changes } as typeof discord);
}

async function failedChecks(subject: Subject): Promise<string[]> {
  const failed: string[] = [];
  for (const [promise, check] of Object.entries(CHECKS)) {
    try {
      await check(subject);
    } catch {
      failed.push(promise);
    }
  }
  return failed;
}
