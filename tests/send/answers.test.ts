// How the real program handles a response that means that the settings are wrong: nothing is given up, and no command
// reports that the alarm works. Over real sockets.

import assert from "node:assert/strict";
import { Installation, LOGIN } from "../helpers/program.ts";
import { json, ntfyLike, Receiver } from "../helpers/receivers.ts";

const PROXY_REFUSAL = "HTTP 407: the proxy asks for a user name and a password";

/** An installation with one route and a heartbeat. */
async function installed(topicUrl: string, { heart, more = "" }: { heart: Receiver; more?: string }) {
  const installation = await Installation.create();
  await installation.writeConfig(
    `[notification]\nservice = "ntfy"\nntfy.topic_url = "${topicUrl}"\n${more}\n[heartbeat]\nurl = "${heart.origin}/ping"\n`,
  );
  return installation;
}

/** Asserts that every command reports that the alarm does not work, and that the event is pending. */
async function assertBroken(installation: Installation, reason: string): Promise<void> {
  const { stdout } = await installation.status();
  assert.match(stdout, /^alarm: does not work: route "default" is broken$/m);
  assert.ok(stdout.includes(`1 pending`) && stdout.includes(`broken, correct its settings: ${reason}`), stdout);
  const json = JSON.parse((await installation.status("--json")).stdout);
  assert.deepEqual([json.is_alive, json.routes[0].is_broken, json.routes[0].dead], [false, true, 0]);
  assert.match((await installation.status("--prometheus")).stdout, /^ssh_session_notifier_alive 0$/m);
}

// Findings A2 and A3.
Deno.test("send keeps an event if the service refuses all messages, and reports that the alarm does not work", async () => {
  const answers: [answer: () => Response, reason: string][] = [
    [() => new Response("", { status: 400 }), "HTTP 400"],
    [() => new Response("", { status: 402 }), "HTTP 402"],
    [() => json(422, { error: "no" }), "HTTP 422: no"],
    [() => json(400, { code: 40010, error: "topic name is not allowed" }), "HTTP 400: topic name is not allowed"],
    [() => json(429, { code: 42909, error: "too many auth failures" }), "HTTP 429: too many auth failures"],
  ];
  for (const [answer, reason] of answers) {
    await using heart = new Receiver(() => new Response("OK"));
    await using ntfy = ntfyLike();
    // No attempt is due before the run ends.
    await using installation = await installed(ntfy.topicUrl, { heart, more: "run_deadline_seconds = 10" });
    await installation.queue(LOGIN);
    ntfy.intercept = answer;
    assert.equal((await installation.send()).code, 78, reason);
    await assertBroken(installation, reason);
    assert.deepEqual(heart.received.map(({ path }) => path), ["/ping/fail"], reason);
    const before = ntfy.received.length;
    assert.ok(before <= 12, `${before} requests`);

    // Only the settings or the service were at fault: once a test passes, send continues at once.
    ntfy.intercept = () => undefined;
    assert.equal((await installation.test()).code, 0);
    assert.equal((await installation.send()).code, 0);
    assert.match((await installation.status()).stdout, /^alarm: works$/m);
  }
});

// Finding D8.
Deno.test("send keeps events if the proxy requires a password, and the hint names the proxy", async () => {
  await using heart = new Receiver(() => new Response("OK"));
  using proxy = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const serving = refuseAll(proxy);
  const more = `proxy = "http://127.0.0.1:${proxy.addr.port}"\nrun_deadline_seconds = 10`;
  await using installation = await installed("https://ntfy.invalid/topic", { heart, more });
  await installation.queue(LOGIN);
  assert.equal((await installation.send()).code, 78);
  await assertBroken(installation, PROXY_REFUSAL);
  const { code, stdout } = await installation.test();
  assert.equal(code, 78);
  assert.equal(
    stdout,
    `fault    route "default" (ntfy): ${PROXY_REFUSAL}; hint: set user and password in "proxy" in ` +
      "/etc/ssh-session-notifier/config.toml\n",
  );
  proxy.close();
  await serving;
});

/** A proxy that requires a password for every request. */
async function refuseAll(listener: Deno.TcpListener): Promise<void> {
  const answer = "HTTP/1.1 407 Proxy Authentication Required\r\nproxy-authenticate: Basic realm=x\r\n" +
    "content-length: 0\r\nconnection: close\r\n\r\n";
  try {
    for await (const connection of listener) {
      await connection.read(new Uint8Array(64 * 1024));
      await connection.write(new TextEncoder().encode(answer));
      connection.close();
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.BadResource)) throw error;
  }
}
