// `send` as a person meets it: what it says when something is wrong, and what it does when the world is hostile.

import assert from "node:assert/strict";
import { configFor, endToEnd, PAM_OPEN, queue, send } from "../helpers/end_to_end.ts";
import type { Finished, TestHost } from "../helpers/host.ts";
import { discordLike, json, ntfyLike, Receiver } from "../helpers/receivers.ts";

const STATE = "/var/lib/ssh-session-notifier";
const CONFIG = "/etc/ssh-session-notifier/config.toml";
const QUEUE_DATABASE = `${STATE}/queue/session_events.db`;
const BINARY = "/usr/sbin/ssh-session-notifier";

async function shell(host: TestHost, script: string): Promise<string> {
  const { code, stdout, stderr } = await host.run(["sh", "-c", script]);
  assert.equal(code, 0, `${script}: ${stderr}`);
  return stdout;
}

/** What a user may read of a failure: `error: …` lines, then the mend; nothing of the inside. */
function assertClear({ code, stdout, stderr }: Finished, expected: { code: number; says: RegExp; mend: RegExp }): void {
  assert.equal(code, expected.code, stderr);
  assert.equal(stdout, "");
  const lines = stderr.trimEnd().split("\n");
  assert.match(lines[0] ?? "", expected.says);
  assert.match(lines.at(-1) ?? "", expected.mend);
  for (const line of lines) assert.match(line, /^error: /);
  assert.doesNotMatch(stderr, /\n\s+at |\.ts:\d|file:\/\/|secret/);
}

endToEnd("a wrong command line is answered with the usage on stderr and 64", async (host) => {
  for (
    const args of [["sned"], ["send", "--verbos"], ["send", "more"], ["queue", "--state-dir"], ["queue", "more"], [
      "--nothing",
    ]]
  ) {
    const { code, stdout, stderr } = await host.run([BINARY, ...args]);
    assert.deepEqual([code, stdout], [64, ""], args.join(" "));
    assert.match(stderr, /^error: /, args.join(" "));
    assert.match(stderr, /^Usage: ssh-session-notifier /m, args.join(" "));
  }
  assert.match((await host.run([BINARY, "sned"])).stderr, /^error: unknown command 'sned'\n\(Did you mean send\?\)/);
});

