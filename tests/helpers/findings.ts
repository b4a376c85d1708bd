// What tests assert about the findings of `check`: level, id and the values in a message, not its words.

import assert from "node:assert/strict";
import type { Finding } from "../../src/admin/check/finding.ts";
import type { Id } from "../../src/ids.ts";

/** A level and an id, such as `fault pam.hook-missing`. */
export type LevelAndId = `${Finding["level"]} ${Id}`;

/** Asserts that every fault and every warning says what to do about it. */
function assertHints(findings: readonly Finding[]): void {
  for (const { level, message, hint } of findings) assert.equal(hint === "", level === "pass", message);
}

/** The level and id of each finding, in order. Asserts that each has a hint, unless it is a pass. */
export function idsOf(findings: readonly Finding[]): LevelAndId[] {
  assertHints(findings);
  return findings.map(({ level, id }): LevelAndId => `${level} ${id}`);
}

/** Asserts that one finding has this level and id, and all these values in its message or hint. */
export function assertFound(
  findings: readonly Finding[],
  [expected, ...values]: readonly [LevelAndId, ...string[]],
  context = "",
): void {
  assertHints(findings);
  const isFound = findings.some(({ level, id, message, hint }) =>
    `${level} ${id}` === expected && values.every((value) => message.includes(value) || hint.includes(value))
  );
  assert.ok(isFound, `${context}: no ${expected} with ${JSON.stringify(values)} in ${JSON.stringify(findings)}`);
}

/** Asserts that these are all the findings, in this order, each like {@link assertFound}. */
export function assertAllFound(
  findings: readonly Finding[],
  expected: readonly (readonly [LevelAndId, ...string[]])[],
  context = "",
): void {
  assert.deepEqual(idsOf(findings), expected.map(([id]) => id), context);
  for (const [index, one] of expected.entries()) assertFound(findings.slice(index, index + 1), one, context);
}
