// Checks the allowlist for rules that have expired.

import { type AllowRule, isExpired, ruleName } from "../../session/allowlist.ts";
import { formatDuration } from "../../duration.ts";
import type { Findings } from "./finding.ts";

/** Checks the rules, and reports the findings. */
export function inspectAllowlist(
  rules: readonly AllowRule[],
  { nowMs, findings }: { nowMs: number; findings: Findings },
): void {
  for (const rule of rules) {
    if (!isExpired(rule, nowMs)) continue;
    const ago = formatDuration(nowMs - (rule.expiresAtMs ?? nowMs));
    findings.warning(
      "config.rule-expired",
      `${ruleName(rule)} expired ${ago} ago and no longer applies`,
      "remove the rule, or set a later expires_at",
    );
  }
}
