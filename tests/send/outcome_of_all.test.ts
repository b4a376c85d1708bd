import assert from "node:assert/strict";
import { outcomeOfAll } from "../../src/send/outcome_of_all.ts";
import type { Outcome } from "../../src/services/service.ts";

const DELIVERED: Outcome = { kind: "delivered" };
const REFUSED: Outcome = { kind: "refused", reason: "no" };
const BROKEN: Outcome = { kind: "broken", reason: "who?" };
const RETRY: Outcome = { kind: "retry", reason: "down" };

Deno.test("outcomeOfAll() is delivered if one server accepted, else refused, else broken, else retry", () => {
  const rows: [Outcome[], Outcome][] = [
    [[DELIVERED], DELIVERED],
    [[RETRY, BROKEN, REFUSED], REFUSED],
    [[RETRY, BROKEN], BROKEN],
    [[RETRY, RETRY], RETRY],
  ];
  for (const [outcomes, expected] of rows) {
    assert.deepEqual(outcomeOfAll(outcomes), expected);
    assert.deepEqual(outcomeOfAll(outcomes.toReversed()), expected);
  }
  for (const other of [REFUSED, BROKEN, RETRY]) {
    assert.deepEqual(outcomeOfAll([other, DELIVERED]), {
      kind: "delivered",
      warning: "reason" in other && `not to every server: ${other.reason}`,
    });
  }
});

Deno.test("outcomeOfAll() waits no longer than the least busy server asks", () => {
  const slow: Outcome = { ...RETRY, retryAfterMs: 60_000 };
  assert.equal(outcomeOfAll([slow, { ...slow, retryAfterMs: 90_000 }]), slow);
  assert.equal(outcomeOfAll([slow, RETRY]), RETRY);
});
