// `send` as a process, from its sources, so that it is tried on every Deno version that the tests run on.

import assert from "node:assert/strict";
import { Installation } from "../helpers/program.ts";
import { discordLike, ntfyLike } from "../helpers/receivers.ts";

const LOGIN = { PAM_TYPE: "open_session", PAM_USER: "alice", PAM_RHOST: "203.0.113.7", PAM_SERVICE: "sshd" };

Deno.test("send prints to standard output, where the service is stdout", async () => {
  await using installation = await Installation.create();
  await installation.writeConfig(`[notification]\nservice = "stdout"\n[host]\nname = "example.com"`);
  await installation.queue(LOGIN);
  const { code, stdout, stderr } = await installation.send();
  assert.deepEqual([code, stderr], [0, ""]);
  assert.match(
    stdout,
    /^'alice' \(203\.0\.113\.7\) logged in to example\.com via sshd at \d{4}-\d\d-\d\d \d\d:\d\d:\d\d\+00:00 \[first login of alice; .*\]\n$/,
  );
  assert.deepEqual(await installation.send(), { code: 0, stdout: "", stderr: "" });
});

Deno.test("send delivers to Discord and to ntfy through its Worker", async () => {
  await using discord = discordLike();
  await using ntfy = ntfyLike({ token: "tk_secret" });
  const services = [
    [discord, `service = "discord"\ndiscord.webhook_url = "${discord.webhookUrl}"`],
    [ntfy, `service = "ntfy"\nntfy.topic_url = "${ntfy.topicUrl}"\nntfy.token = "tk_secret"`],
  ] as const;
  for (const [receiver, notification] of services) {
    await using installation = await Installation.create();
    await installation.writeConfig(`[notification]\n${notification}`);
    await installation.queue(LOGIN);
    assert.deepEqual(await installation.send(), { code: 0, stdout: "", stderr: "" });
    assert.equal(receiver.accepted.length, 1);
  }
});

Deno.test("send makes no request where nothing is due", async () => {
  await using installation = await Installation.create();
  await using ntfy = ntfyLike();
  await installation.writeConfig(`[notification]\nservice = "ntfy"\nntfy.topic_url = "${ntfy.topicUrl}"`);
  assert.deepEqual(await installation.send(), { code: 0, stdout: "", stderr: "" });
  assert.equal(ntfy.received.length, 0);
});
