// A user logs in over SSH, and the notification arrives: the compiled program with a real sshd.

import assert from "node:assert/strict";
import { services } from "../../src/services/registry.ts";
import { configFor, endToEnd, send, sendUntilItSays, shell } from "../helpers/end_to_end.ts";
import { discordLike, ntfyLike } from "../helpers/receivers.ts";

const TIME = String.raw`\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\+1[23]:00`;

/** The sentence of an open, and its details. */
function opened(authentication: string): RegExp {
  return new RegExp(
    String.raw`^'alice' \(127\.0\.0\.1\) logged in to example\.com via ssh \(sshd\) at ${TIME} ` +
      String.raw`\[first login of alice; this host is still learning what is usual; ${authentication}\]$`,
  );
}

function closed(authentication: string): RegExp {
  return new RegExp(
    String.raw`^'alice' \(127\.0\.0\.1\) logged out from example\.com via ssh \(sshd\) at ${TIME} ` +
      String.raw`\[after \d+ s; ${authentication}\]$`,
  );
}

const BY_KEY = String.raw`publickey ED25519 SHA256:[A-Za-z0-9+/]{43}`;

endToEnd("a login with a key and its logout arrive at Discord in one run of send", async (host) => {
  await using discord = discordLike();
  await host.writeConfig(configFor("discord", `webhook_url = "${discord.webhookUrl}"`));
  const login = await host.ssh("alice", { auth: "key", command: "echo here" });
  assert.deepEqual([login.code, login.stdout], [0, "here\n"]);
  await host.loggedOut();

  const { code, stdout, stderr } = await send(host);
  assert.deepEqual([code, stdout, stderr], [0, "", ""]);
  const contents = discord.accepted.map(({ body }) => String(body["content"]).replaceAll("\\", ""));
  assert.equal(contents.length, 2);
  assert.match(contents[0] ?? "", opened(BY_KEY));
  assert.match(contents[1] ?? "", closed(BY_KEY));
  assert.deepEqual(
    discord.accepted.map(({ path }) => path),
    Array(2).fill("/api/webhooks/123456789/webhook-secret-token?wait=true"),
  );

  // Delivered events are not sent again.
  assert.equal((await send(host)).code, 0);
  assert.equal(discord.received.length, 2);
});

endToEnd("a login with a password and its logout arrive at ntfy in one run of send", async (host) => {
  await using ntfy = ntfyLike({ token: "tk_secret" });
  await host.writeConfig(configFor("ntfy", `topic_url = "${ntfy.topicUrl}"\ntoken = "tk_secret"`));
  assert.equal((await host.ssh("alice", { auth: "password" })).code, 0);
  await host.loggedOut();

  const { code, stdout, stderr } = await send(host);
  assert.deepEqual([code, stdout, stderr], [0, "", ""]);
  const messages = ntfy.accepted.map(({ body }) => String(body["message"]));
  assert.equal(messages.length, 2);
  assert.match(messages[0] ?? "", opened("password"));
  assert.match(messages[1] ?? "", closed("password"));
  assert.equal(ntfy.accepted[0]?.body["topic"], "topic-secret-name");
});

endToEnd(
  "a login with UseDNS arrives with its address and its name",
  async (host) => {
    await host.writeConfig(configFor("stdout"));
    // The name must resolve in both directions.
    await shell(host, "printf '127.0.0.1 client.evil.test\n' >/etc/hosts");
    for (const _ of [1, 2]) assert.equal((await host.ssh("alice", { auth: "key" })).code, 0);
    await host.loggedOut();
    const { code, stdout } = await send(host);
    assert.equal(code, 0);
    const places = [...stdout.matchAll(/'alice' \(([^)]*)\) logged (in|out)/g)].map(([, place, what]) =>
      `${what} ${place}`
    );
    const place = "127.0.0.1, client.evil.test";
    assert.deepEqual(places.toSorted(), [`in ${place}`, `in ${place}`, `out ${place}`, `out ${place}`]);
    const history = await host.run(["/usr/sbin/ssh-session-notifier", "history"]);
    assert.equal(history.stdout.match(/ 127\.0\.0\.1, client\.evil\.test /g)?.length, 2, history.stdout);
  },
  { sshdOptions: ["UseDNS yes"] },
);

