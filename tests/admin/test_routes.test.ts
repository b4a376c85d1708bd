// `test` as a process, against receivers that answer as the services do.

import assert from "node:assert/strict";
import { Installation } from "../helpers/program.ts";
import { discordLike, json, ntfyLike } from "../helpers/receivers.ts";

Deno.test("test delivers a notification that says it is a test, and records nothing", async () => {
  await using installation = await Installation.create();
  await using discord = discordLike();
  await installation.writeConfig(
    `[host]\nname = "example.com"\n[notification]\nservice = "discord"\ndiscord.webhook_url = "${discord.webhookUrl}"`,
  );
  assert.deepEqual(await installation.test(), {
    code: 0,
    stdout: 'pass     route "default" (discord): delivered\n',
    stderr: "",
  });
  assert.match(String(discord.accepted[0]?.body["content"]), /^This is a test from example\.com at /);
  const left = [...Deno.readDirSync(`${installation.stateDir}/send`)];
  assert.deepEqual(left, []);
});

Deno.test("test says what the service answered and what to mend, and shows no secret", async () => {
  const table: [answer: () => Response, code: number, line: RegExp][] = [
    [
      () => json(403, { code: 40301, error: "forbidden for tk_s3cr3t" }),
      78,
      /^fault {4}route "default" \(ntfy\): refused: HTTP 403: forbidden for \[secret\]; to mend it: compare /,
    ],
    [() => json(413, { error: "too large" }), 78, /^fault {4}.*the service refuses the message itself: HTTP 413/],
    [() => json(503, {}), 75, /^warning {2}route "default" \(ntfy\): not now: HTTP 503; .*no event is lost$/],
    [() => new Response("<html>It works!</html>"), 78, /^fault {4}.*not the answer of an ntfy server/],
  ];
  await using installation = await Installation.create();
  await using ntfy = ntfyLike();
  await installation.writeConfig(
    `[notification]\nservice = "ntfy"\nntfy.topic_url = "${ntfy.topicUrl}"\nntfy.token = "tk_s3cr3t"`,
  );
  for (const [answer, code, line] of table) {
    ntfy.intercept = answer;
    const { code: found, stdout, stderr } = await installation.test();
    assert.deepEqual([found, stderr], [code, ""], stdout);
    assert.match(stdout.trimEnd(), line);
  }
});

Deno.test("test says what is wrong with the configuration, or that nobody listens", async () => {
  await using installation = await Installation.create();
  await installation.writeConfig(`[notification]\nservice = "ntfy"`);
  const wrong = await installation.test();
  assert.deepEqual([wrong.code, wrong.stdout], [78, ""]);
  assert.match(wrong.stderr, /notification\.ntfy\.topic_url: is missing/);

  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  await installation.writeConfig(`[notification]\nservice = "ntfy"\nntfy.topic_url = "http://127.0.0.1:${port}/topic"`);
  const refused = await installation.test();
  assert.equal(refused.code, 75);
  assert.match(refused.stdout, /^warning {2}.*: not now: .*[Cc]onnection refused/);
});
