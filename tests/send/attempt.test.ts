import assert from "node:assert/strict";
import { parseConfig } from "../../src/config/config.ts";
import { attempt } from "../../src/send/attempt.ts";
import { redactor } from "../../src/send/redact.ts";
import { messageWith, notification } from "../helpers/fixtures.ts";

const KEY = "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const URL_TEXT = "https://hooks.example/in/b2a6f0c4d8e1?token=qT7x9LmZ";
const CONFIG = `[notification]\nservice = "webhook"\nwebhook.url = "${URL_TEXT}"\nwebhook.secret = "whsec_${KEY}"\n`;

/** The stored reason of a request that fails with this one. */
async function reasonFor(detail: string): Promise<string> {
  const { routes: [route], secrets } = parseConfig(CONFIG, { hostName: () => "h" });
  assert.ok(route);
  const outcome = await attempt(messageWith(notification()), route, {
    transport: () => Promise.resolve({ kind: "failed", failure: "network", detail }),
    print: () => {},
    clock: { nowMs: () => 0 },
    redact: redactor(secrets),
  });
  assert.equal(outcome.kind, "retry");
  return "reason" in outcome ? outcome.reason : "";
}

Deno.test("attempt() leaves no part of a secret at the end of a truncated reason", async () => {
  for (let before = 300 - URL_TEXT.length - 10; before < 310; before++) {
    const reason = await reasonFor(`${"-".repeat(before)}${URL_TEXT}${KEY}${"-".repeat(300)}`);
    assert.ok(reason.length <= 300, `${reason.length}`);
    assert.doesNotMatch(reason, /hooks|b2a6|MfKQ/, `${before}`);
  }
});

Deno.test("attempt() redacts each part of a webhook's URL and key that is secret by itself", async () => {
  for (const part of [`whsec_${KEY}`, KEY, "b2a6f0c4d8e1", "qT7x9LmZ", "/in/b2a6f0c4d8e1?token=qT7x9LmZ"]) {
    assert.equal(await reasonFor(`no such hook: ${part}`), "no such hook: [secret]");
  }
});

Deno.test("attempt() asks each server at once, and says without a secret which one failed", async () => {
  const { routes: [route], secrets } = parseConfig(
    `[notification]\nservice = "alertmanager"\n[notification.alertmanager]\ntoken = "${KEY}"\n` +
      `server_urls = ["http://one.lan", "http://two.lan", "http://three.lan"]\n`,
    { hostName: () => "h" },
  );
  assert.ok(route);
  const waiting = Promise.withResolvers<void>();
  const asked: string[] = [];
  const outcome = await attempt(messageWith(notification()), route, {
    transport: async (request) => {
      assert.ok(request.kind === "http");
      const { url, headers } = request;
      asked.push(`${new URL(url).hostname} ${headers["authorization"]}`);
      if (asked.length === 3) waiting.resolve();
      await waiting.promise;
      if (url.includes("two")) return { kind: "response", response: { status: 200, headers: {}, body: "" } };
      return { kind: "failed", failure: "network", detail: `no route\nfor ${KEY}${"-".repeat(400)}` };
    },
    print: () => {},
    clock: { nowMs: () => 0 },
    redact: redactor(secrets),
  });
  assert.deepEqual(asked, ["one", "two", "three"].map((host) => `${host}.lan Bearer ${KEY}`));
  assert.ok(outcome.kind === "delivered" && outcome.warning !== undefined);
  assert.match(outcome.warning, /^not to every server: one\.lan: no route\\u\{a\}for \[secret\]-+…$/);
  assert.equal(outcome.warning.length, 300);
});
