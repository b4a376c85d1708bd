// How a user authenticated, compared with sshd's log; and what `explain` and `check` report about logins of this host.

import assert from "node:assert/strict";
import { configFor, endToEnd, findingsOn, queue, send } from "../helpers/end_to_end.ts";
import { assertFound } from "../helpers/findings.ts";
import type { TestHost } from "../helpers/host.ts";

const DIR = "/run/test-host";

async function need(host: TestHost, script: string): Promise<string> {
  const { code, stdout, stderr } = await host.run(["sh", "-euc", script]);
  assert.equal(code, 0, stderr);
  return stdout;
}

endToEnd(
  "every type of key, plain and in a certificate, is shown as in sshd's log",
  async (host) => {
    await host.writeConfig(configFor("stdout"));
    const types = ["ed25519", "rsa", "ecdsa"];
    await need(
      host,
      `cd ${DIR}
       ssh-keygen -q -t ed25519 -N '' -f ca
       for type in ${types.join(" ")}; do
         ssh-keygen -q -t $type -N '' -f plain-$type
         cat plain-$type.pub >>/home/alice/.ssh/authorized_keys
         ssh-keygen -q -t $type -N '' -f signed-$type
         ssh-keygen -q -s ca -I "id of $type" -n alice -z 18446744073709551615 signed-$type.pub
       done
       ssh-keygen -q -t ed25519 -N '' -f signed-fat
       for number in $(seq 12); do
         set -- "$@" -O "extension:$number@example.com=$(head -c 1000 /dev/zero | tr '\\0' x)"
       done
       ssh-keygen -q -s ca -I "id of fat" -n alice -z 18446744073709551615 "$@" signed-fat.pub`,
    );
    const names = [...types.flatMap((type) => [`plain-${type}`, `signed-${type}`]), "signed-fat"];
    for (const name of names) {
      const extraSshOptions = [`-oIdentityFile=${DIR}/${name}`];
      assert.equal((await host.ssh("alice", { auth: "key", extraSshOptions })).code, 0, name);
      await host.loggedOut();
    }
    assert.equal((await host.ssh("alice", { auth: "password" })).code, 0);
    await host.loggedOut();

    // Accepted publickey for alice from 127.0.0.1 port 1234 ssh2: ED25519-CERT SHA256:… ID id (serial 5) CA ED25519 …
    const logged = (await host.readSshdLog()).split(/\r?\n/).flatMap((line) => {
      const [, method, key = ""] = /Accepted (\S+) for alice from \S+ port \d+ ssh2(?:: (.*))?$/.exec(line) ?? [];
      return method === undefined ? [] : [`${method} ${key}`.trim().replace(/ ID (.*) \(serial/, ' ID "$1" (serial')];
    })
      // The hook does not record the end of a long certificate.
      .map((line) => line.includes('"id of fat"') ? line.replace(/ CA .*/, "") : line);
    assert.equal(logged.length, 8, logged.join("\n"));
    assert.equal(
      logged.filter((line) => /^publickey \S+-CERT .* ID "id of \w+" \(serial \d{20}\)/.test(line)).length,
      4,
    );

    const { code, stdout, stderr } = await send(host);
    assert.equal(code, 0, stderr);
    const told = (what: string, pattern: RegExp) =>
      stdout.split("\n").filter((line) => line.includes(what)).map((line) => pattern.exec(line)?.[1]);
    const opened = told(" logged in to ", / \[(?:first .* usual; )?(.*)\]$/);
    assert.deepEqual(opened, logged);
    assert.deepEqual(told(" logged out from ", / \[after \d+ s; (.*)\]$/), logged);
  },
  { sshdOptions: [`TrustedUserCAKeys=${DIR}/ca.pub`] },
);

endToEnd("a rule for a key allows only logins with that key", async (host) => {
  const fingerprint = (await need(host, `ssh-keygen -lf ${host.keyPath("alice")}.pub`)).split(" ")[1];
  const rule =
    `[[allowlist.rules]]\nreason = "alice's key"\nusers = ["alice", "bob"]\nkey_fingerprints = ["${fingerprint}"]`;
  await host.writeConfig(configFor("stdout", "", rule));
  await need(host, `cat ${host.keyPath("alice")}.pub >>/home/bob/.ssh/authorized_keys`);
  assert.equal((await host.ssh("alice", { auth: "key" })).code, 0);
  await host.loggedOut();
  assert.equal((await host.ssh("alice", { auth: "password" })).code, 0);
  await host.loggedOut();
  const withAlicesKey = [`-oIdentityFile=${host.keyPath("alice")}`];
  assert.equal((await host.ssh("bob", { auth: "key", extraSshOptions: withAlicesKey })).code, 0);
  await host.loggedOut();
  assert.equal((await host.ssh("bob", { auth: "key" })).code, 0);
  await host.loggedOut();

  const { code, stdout, stderr } = await send(host, "--verbose");
  assert.equal(code, 0, stderr);
  assert.equal(stderr.match(/is allowlisted: 127\.0\.0\.1, by allowlist\.rules\.0 \("alice's key"\)/g)?.length, 4);
  const lines = stdout.trim().split("\n").map((line) =>
    line.replace(/ example\.com .* \[/, " … [").replace(/after \d+ s; /, "")
  );
  assert.deepEqual(lines.map((line) => line.replace(/\[first .* usual; /, "[").replace(/\]$/, "")), [
    "'alice' (127.0.0.1) logged in to … [password",
    "'alice' (127.0.0.1) logged out from … [password",
    `'bob' (127.0.0.1) logged in to … [publickey ED25519 ${await fingerprintOf(host, "bob")}`,
    `'bob' (127.0.0.1) logged out from … [publickey ED25519 ${await fingerprintOf(host, "bob")}`,
  ]);
  assert.match(
    lines[2] ?? "",
    / \[first use of this key by bob; this host is still learning what is usual; publickey /,
  );
});

async function fingerprintOf(host: TestHost, user: string): Promise<string | undefined> {
  return (await need(host, `ssh-keygen -lf ${host.keyPath(user)}.pub`)).split(" ")[1];
}

endToEnd(
  "explain and check report logins and rules to root without using root's rights, and reject other users",
  async (host) => {
    const rule =
      `[allowlist]\nips = ["10.0.0.2"]\n[[allowlist.rules]]\nreason = "old"\nusers = ["bob"]\nexpires_at = 2020-01-01T00:00:00Z`;
    await host.writeConfig(configFor("stdout", "", rule));
    const explain = (user: string | undefined, ...flags: string[]) =>
      host.run(
        ["/usr/sbin/ssh-session-notifier", "explain", "--user", "alice", ...flags],
        user === undefined ? {} : { user },
      );
    const before = await explain(undefined, "--ip", "203.0.113.7");
    assert.deepEqual([before.code, before.stderr], [0, ""]);
    assert.match(before.stdout, /^history: send has not run yet, or not since an upgrade; every user is new$/m);

    assert.equal((await queue(host)).code, 0);
    assert.equal((await send(host)).code, 0);
    for (const user of [undefined, "ssh-session-notifier"]) {
      const { code, stdout, stderr } = await explain(user, "--ip", "203.0.113.7");
      assert.deepEqual([code, stderr], [0, ""]);
      assert.equal(
        stdout,
        [
          'login: "alice" from 203.0.113.7 by sshd, without a key',
          "allowlist.ips: does not allow it: ips does not include 203.0.113.7",
          'allowlist.rules.0 ("old"): does not allow it: it expired at 2020-01-01 13:00:00+13:00; users does not include "alice"',
          "decision: no allowlist rule allows it, so it is notified",
          "unexpected: no",
          "urgency: normal",
          "routes: default (stdout)",
          "",
        ].join("\n"),
      );
    }
    // Root only reads there: its folder contains no file of root.
    assert.equal(await need(host, "find /var/lib/ssh-session-notifier/send ! -user ssh-session-notifier"), "");
    const refused = await explain("alice", "--ip", "203.0.113.7");
    // Other users cannot even run the binary.
    assert.deepEqual([refused.code, refused.stdout], [126, ""]);

    assertFound(await findingsOn(host), ["warning config.rule-expired", 'allowlist.rules.0 ("old")']);
  },
);
