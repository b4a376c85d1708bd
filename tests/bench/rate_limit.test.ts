import assert from "node:assert/strict";
import { DISCORD_LIMITS, type RateLimit, rateLimited } from "./rate_limit.ts";

async function ask(limits: readonly RateLimit[], atMs: readonly number[]): Promise<Response[]> {
  let nowMs = 0;
  const intercept = rateLimited(limits, () => nowMs);
  const responses: Response[] = [];
  for (nowMs of atMs) {
    const response = await intercept(new Request("http://127.0.0.1/"), '{"content":"x"}');
    assert.ok(response !== undefined);
    responses.push(response);
  }
  return responses;
}

Deno.test("rateLimited() accepts as many requests as each window allows, and says when the next one begins", async () => {
  const responses = await ask([{ requests: 2, windowMs: 1_000 }], [0, 10, 400, 999, 1_000, 1_001]);
  assert.deepEqual(responses.map(({ status }) => status), [200, 200, 429, 429, 200, 200]);
  const [first, second, refused] = responses;
  assert.equal(first?.headers.get("x-ratelimit-remaining"), "1");
  assert.equal(second?.headers.get("x-ratelimit-remaining"), "0");
  assert.equal(second?.headers.get("x-ratelimit-reset-after"), "0.990");
  assert.equal(refused?.headers.get("retry-after"), "1");
  assert.equal((await refused?.json()).retry_after, 0.6);
});

Deno.test("rateLimited() accepts 30 requests in a minute like Discord, even within the limit of 5 in 2 s", async () => {
  const responses = await ask(DISCORD_LIMITS, Array.from({ length: 120 }, (_, index) => index * 500));
  const accepted = responses.filter(({ ok }) => ok);
  assert.equal(accepted.length, 30);
  // Refused requests do not count, so the wait gets shorter.
  assert.deepEqual(await responses.at(-1)?.json(), {
    message: "You are being rate limited.",
    retry_after: 0.5,
    global: false,
  });
});
