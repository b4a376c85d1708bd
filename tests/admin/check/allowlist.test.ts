import { inspectAllowlist } from "../../../src/admin/check/allowlist.ts";
import { Findings } from "../../../src/admin/check/finding.ts";
import type { AllowRule } from "../../../src/session/allowlist.ts";
import { assertAllFound } from "../../helpers/findings.ts";

Deno.test("inspectAllowlist() warns about expired rules only", () => {
  const nowMs = Date.UTC(2027, 0, 3);
  const rule = (index: number, expiresAtMs?: number): AllowRule => ({
    place: `allowlist.rules.${index}`,
    reason: `reason ${index}`,
    users: ["alice"],
    ...(expiresAtMs === undefined ? {} : { expiresAtMs }),
  });
  const findings = new Findings();
  inspectAllowlist([rule(0), rule(1, nowMs), rule(2, nowMs + 1), rule(3, Date.UTC(2027, 0))], { nowMs, findings });
  assertAllFound(findings.all, [
    ["warning config.rule-expired", "allowlist.rules.1", '"reason 1"', "0 s ago"],
    ["warning config.rule-expired", "allowlist.rules.3", '"reason 3"', "2 d ago"],
  ]);
});
