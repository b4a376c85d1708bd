// Every service of the registry, and the one that the README shows how to write, is held to the compliance suite: by its
// file (tests/helpers/compliance.ts) and over sockets (tests/helpers/wire.ts). The suite is held to failing where it should.

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
  // How a request is made then is the same for all services.
  if (name === "discord") testOverSockets(`${name}: by a name with two addresses`, { subject, spec, several: true });
}

function testOverSockets(
  name: string,
  { subject, ...options }: { subject: Subject; spec: HttpSpec; several?: boolean },
): void {
  Deno.test({
    name,
    // Given back when the test ends: the transport takes the network from whoever starts it.
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
      await test.step("tries again later where nobody listens", () => checkDown(wire));
    },
  });
}

Deno.test("every service of the registry stands under its own name, and every receiver has its service", () => {
  for (const [name, registered] of services) assert.equal(registered.name, name);
  assert.deepEqual(Object.keys(SPECS).sort(), [...services.keys()].sort());
});

/** Faults of a service's file that the suite must find, each made to a good one. */
const FAULTS: Readonly<Record<string, Partial<Record<keyof Service<unknown>, unknown>>>> = {
  "no limit": { limits: undefined },
  "a limit without a number": { limits: { unit: "bytes" } },
  "a limit of nothing": { limits: { text: 0, unit: "bytes" } },
  "a limit without a unit": { limits: { text: 2000 } },
  "no page of its API": { apiUrl: undefined },
  "an empty page of its API": { apiUrl: "" },
  "a page that is none": { apiUrl: "the docs" },
  "no example": { example: undefined },
  "an empty example": { example: "" },
  "an example that is no TOML": { example: "webhook_url = " },
  "an example of another service": { example: `topic_url = "https://ntfy.sh/x"` },
  "an example that check would warn of": { example: `webhook_url = "https://example.com/api/webhooks/1/x"` },
  "a secret option that is none": { secretOptions: ["token"] },
  "an option with a secret that is not said to be one": { secretOptions: [] },
  "secrets that are shown": { secrets: () => [] },
  "hosts that it does not talk to": { endpoints: () => ["example.com:443"] },
  "digests that are too long": { fitting: (notifications: readonly unknown[]) => notifications.length },
  "digests that are too short": { fitting: () => 5 },
  "waits that are not kept": { judge: () => ({ kind: "retry", reason: "later" }) },
  "an outcome that is none": { judge: () => ({ kind: "perhaps" }) },
};

for (const [fault, changes] of Object.entries(FAULTS)) {
  Deno.test(`the suite fails for a service with ${fault}`, async () => {
    assert.notDeepEqual(await failedChecks({ registered: registerFaulty(changes), spec: SPECS["discord"] }), []);
  });
}

Deno.test("the suite fails for a service without a receiver in the tests", async () => {
  const failed = await failedChecks({ registered: register(discord), spec: undefined });
  assert.ok(failed.includes("has a receiver in the tests, which takes what it sends"), failed.join("\n"));
});

Deno.test("the suite fails for a service that lets values of events through as they are", async () => {
  const render: typeof discord.render = (batch, settings, options) => {
    const request = discord.render(batch, settings, options);
    assert.ok(request.kind === "http");
    // JSON has a backslash as two.
    return { ...request, body: request.body.replaceAll("\\\\", "") };
  };
  const failed = await failedChecks({ registered: registerFaulty({ render }), spec: SPECS["discord"] });
  assert.ok(failed.includes("lets no event bring in a mention, a link, an image, markup or a command"));
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