endToEnd("an allowlisted login is recorded but not notified", async (host) => {
  await using discord = discordLike();
  const options = `webhook_url = "${discord.webhookUrl}"`;
  await host.writeConfig(configFor("discord", options, `[allowlist]\nips = ["192.0.2.1", "127.0.0.0/8"]`));
  assert.equal((await host.ssh("alice", { auth: "key" })).code, 0);
  await host.loggedOut();

  const { code, stderr } = await send(host, "--verbose");
  assert.equal(code, 0, stderr);
  assert.equal(stderr.match(/is allowlisted: 127\.0\.0\.1/g)?.length, 2);
  assert.equal(discord.received.length, 0);
});

endToEnd("ten logins at once are all recorded, and each is notified once", async (host) => {
  await using ntfy = ntfyLike();
  await host.writeConfig(configFor("ntfy", `topic_url = "${ntfy.topicUrl}"`));
  const logins = await Promise.all(
    Array.from({ length: 10 }, (_, index) => host.ssh(index % 2 === 0 ? "alice" : "bob", { auth: "key" })),
  );
  assert.deepEqual(logins.map(({ code }) => code), Array(10).fill(0));
  await host.loggedOut();

  const { code, stderr } = await send(host);
  assert.deepEqual([code, stderr], [0, ""]);
  const lines = ntfy.accepted.flatMap(({ body }) => String(body["message"]).split("\n"));
  // A digest counts the routine ones of each user, and lists the first login of each.
  const count = (user: string, one: RegExp, many: RegExp) =>
    lines.filter((line) => line.startsWith(`'${user}' (127.0.0.1)`)).reduce(
      (sum, line) => sum + (one.test(line) ? 1 : Number(many.exec(line)?.[1] ?? 0)),
      0,
    );
  const counts = ["alice", "bob"].flatMap((user) => [
    count(user, / logged in to /, / (\d+) logins?\b/),
    count(user, / logged out from /, / (\d+) logouts?\b/),
  ]);
  assert.deepEqual(counts, [5, 5, 5, 5], lines.join("\n"));
  assert.equal(lines.filter((line) => /first login of (alice|bob)/.test(line)).length, 2);
});

endToEnd("a login while the service is down is notified once the service is up again", async (host) => {
  await using discord = discordLike();
  await host.writeConfig(configFor("discord", `webhook_url = "${discord.webhookUrl}"`));
  await discord.down();
  assert.equal((await host.ssh("alice", { auth: "key" })).code, 0);
  await host.loggedOut();

  const first = await sendUntilItSays(host);
  assert.equal(first.code, 75, first.stderr);
  assert.match(
    first.stderr,
    /^warning: cannot deliver event [-0-9a-f]{36} on route "default" now: .*onnection refused.*; next attempt in \d+ s$/m,
  );
  assert.doesNotMatch(first.stderr, /webhook-secret-token/);

  discord.up();
  const second = await send(host);
  assert.equal(second.code, 0, second.stderr);
  assert.equal(discord.accepted.length, 2);
});

endToEnd("a broken configuration loses no event: events are sent once it is fixed", async (host) => {
  await using ntfy = ntfyLike();
  await host.writeConfig(`[notification]\nservice = "nfty"\n`);
  assert.equal((await host.ssh("alice", { auth: "key" })).code, 0);
  await host.loggedOut();

  const broken = await send(host);
  assert.equal(broken.code, 78);
  const names = [...services.keys()].join(", ");
  const fault = `notification.service: must be one of ${names}; did you mean "ntfy"?`;
  assert.ok(broken.stderr.includes(fault), broken.stderr);

  await host.writeConfig(configFor("ntfy", `topic_url = "${ntfy.topicUrl}"`));
  assert.equal((await send(host)).code, 0);
  assert.equal(ntfy.accepted.length, 2);
});
