// Every service of the registry is held to everything in tests/helpers/compliance.ts; and the suite itself is held to
// failing where it should.

import assert from "node:assert/strict";
import { register, services } from "../../src/services/registry.ts";
import { discord } from "../../src/services/discord.ts";
import { CHECKS } from "../helpers/compliance.ts";
import { SPECS } from "../helpers/service_specs.ts";

for (const [name, registered] of services) {
  for (const [promise, check] of Object.entries(CHECKS)) {
    Deno.test(`${name}: ${promise}`, () => check({ registered, spec: SPECS[name] }));
  }
}