endToEnd("help and version go to stdout and exit 0", async (host) => {
  for (const args of [["--help"], ["send", "--help"], ["queue", "--help"], []]) {
    const { code, stdout, stderr } = await host.run([BINARY, ...args]);
    assert.deepEqual([code, stderr], [0, ""], args.join(" "));
    assert.match(stdout, /Usage: ssh-session-notifier/);
  }
  assert.match((await host.run([BINARY, "--version"])).stdout, /^ssh-session-notifier \d+\.\d+\.\d+ \(Deno \d/);
});

endToEnd(
  "whatever is wrong with config or installation is one clear line each, with the mend and the documented exit code",
  async (host) => {
    const good = configFor("stdout");
    const cases: {
      name: string;
      config?: string;
      before?: string;
      after?: string;
      code: number;
      says: RegExp;
      mend: RegExp;
    }[] = [
      {
        name: "no config",
        before: `rm -f ${CONFIG}`,
        code: 78,
        says: /There is no configuration "\/etc/,
        mend: /install\.sh/,
      },
      {
        name: "an unreadable config",
        config: good,
        before: `chmod 0600 ${CONFIG}`,
        code: 77,
        says: /permission denied/,
        mend: /chown root:ssh-session-notifier/,
      },
      {
        name: "a config that is a directory",
        before: `rm -f ${CONFIG}; mkdir ${CONFIG}`,
        after: `rmdir ${CONFIG}`,
        code: 78,
        says: /is not a file/,
        mend: /TOML/,
      },
      {
        name: "bad syntax",
        config: `[host]\nname = "x"\n[notification\nwebhook_url = "secret"\n`,
        code: 78,
        says: /config\.toml: line 3, column \d+: /,
        mend: /edit .*config\.toml/,
      },
      {
        name: "an unknown time zone",
        config: good.replace("Pacific/Auckland", "Mars/Olympus"),
        code: 78,
        says: /host\.timezone: "Mars\/Olympus" is not a time zone/,
        mend: /edit/,
      },
      {
        name: "a webhook URL that is none",
        config: configFor("discord", `webhook_url = "secret"`),
        code: 78,
        says: /notification\.discord\.webhook_url: must be a URL/,
        mend: /edit/,
      },
      {
        name: "a webhook of something else",
        config: configFor("discord", `webhook_url = "https://example.com/secret"`),
        code: 78,
        says: /must be a webhook of Discord/,
        mend: /edit/,
      },
      {
        name: "a schema of a later release",
        config: good,
        before:
          `sqlite3 ${STATE}/send/deliveries.db 'PRAGMA user_version = 99'; chown ssh-session-notifier ${STATE}/send/*`,
        after: `rm ${STATE}/send/deliveries.db*`,
        code: 78,
        says: /schema version 99 is newer/,
        mend: /install the newer/,
      },
      {
        name: "a send/ of somebody else",
        config: good,
        before: `chown -R root:root ${STATE}/send`,
        after: `chown -R ssh-session-notifier ${STATE}/send`,
        code: 77,
        says: /permission denied/,
        mend: /as the user ssh-session-notifier/,
      },
      {
        name: "no state directory",
        config: good,
        before: `rm -rf ${STATE}`,
        code: 78,
        says: /There is no state directory/,
        mend: /install\.sh/,
      },
    ];
    for (const { name, config, before, after, ...expected } of cases) {
      if (config !== undefined) await host.writeConfig(config);
      if (before !== undefined) await shell(host, before);
      try {
        assertClear(await send(host), expected);
      } catch (error) {
        throw new Error(name, { cause: error });
      }
      if (after !== undefined) await shell(host, after);
    }
  },
);

endToEnd("send refuses to run as root, and a state directory or config outside of its sandbox", async (host) => {
  await host.writeConfig(configFor("stdout"));
  assertClear(await host.run([BINARY, "send"]), {
    code: 77,
    says: /must not run as root/,
    mend: /runuser -u ssh-session-notifier/,
  });
  await shell(host, "mkdir -p /tmp/other/send /tmp/other/queue && chmod -R 0777 /tmp/other");
  assertClear(await send(host, "--state-dir", "/tmp/other"), {
    code: 77,
    says: /Cannot use the state directory "\/tmp\/other/,
    mend: /./,
  });
  assertClear(await send(host, "--config", "/tmp/config.toml"), {
    code: 77,
    says: /sandbox allows only/,
    mend: /put the configuration there/,
  });
});

endToEnd("a dry run shows what would be sent, and changes nothing", async (host) => {
  await using ntfy = ntfyLike();
  await host.writeConfig(configFor("ntfy", `topic_url = "${ntfy.topicUrl}"`));
  assert.equal((await queue(host)).code, 0);
  for (let times = 0; times < 2; times++) {
    const { code, stdout, stderr } = await send(host, "--dry-run");
    assert.deepEqual([code, stderr], [0, ""]);
    assert.match(
      stdout,
      /^default \(ntfy\): 'alice' \(203\.0\.113\.7\) logged in to example\.com via ssh \(sshd\) at .*\n$/,
    );
  }
  assert.deepEqual((await shell(host, `ls ${STATE}/send`)).trim(), "send.lock");
  assert.equal(ntfy.received.length, 0);

  // With a store that knows another event already.
  assert.equal((await send(host)).code, 0);
  assert.equal((await queue(host, { env: { PAM_USER: "bob" } })).code, 0);
  assert.match((await send(host, "--dry-run")).stdout, /^default \(ntfy\): 'bob' [^\n]*\n$/);
  assert.equal((await send(host)).code, 0);
  assert.equal(ntfy.accepted.length, 2);
});

endToEnd("two sends at once deliver each event once; the second says so and exits 0", async (host) => {
  await using ntfy = ntfyLike();
  const { promise: asked, resolve } = Promise.withResolvers<void>();
  const { promise: released, resolve: release } = Promise.withResolvers<void>();
  ntfy.intercept = async () => {
    resolve();
    await released;
    return json(200, { id: "late" });
  };
  await host.writeConfig(configFor("ntfy", `topic_url = "${ntfy.topicUrl}"`));
  assert.equal((await queue(host)).code, 0);
  const first = send(host);
  await asked;
  const second = await send(host, "--verbose");
  assert.deepEqual([second.code, second.stderr], [0, "another send is running, and delivers what is pending\n"]);
  release();
  assert.equal((await first).code, 0);
  assert.equal(ntfy.received.length, 1);
});

endToEnd("a send killed in the middle of a request leaves nothing behind, and the next one delivers", async (host) => {
  await using ntfy = ntfyLike();
  const { promise: asked, resolve } = Promise.withResolvers<void>();
  const { promise: released, resolve: release } = Promise.withResolvers<void>();
  ntfy.intercept = async () => {
    resolve();
    await released;
    return json(200, { id: "too late" });
  };
  await host.writeConfig(configFor("ntfy", `topic_url = "${ntfy.topicUrl}"`));
  assert.equal((await queue(host)).code, 0);
  const first = send(host);
  await asked;
  await shell(host, "pkill -KILL -f '[s]sh-session-notifier send'");
  assert.notEqual((await first).code, 0);
  release();
  ntfy.intercept = () => undefined;
  assert.equal((await send(host)).code, 0);
  assert.equal(ntfy.accepted.at(-1)?.body["topic"], "topic-secret-name");
});

endToEnd(
  "a redirect is not followed, nothing is told to the host it names, and the route counts as broken",
  async (host) => {
    await using elsewhere = new Receiver(() => json(200, { id: "stolen" }));
    await using discord = discordLike();
    discord.intercept = () => Response.redirect(`${elsewhere.origin}/`, 307);
    await host.writeConfig(configFor("discord", `webhook_url = "${discord.webhookUrl}"`));
    assert.equal((await queue(host)).code, 0);
    const { code, stderr } = await stoppedAfterFirstAttempt(host);
    assert.equal(code, 75);
    assert.match(stderr, /^error: route "default" is broken: HTTP 307; mend it in the config; next attempt in \d+ s$/m);
    assert.equal(elsewhere.received.length, 0);
    assert.equal(discord.received.length, 1);
  },
);

endToEnd("proxies of the environment are ignored, and the one of the config is used", async (host) => {
  await using proxy = new Receiver(() => json(200, { id: "by proxy" }));
  await using ntfy = ntfyLike();
  const options = `topic_url = "${ntfy.topicUrl}"`;
  await host.writeConfig(configFor("ntfy", options));
  assert.equal((await queue(host)).code, 0);
  const variables = ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"].map((name) => [name, proxy.origin]);
  const finished = await host.run([BINARY, "send"], {
    user: "ssh-session-notifier",
    env: Object.fromEntries(variables),
    clearEnv: true,
  });
  assert.equal(finished.code, 0, finished.stderr);
  assert.deepEqual([ntfy.accepted.length, proxy.received.length], [1, 0]);

  await host.writeConfig(
    configFor("ntfy", options).replace(`service = "ntfy"`, `service = "ntfy"\nproxy = "${proxy.origin}"`),
  );
  assert.equal((await queue(host)).code, 0);
  assert.equal((await send(host)).code, 0);
  assert.deepEqual([ntfy.accepted.length, proxy.accepted.length], [1, 1]);
});

endToEnd("a service that hangs is left after the request timeout, also in the middle of its answer", async (host) => {
  await using discord = discordLike();
  const hanging: (() => Response | Promise<Response>)[] = [
    () => new Promise(() => {}),
    () => new Response(new ReadableStream({ start: (stream) => stream.enqueue(new TextEncoder().encode(`{"id": "`)) })),
  ];
  const config = configFor("discord", `webhook_url = "${discord.webhookUrl}"`);
  await host.writeConfig(config.replace(`service = "discord"`, `service = "discord"\nrequest_timeout_seconds = 1`));
  for (const hang of hanging) {
    discord.intercept = hang;
    assert.equal((await queue(host)).code, 0);
    const { code, stderr } = await stoppedAfterFirstAttempt(host);
    assert.equal(code, 75);
    assert.match(stderr, /no answer in 1 s; next attempt/);
    // As on a new host: the lock tells that there was a store.
    await shell(host, `rm ${STATE}/send/deliveries.db* ${STATE}/send/send.lock`);
  }
});

endToEnd("of an endless answer only the start is read", async (host) => {
  await using discord = discordLike();
  const chunk = new Uint8Array(64 * 1024).fill(0x20);
  let sent = 0;
  discord.intercept = () =>
    new Response(
      new ReadableStream({
        pull: (stream) => {
          sent += chunk.length;
          stream.enqueue(chunk);
        },
      }),
    );
  await host.writeConfig(configFor("discord", `webhook_url = "${discord.webhookUrl}"`));
  assert.equal((await queue(host)).code, 0);
  const { code, stderr } = await stoppedAfterFirstAttempt(host);
  assert.equal(code, 75);
  assert.match(stderr, /not the answer of Discord/);
  assert.ok(sent < 64 * 1024 * 1024, `${sent} bytes were asked for`);
});

endToEnd("no secret is shown, whatever the service answers", async (host) => {
  await using discord = discordLike();
  discord.intercept = (request) => json(400, { message: `bad \u001b[31m\n ${request.url} webhook-secret-token` });
  await host.writeConfig(configFor("discord", `webhook_url = "${discord.webhookUrl}"`));
  assert.equal((await queue(host)).code, 0);
  const { code, stdout, stderr } = await send(host, "--verbose");
  assert.equal(code, 0);
  assert.match(stderr, /^error: gave up event .*: the service rejects it, in its plain form too: HTTP 400: bad /m);
  assert.doesNotMatch(`${stdout}${stderr}`, /webhook-secret-token/);
  assert.ok(!stderr.includes("\u001b"));
  const stored = await shell(host, `sqlite3 ${STATE}/send/deliveries.db 'SELECT state, last_error FROM delivery'`);
  assert.match(stored, /^dead\|/);
  assert.doesNotMatch(stored, /webhook-secret-token/);
});

endToEnd("a sender name that Discord refuses costs no notification: the plain form goes without it", async (host) => {
  await using discord = discordLike();
  discord.intercept = (_request, text) =>
    text.includes('"username"')
      ? json(400, { message: "Invalid Form Body", code: 50035, errors: { username: {} } })
      : undefined;
  await host.writeConfig(configFor("discord", `webhook_url = "${discord.webhookUrl}"`));
  assert.equal((await queue(host)).code, 0);
  assert.equal((await send(host)).code, 0);
  assert.deepEqual(discord.received.map(({ status, body }) => [status, body["username"]]), [[400, "example.com"], [
    200,
    undefined,
  ]]);
});

endToEnd(
  "a queue database that another tool has folded up is read all the same, also when the hook comes back",
  async (host) => {
    await using ntfy = ntfyLike();
    await host.writeConfig(configFor("ntfy", `topic_url = "${ntfy.topicUrl}"`));
    assert.equal((await queue(host)).code, 0);
    // As root, the last to close takes the log away.
    await shell(host, `sqlite3 ${QUEUE_DATABASE} 'SELECT count(*) FROM event'`);
    assert.equal((await shell(host, `ls ${STATE}/queue/*-wal ${STATE}/queue/*-shm 2>/dev/null | wc -l`)).trim(), "0");
    assert.deepEqual(await send(host).then(({ code, stderr }) => [code, stderr]), [0, ""]);
    assert.equal(ntfy.accepted.length, 1);
    assert.equal((await queue(host, { env: { PAM_USER: "bob" } })).code, 0);
    assert.deepEqual(await send(host).then(({ code, stderr }) => [code, stderr]), [0, ""]);
    assert.equal(ntfy.accepted.length, 2);
  },
);

endToEnd("a damaged queue database is reported, and does not hold up what was taken in before", async (host) => {
  await using ntfy = ntfyLike();
  const config = configFor("ntfy", `topic_url = "${ntfy.topicUrl}"`);
  await host.writeConfig("broken");
  assert.equal((await queue(host)).code, 0);
  assert.equal((await send(host)).code, 78); // taken in, not sent
  await shell(host, `rm ${QUEUE_DATABASE}*; head -c 50000 /dev/urandom >${QUEUE_DATABASE}`);
  await host.writeConfig(config);
  const { code, stderr } = await send(host);
  assert.equal(code, 78);
  assert.match(
    stderr,
    /^error: Cannot read the queue database "\/var\/lib\/ssh-session-notifier\/queue\/session_events\.db": /,
  );
  assert.equal(ntfy.accepted.length, 1);
});

endToEnd("a record that nobody can read becomes a notification that says so", async (host) => {
  await host.writeConfig(configFor("stdout"));
  assert.equal((await queue(host)).code, 0);
  await shell(
    host,
    `sqlite3 ${QUEUE_DATABASE} ".dbconfig no_ckpt_on_close on" "INSERT INTO event (uuid, occurred_at_ms, record) VALUES ('forged', ${Date.now()}, '{\\"type\\": \\"open\\"}')"`,
  );
  const { code, stdout } = await send(host);
  assert.equal(code, 0);
  assert.match(
    stdout,
    /^'\(unreadable record\)' logged in to example\.com via .*\[environment tampered with.*\]\n'alice' /,
  );
});

endToEnd("text that is not ASCII arrives intact, and nothing that can't be seen does", async (host) => {
  await using discord = discordLike();
  const config = configFor("discord", `webhook_url = "${discord.webhookUrl}"`).replace("example.com", "büro-東京 🗼");
  await host.writeConfig(config);
  const user = "zoë\u202Eevil\u001B[31m\n@everyone <@1> **b** https://evil.example";
  assert.equal((await queue(host, { env: { ...PAM_OPEN, PAM_USER: user } })).code, 0);
  assert.equal((await send(host)).code, 0);
  const content = String(discord.accepted[0]?.body["content"]);
  assert.ok(
    content.startsWith(
      "'zoë\uFFFDevil\uFFFD\\[31m\uFFFD\\@everyone \\<\\@1\\> \\*\\*b\\*\\* https：\\/\\/evil.example' ",
    ),
    content,
  );
  assert.ok(content.includes("logged in to büro-東京 🗼 via ssh"), content);
  assert.deepEqual(discord.accepted[0]?.body["allowed_mentions"], { parse: [] });
});

/** Runs `send` until its first warning or error, then ends it as systemd does. */
async function stoppedAfterFirstAttempt(host: TestHost): Promise<Finished> {
  const script = `
    : >/tmp/stderr; ${BINARY} send 2>>/tmp/stderr & pid=$!
    while [ ! -s /tmp/stderr ] && kill -0 $pid 2>/dev/null; do sleep 0.05; done
    kill -TERM $pid; wait $pid; code=$?; cat /tmp/stderr >&2; exit $code`;
  return await host.run(["sh", "-c", script], { user: "ssh-session-notifier" });
}
