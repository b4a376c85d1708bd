// Runs `test` as a process, with receivers that answer like the services.

import assert from "node:assert/strict";
import { readOverview } from "../../src/store/overview.ts";
import { MailReceiver, Refusal } from "../helpers/mail_receiver.ts";
import { Installation, LOGIN } from "../helpers/program.ts";
import { discordLike, json, matrix, ntfyLike, Receiver, SECRET } from "../helpers/receivers.ts";
import { waitFor } from "../helpers/wait_for.ts";

Deno.test("test delivers a notification that says it is a test, and records that the route works", async () => {
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
  const routes = readOverview(`${installation.stateDir}/send/deliveries.db`)?.routes ?? [];
  assert.deepEqual(routes.map(({ name, newest, pending }) => [name, newest, pending]), [["default", "delivered", 0]]);
});

Deno.test("test makes send continue at once if it passes, even a running one, with any state of the store", async () => {
  await using installation = await Installation.create();
  await using ntfy = ntfyLike();
  await installation.writeConfig(`[notification]\nservice = "ntfy"\nntfy.topic_url = "${ntfy.topicUrl}"`);
  const { promise: asked, resolve } = Promise.withResolvers<void>();
  ntfy.intercept = () => {
    resolve();
    return json(503, {}, { "retry-after": "50" });
  };
  await installation.queue(LOGIN);
  const sending = installation.send();
  await asked;
  ntfy.intercept = () => undefined;
  const isStored = async () => /next attempt in/.test((await installation.status()).stdout);
  await waitFor(isStored, { what: "send has stored the failed attempt" });
  const pass = { code: 0, stdout: 'pass     route "default" (ntfy): delivered\n', stderr: "" };
  const startedAtMs = performance.now();
  assert.deepEqual(await installation.test(), pass);
  assert.equal((await sending).code, 0);
  assert.ok(performance.now() - startedAtMs < 30_000);
  assert.equal(ntfy.accepted.length, 2);

  // The test passes even if the store is damaged.
  const path = `${installation.stateDir}/send/deliveries.db`;
  await Deno.writeTextFile(path, "no database".repeat(1_000));
  const { stderr, ...rest } = await installation.test();
  assert.deepEqual(rest, { code: 0, stdout: pass.stdout });
  assert.match(stderr, /^warning: cannot record in ".*deliveries\.db" that the test passed: .*\n$/);
  assert.equal(await Deno.readTextFile(path), "no database".repeat(1_000));
});

Deno.test("test and send report a recipient that the mail server refuses while it accepts another", async () => {
  await using installation = await Installation.create();
  await using server = await MailReceiver.start({
    onRecipient: (to) => to.startsWith("b") ? new Refusal(550, "no such user") : undefined,
  });
  const to = `to = ["a@example.com", "b@example.com"]`;
  await installation.writeConfig(
    `[notification]\nservice = "email"\n[notification.email]\n${to}\nport = ${server.port}`,
  );
  const problem = "the mail server refused some of the recipients: b@example.com (550 no such user)";
  const { code, stdout } = await installation.test();
  assert.equal(code, 78);
  assert.match(stdout, /^fault +route "default" \(email\): delivered, but the mail server refused some of the recip/);
  assert.ok(stdout.includes(problem), stdout);
  await installation.queue(LOGIN);
  const sent = await installation.send();
  assert.equal(sent.code, 0);
  assert.match(sent.stderr, /^warning: delivered event .*, but the mail server refused/m);
  assert.ok(sent.stderr.includes(problem), sent.stderr);
  // The test, and the login once.
  assert.deepEqual(server.mails.map(({ to }) => to), [["a@example.com"], ["a@example.com"]]);
});

Deno.test("test prints the service's answer and a hint, and no secret", async () => {
  const table: [answer: () => Response, code: number, line: RegExp][] = [
    [
      () => json(403, { code: 40301, error: "forbidden for tk_s3cr3t" }),
      78,
      /^fault {4}route "default" \(ntfy\): refused: HTTP 403: forbidden for \[secret\]; hint: correct /,
    ],
    [
      () => json(413, { error: "too large" }),
      78,
      /^fault {4}.*: refused: HTTP 413: too large; .*settings are the likely cause/,
    ],
    [() => json(429, {}), 75, /^warning {2}.*: not now: HTTP 429; hint: wait: the service limits the rate/],
    [
      () => json(407, {}),
      78,
      /^fault {4}.*: HTTP 407: the proxy asks for .*; hint: set user and password in "proxy"/,
    ],
    [() => json(503, {}), 75, /^warning {2}route "default" \(ntfy\): not now: HTTP 503; .*no event is lost$/],
    [() => new Response("<html>It works!</html>"), 78, /^fault {4}.*instead of an answer from an ntfy server/],
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

Deno.test("test reports an invalid configuration, or a refused connection", async () => {
  await using installation = await Installation.create();
  await installation.writeConfig(`[notification]\nservice = "ntfy"`);
  const wrong = await installation.test();
  assert.deepEqual([wrong.code, wrong.stdout], [78, ""]);
  assert.match(wrong.stderr, /: notification\.ntfy\.topic_url: .* \[config\.missing-key\]\n/);

  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  await installation.writeConfig(`[notification]\nservice = "ntfy"\nntfy.topic_url = "http://127.0.0.1:${port}/topic"`);
  const refused = await installation.test();
  assert.equal(refused.code, 75);
  assert.match(refused.stdout, /^warning {2}.*: not now: .*[Cc]onnection refused/);
});

Deno.test("test warns of an encrypted Matrix room, which still works", async () => {
  await using installation = await Installation.create();
  await using server = new Receiver(matrix);
  await installation.writeConfig(
    `[notification]\nservice = "matrix"\n[notification.matrix]\nserver_url = "${server.origin}"\n` +
      `room_id = "!room:example.org"\ntoken = "syt_${SECRET}"`,
  );
  const pass = 'pass     route "default" (matrix): delivered\n';
  assert.deepEqual(await installation.test(), { code: 0, stdout: pass, stderr: "" });
  server.intercept = ({ method }) => method === "GET" ? json(200, { algorithm: "m.megolm.v1.aes-sha2" }) : undefined;
  const { code, stdout } = await installation.test();
  assert.equal(code, 0);
  assert.match(
    stdout,
    new RegExp(`^${RegExp.escape(pass)}warning {2}route "default" \\(matrix\\): the room is encrypted, `),
  );
  // A server that fails here does not change the result.
  server.intercept = ({ method }) => method === "GET" ? new Response("\0".repeat(100), { status: 500 }) : undefined;
  assert.deepEqual(await installation.test(), { code: 0, stdout: pass, stderr: "" });
});
