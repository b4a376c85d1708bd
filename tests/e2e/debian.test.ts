// The Debian releases that the program supports: install.sh, a real login, and --purge, on a minimal system of each. The
// files of these systems are built once, see debian_root.ts.

import assert from "node:assert/strict";
import { MUST_RUN, ROOT } from "../../.ci/checkout.ts";
import { compiledBinary } from "../../.ci/compile.ts";
import { makeDist } from "../../.ci/dist.ts";
import { debianRoot } from "../helpers/debian_root.ts";
import { configFor, findingsOn, send, shell } from "../helpers/end_to_end.ts";
import { missingForTestHost, TestHost } from "../helpers/host.ts";
import { discordLike } from "../helpers/receivers.ts";
import { namingVersions } from "../helpers/versions.ts";

const NAME = "ssh-session-notifier";
const missing = await missingForTestHost();

/** The package `openssh-server` of each release begins with this version; and what its own PAM file does wrong. */
const RELEASES = [
  { suite: "bullseye", version: "11", openssh: "1:8.4p1", faults: ["pam.user-environment"] },
  { suite: "bookworm", version: "12", openssh: "1:9.2p1", faults: ["pam.user-environment"] },
  { suite: "trixie", version: "13", openssh: "1:10.0p1", faults: [] },
];

/** An unpacked release in a host. */
const UNPACKED = `/root/${NAME}`;

async function unpackRelease(host: TestHost): Promise<void> {
  const output = host.path(UNPACKED);
  await makeDist({ binary: await compiledBinary(), output, time: 1_700_000_000 });
  await Deno.copyFile(`${ROOT}/install.sh`, `${output}/install.sh`);
}

/** The content of PAM files and accounts. */
async function contents(host: TestHost): Promise<string> {
  return await shell(
    host,
    "cd /etc && sha256sum pam.d/* pam.conf security/*.conf; for file in passwd group shadow gshadow; do sort $file; done",
  );
}

/**
 * Every file, and what has the name of the program, with owner and mode; except logs, and the backups that useradd keeps.
 * A directory that other programs use too, such as /etc/cron.d, may stay.
 */
async function paths(host: TestHost): Promise<string> {
  return await shell(
    host,
    `find / \\( -path /proc -o -path /dev -o -path /tmp -o -path /run/test-host -o -path /var/log -o -path ${UNPACKED} \\
      -o -path '/etc/*-' -o -path '/etc/.pwd.lock' \\) -prune -o \\( ! -type d -o -name '*ssh-session*' \\) \\
      -printf '%p %u:%g %m\\n' | sort`,
  );
}

/** The lines that only one of two texts has. */
function changes(before: string, after: string): string[] {
  const [old, now] = [new Set(before.split("\n")), new Set(after.split("\n"))];
  return [
    ...[...old.difference(now)].map((line) => `- ${line}`),
    ...[...now.difference(old)].map((line) => `+ ${line}`),
  ];
}

async function login(host: TestHost): Promise<void> {
  const { code, stdout, stderr } = await host.ssh("alice", { auth: "key", command: "echo here" });
  assert.deepEqual([code, stdout], [0, "here\n"], `${stderr}${await host.readSshdLog()}`);
  await host.loggedOut();
}

async function installLoginPurge(host: TestHost, { faults }: { readonly faults: readonly string[] }): Promise<void> {
  await unpackRelease(host);
  // Its first login makes a host write files of its own, such as /run/motd.dynamic.
  await login(host);
  const before = `${await contents(host)}${await paths(host)}`;
  const installed = await host.run(["sh", `${UNPACKED}/install.sh`, "--pam"]);
  assert.equal(installed.code, 0, `${installed.stdout}${installed.stderr}`);

  await using discord = discordLike();
  await host.writeConfig(configFor("discord", `webhook_url = "${discord.webhookUrl}"`));
  await login(host);
  const sent = await send(host);
  assert.deepEqual([sent.code, sent.stdout, sent.stderr], [0, "", ""]);
  const texts = discord.accepted.map(({ body }) => String(body["content"]).replaceAll("\\", ""));
  assert.equal(texts.length, 2, texts.join("\n"));
  assert.match(
    texts[0] ?? "",
    /^'alice' \(127\.0\.0\.1\) logged in to example\.com via ssh \(sshd\) .*publickey ED25519/,
  );
  assert.match(texts[1] ?? "", /^'alice' \(127\.0\.0\.1\) logged out from example\.com .*publickey ED25519/);
  const found = (await findingsOn(host)).filter(({ id, level }) => /^(binary|pam|sshd)\./.test(id) && level !== "pass");
  assert.deepEqual(found.map(({ id }) => id), faults);

  const purged = await host.run(["sh", `${UNPACKED}/install.sh`, "--purge"]);
  assert.deepEqual([purged.code, purged.stderr], [0, ""], purged.stdout);
  assert.deepEqual(changes(before, `${await contents(host)}${await paths(host)}`), []);
  await login(host);
  assert.equal(discord.received.length, 2);
}

for (const { suite, version, openssh, faults } of RELEASES) {
  Deno.test({
    name: `Debian ${version}: a login after install.sh is notified, and --purge leaves nothing and the same PAM files`,
    ignore: missing !== undefined && !MUST_RUN,
    fn: async () => {
      await using host = await TestHost.bare(await debianRoot(suite));
      await namingVersions(async () => {
        const { stdout } = await host.run(["dpkg-query", "--show", "--showformat=${Version}", "openssh-server"]);
        assert.ok(stdout.startsWith(`${openssh}-`), stdout);
        await installLoginPurge(host, { faults });
      }, (command) => host.run(command));
    },
  });
}
