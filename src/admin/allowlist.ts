// Looks at the allowlist: which of its rules allow nothing any more.

import { type AllowRule, isExpired, ruleName } from "../config/allowlist.ts";
import { formatDuration } from "../duration.ts";
import type { Findings } from "./finding.ts";

/** Looks at the rules, and says what is found. */
export function inspectAllowlist(
  rules: readonly AllowRule[],
  { nowMs, findings }: { nowMs: number; findings: Findings },
): void {
  for (const rule of rules) {
    if (!isExpired(rule, nowMs)) continue;
    const ago = formatDuration(nowMs - (rule.expiresAtMs ?? nowMs));
    findings.warning(
      "config.rule-expired",
      `${ruleName(rule)} expired ${ago} ago, and allows nothing`,
      "take the rule out, or give it a later expires_at",
    );
  }
}
