// Runs `send` as a process from its sources, so it is tested on every Deno version that the tests run on.

import assert from "node:assert/strict";
import { statePaths } from "../../src/paths.ts";
import { openDatabase } from "../../src/sqlite/open.ts";
import { garbagePage } from "../helpers/fixtures.ts";
import { usersOf } from "../helpers/logins.ts";
import { Installation, LOGIN } from "../helpers/program.ts";
import { discordLike, ntfyLike } from "../helpers/receivers.ts";

Deno.test("send prints to standard output if the service is stdout", async () => {
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

Deno.test("send delivers to Discord and ntfy through its Worker", async () => {
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

Deno.test("send reports each error of the configuration with its id", async () => {
  await using installation = await Installation.create();
  await installation.writeConfig('[notification]\nservice = "stdout"\n[host]\nnaem = "x"\nname = 5\n');
  const { code, stderr } = await installation.send();
  assert.equal(code, 78);
  assert.match(
    stderr,
    /^error: .*host\.name: .* \[config\.wrong-type\]\nerror: .*host\.naem: .* \[config\.unknown-key\]\nhint: .*\n$/,
  );
});

Deno.test("send makes no request if nothing is due", async () => {
  await using installation = await Installation.create();
  await using ntfy = ntfyLike();
  await installation.writeConfig(`[notification]\nservice = "ntfy"\nntfy.topic_url = "${ntfy.topicUrl}"`);
  assert.deepEqual(await installation.send(), { code: 0, stdout: "", stderr: "" });
  assert.equal(ntfy.received.length, 0);
});

Deno.test("send delivers pending events at the latest in its next run, whichever page of its store is damaged", async () => {
  await using installation = await Installation.create();
  await using ntfy = ntfyLike();
  await installation.writeConfig(`[notification]\nservice = "ntfy"\nntfy.topic_url = "${ntfy.topicUrl}"`);
  await installation.queue({ ...LOGIN, PAM_USER: "delivered" });
  assert.equal((await installation.send()).code, 0);
  ntfy.intercept = () => new Response(null, { status: 503, headers: { "retry-after": "3600" } });
  await installation.queue({ ...LOGIN, PAM_USER: "pending" });
  assert.equal((await installation.send()).code, 75);
  ntfy.intercept = () => undefined;
  const path = `${installation.stateDir}/send/deliveries.db`;
  const whole = await Deno.readFile(path);
  const heard = () => ntfy.accepted.flatMap(({ body }) => usersOf(body["message"]));
  let noticed = 0;
  for (let page = 0; page < whole.length / 4096; page++) {
    const damaged = whole.slice();
    damaged.set(garbagePage(), page * 4096);
    // A new event makes it read the whole store.
    const user = `page${page}`;
    await installation.queue({ ...LOGIN, PAM_USER: user });
    await Deno.writeFile(path, damaged);
    ntfy.received.length = 0;
    const first = await installation.send();
    if (first.stderr.includes("damaged")) noticed++;
    assert.ok([0, 75].includes(first.code), `page ${page}: ${first.code} ${first.stderr}`);
    const second = first.code === 0 ? first : await installation.send();
    // The other event may still wait for the backoff of its route.
    assert.ok([0, 75].includes(second.code), `page ${page}: ${second.code} ${second.stderr}`);
    assert.doesNotMatch(second.stderr.replace(first.stderr, ""), /^error/m, `page ${page}`);
    const third = await installation.send("--dry-run");
    const known = `${heard()} ${third.stdout}`;
    assert.match(known, new RegExp(`\\b${user}\\b`), `page ${page}`);
    assert.match(known, /pending/, `page ${page}`);
    for await (const { name } of Deno.readDir(`${installation.stateDir}/send`)) {
      if (name.startsWith("damaged")) await Deno.remove(`${installation.stateDir}/send/${name}`, { recursive: true });
    }
  }
  assert.ok(noticed > 5, `${noticed}`);
});

Deno.test("send that cannot back up its store logs that once, status shows it, and the next run that can does", async () => {
  await using installation = await Installation.create();
  await installation.writeConfig(`[notification]\nservice = "stdout"`);
  await installation.queue(LOGIN);
  assert.equal((await installation.send()).code, 0);
  const { deliveriesDatabase, deliveriesBackup } = statePaths(installation.stateDir);
  const store = openDatabase(deliveriesDatabase, { busyTimeoutMs: 0 });
  store.exec(`UPDATE store SET elapsed_ms = ${24 * 60 * 60 * 1000}`);
  store.close();
  await Deno.mkdir(`${deliveriesBackup}.unfinished/x`, { recursive: true });
  const warningIds = async () => {
    const { warnings } = JSON.parse((await installation.status("--json")).stdout);
    return warnings.map(({ id }: { id: string }) => id);
  };
  const first = await installation.send();
  assert.equal(first.code, 0);
  assert.match(first.stderr, /^warning: cannot back up the store to ".*deliveries\.backup\.db": /);
  assert.deepEqual(await warningIds(), ["store.backup-failing"]);
  assert.deepEqual(await installation.send(), { code: 0, stdout: "", stderr: "" });
  assert.deepEqual(await warningIds(), ["store.backup-failing"]);
  await Deno.remove(`${deliveriesBackup}.unfinished`, { recursive: true });
  // Otherwise, on a slow host, the next run could be idle.
  await installation.writeConfig(`[notification]\nservice = "stdout"\n`);
  assert.deepEqual(await installation.send(), { code: 0, stdout: "", stderr: "" });
  assert.ok((await Deno.stat(deliveriesBackup)).isFile);
  assert.deepEqual(await warningIds(), []);
});
