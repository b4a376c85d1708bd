import assert from "node:assert/strict";
import { routesFor } from "../../src/send/routes_for.ts";

Deno.test("routesFor() returns exactly the routes that get an event", () => {
  const both = ["open", "close"] as const;
  const routes = [
    { name: "all", events: both, notify: "all" },
    { name: "closes", events: ["close"], notify: "all" },
    { name: "oncall", events: both, notify: "unexpected" },
    { name: "oncall opens", events: ["open"], notify: "unexpected" },
  ] as const;
  const rule = { place: "allowlist.rules.0", reason: "r" };
  const table = [
    ["open", false, ["all"]],
    ["open", true, ["all", "oncall", "oncall opens"]],
    ["close", false, ["all", "closes"]],
    ["close", true, ["all", "closes", "oncall"]],
  ] as const;
  for (const [type, unexpected, expected] of table) {
    assert.deepEqual(
      routesFor(routes, { type, verdict: { unexpected, rule: undefined } }),
      expected,
      `${type} ${unexpected}`,
    );
    assert.deepEqual(routesFor(routes, { type, verdict: { unexpected, rule } }), []);
  }
});
