// The errors of `send` about a wrong command line, configuration or installation.

import assert from "node:assert/strict";
import { configFor, endToEnd, send, shell } from "../helpers/end_to_end.ts";
import type { Finished } from "../helpers/host.ts";

const STATE = "/var/lib/ssh-session-notifier";
const CONFIG = "/etc/ssh-session-notifier/config.toml";
const BINARY = "/usr/sbin/ssh-session-notifier";

/** The output of a failure: `error: …` lines, then a hint; no stack trace. */
function assertClear({ code, stdout, stderr }: Finished, expected: { code: number; says: RegExp; hint: RegExp }): void {
  assert.equal(code, expected.code, stderr);
  assert.equal(stdout, "");
  const lines = stderr.trimEnd().split("\n");
  assert.match(lines[0] ?? "", expected.says);
  assert.match(lines.at(-1) ?? "", expected.hint);
  for (const line of lines) assert.match(line, /^(error|hint): /);
  assert.doesNotMatch(stderr, /\n\s+at |\.ts:\d|file:\/\/|secret/);
}

endToEnd("a wrong command line prints the usage to stderr and exits 64", async (host) => {
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
  "each error in the configuration or installation prints one line and a hint, with the documented exit code",
  async (host, context) => {
    const good = configFor("stdout");
    const cases: {
      name: string;
      config?: string;
      before?: string;
      after?: string;
      code: number;
      says: RegExp;
      hint: RegExp;
    }[] = [
      {
        name: "no config",
        before: `rm -f ${CONFIG}`,
        code: 78,
        says: /"\/etc\/.*".* \[config\.missing\]$/,
        hint: /install\.sh/,
      },
      {
        name: "an unreadable config",
        config: good,
        before: `chmod 0600 ${CONFIG}`,
        code: 77,
        says: /"\/etc\/.*config\.toml".* \[config\.not-readable\]$/,
        hint: /chown root:ssh-session-notifier/,
      },
      {
        name: "a config that is a directory",
        before: `rm -f ${CONFIG}; mkdir ${CONFIG}`,
        after: `rmdir ${CONFIG}`,
        code: 78,
        says: /"\/etc\/.*config\.toml".* \[config\.not-a-file\]$/,
        hint: /TOML/,
      },
      {
        name: "bad syntax",
        config: `[host]\nname = "x"\n[notification\nwebhook_url = "secret"\n`,
        code: 78,
        says: /config\.toml: line 3, column \d+: .* \[config\.syntax\]$/,
        hint: /edit .*config\.toml/,
      },
      {
        name: "an unknown time zone",
        config: good.replace("Pacific/Auckland", "Mars/Olympus"),
        code: 78,
        says: /host\.timezone: "Mars\/Olympus" .* \[config\.wrong-value\]$/,
        hint: /edit/,
      },
      {
        name: "a webhook URL that is none",
        config: configFor("discord", `webhook_url = "secret"`),
        code: 78,
        says: /notification\.discord\.webhook_url: .*https.* \[config\.wrong-value\]$/,
        hint: /edit/,
      },
      {
        name: "a webhook of something else",
        config: configFor("discord", `webhook_url = "https://example.com/secret"`),
        code: 78,
        says: /notification\.discord\.webhook_url: .*Discord.* \[config\.wrong-value\]$/,
        hint: /edit/,
      },
      {
        name: "a schema of a later release",
        config: good,
        before:
          `sqlite3 ${STATE}/send/deliveries.db 'PRAGMA user_version = 99'; chown ssh-session-notifier ${STATE}/send/*`,
        after: `rm ${STATE}/send/deliveries.db*`,
        code: 78,
        says: / 99 .* \[store\.newer\]$/,
        hint: /reinstall the newer/,
      },
      {
        name: "a send/ of somebody else",
        config: good,
        before: `chown -R root:root ${STATE}/send`,
        after: `chown -R ssh-session-notifier ${STATE}/send`,
        code: 77,
        says: /"\/var\/.*": .* \[state\.unusable\]$/,
        hint: /as the user ssh-session-notifier/,
      },
      {
        name: "no state directory",
        config: good,
        before: `rm -rf ${STATE}`,
        code: 78,
        says: /"\/var\/.*".* \[state\.missing\]$/,
        hint: /install\.sh/,
      },
    ];
    for (const { name, config, before, after, ...expected } of cases) {
      await context.step(name, async () => {
        if (config !== undefined) await host.writeConfig(config);
        if (before !== undefined) await shell(host, before);
        try {
          assertClear(await send(host), expected);
        } finally {
          if (after !== undefined) await shell(host, after);
        }
      });
    }
  },
);

endToEnd("send rejects root, and a state directory or configuration outside of its sandbox", async (host) => {
  await host.writeConfig(configFor("stdout"));
  assertClear(await host.run([BINARY, "send"]), {
    code: 77,
    says: / \[send\.as-root\]$/,
    hint: /runuser -u ssh-session-notifier/,
  });
  await shell(host, "mkdir -p /tmp/other/send /tmp/other/queue && chmod -R 0777 /tmp/other");
  assertClear(await send(host, "--state-dir", "/tmp/other"), {
    code: 77,
    says: /"\/tmp\/other.* \[state\.unusable\]$/,
    hint: /./,
  });
  assertClear(await send(host, "--config", "/tmp/config.toml"), {
    code: 77,
    says: /"\/tmp\/config\.toml": .* \[config\.outside-sandbox\]$/,
    hint: /move the configuration to/,
  });
});
