import assert from "node:assert/strict";
import { alternating, differences, median, quantile, ratios } from "./statistics.ts";

Deno.test("median() returns the middle value, or the mean of the two middle values, in any order", () => {
  assert.equal(median([3, 1, 2]), 2);
  assert.equal(median([4, 1, 3, 2]), 2.5);
  assert.equal(median([5]), 5);
  assert.equal(median([1, 10, Infinity]), 10);
  assert.equal(median([1, Infinity, Infinity]), Infinity);
  assert.ok(Number.isNaN(median([])));
});

Deno.test("quantile() returns a measured value that the given share of all values does not exceed", () => {
  const values = Array.from({ length: 200 }, (_, index) => 200 - index);
  assert.deepEqual([0.5, 0.99, 1].map((share) => quantile(values, share)), [100, 198, 200]);
});

Deno.test("alternating() warms up, then measures all subjects in each round, and reverses the order each time", async () => {
  const done: string[] = [];
  const subject = (name: string) => () => Promise.resolve(done.push(name));
  const samples = await alternating({ a: subject("a"), b: subject("b") }, { rounds: 3 });
  assert.equal(done.join(""), "abABBAAB".toLowerCase());
  assert.deepEqual(samples, { a: [3, 6, 7], b: [4, 5, 8] });
});

Deno.test("ratios() and differences() compare within a round", () => {
  assert.deepEqual(ratios([2, 9], [1, 3]), [2, 3]);
  assert.deepEqual(differences([2, 9], [1, 3]), [1, 6]);
  assert.ok(Number.isNaN(median(ratios([1], []))));
});
