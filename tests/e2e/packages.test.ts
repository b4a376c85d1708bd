// The .deb and the .rpm, from the real program: installed, upgraded, removed and purged on a minimal Debian, with real
// logins.

import assert from "node:assert/strict";
import { execute, MUST_RUN } from "../../.ci/checkout.ts";
import { compiledBinary } from "../../.ci/compile.ts";
import { makeDist } from "../../.ci/dist.ts";
import { makePackages } from "../../.ci/package.ts";
import { debianRoot } from "../helpers/debian_root.ts";
import { configFor, findingsOn, send, shell } from "../helpers/end_to_end.ts";
import { missingForTestHost, TestHost } from "../helpers/host.ts";
import { ntfyLike } from "../helpers/receivers.ts";

const NAME = "ssh-session-notifier";
const PAM_FILE = "/etc/pam.d/sshd";
const TIME = 1_700_000_000;
const missing = await missingForTestHost();
type Format = "deb" | "rpm";

interface Packages {
  readonly old: string;
  readonly new: string;
}

/** Two versions of a package, made once; removed with the directory. */
const directory = await Deno.makeTempDir({ prefix: "packages-" });
const made: Partial<Record<Format, Promise<Packages>>> = {};
Deno.test.afterAll(() => Deno.remove(directory, { recursive: true }));

async function make(format: Format): Promise<Packages> {
  const dist = `${directory}/${format}`;
  await makeDist({ binary: await compiledBinary(), output: dist, time: TIME });
  const version = async (version: string) =>
    (await makePackages({ dist, output: directory, version, formats: [format] }))[format];
  return { old: await version("0.0.1"), new: await version("0.0.2") };
}

/** A test with the packages, on a host on which they are not installed. */
function packageTest(
  name: string,
  format: Format,
  test: (host: TestHost, packages: Packages) => Promise<void>,
): void {
  Deno.test({
    name,
    ignore: missing !== undefined && !MUST_RUN,
    fn: async () => {
      const packages = await (made[format] ??= make(format));
      await using host = await TestHost.bare(await debianRoot("bookworm"));
      for (const path of [packages.old, packages.new]) {
        await Deno.copyFile(path, host.path(inHost(path)));
        // apt reads packages as another user.
        await Deno.chmod(host.path(inHost(path)), 0o644);
      }
      await test(host, packages);
    },
  });
}

/** Installs a .deb. Without a terminal, dpkg fails if it has to ask. */
async function apt(host: TestHost, ...args: string[]): Promise<string> {
  return await shell(host, `DEBIAN_FRONTEND=noninteractive apt-get --yes --quiet ${args.join(" ")} 2>&1`);
}

function inHost(path: string): string {
  return path.replace(/^.*\//, "/tmp/");
}

/** Logs alice in and out. */
async function login(host: TestHost): Promise<void> {
  const { code, stderr } = await host.ssh("alice", { auth: "key" });
  assert.equal(code, 0, stderr);
}

/** The number of logins that were recorded with their logout, once, and delivered. */
async function delivered(host: TestHost): Promise<number> {
  await host.loggedOut();
  const { code, stderr } = await send(host);
  assert.equal(code, 0, stderr);
  const lines = (await shell(host, `${NAME} history --json --limit=all`)).trim().split("\n");
  for (const line of lines) {
    const { deliveries } = JSON.parse(line) as { deliveries: readonly { of: string; state: string }[] };
    assert.deepEqual(
      deliveries.map(({ of, state }) => `${of} ${state}`),
      ["login delivered", "logout delivered"],
      line,
    );
  }
  return lines.length;
}

/** Paths whose name contains that of the program. */
async function traces(host: TestHost): Promise<string> {
  return await shell(host, `find / -xdev -path /proc -prune -o -name '*${NAME}*' -print; ls -d /run/${NAME} || :`);
}

/**
 * Logs in again and again, a few at a time, while a step is done; the binary always has its owner and mode.
 *
 * @param options.alsoMode a mode that it may have for a moment
 * @returns the number of logins
 */
async function withLogins(
  host: TestHost,
  step: () => Promise<unknown>,
  { alsoMode }: { readonly alsoMode?: string } = {},
): Promise<number> {
  let isDone = false;
  const owners = shell(
    host,
    `rm -f /tmp/done; until [ -e /tmp/done ]; do stat -c '%a %U:%G' /usr/sbin/${NAME}; done 2>&1 | uniq | sort -u`,
  );
  let count = 0;
  const loops = Array.from({ length: 3 }, async () => {
    while (!isDone) {
      await login(host);
      count++;
    }
  });
  // If a login fails, the others still end.
  await step().finally(() => isDone = true);
  await Promise.all(loops);
  await shell(host, "touch /tmp/done");
  const seen = (await owners).trim().split("\n").filter((line) => line !== `${alsoMode} root:${NAME}`);
  assert.deepEqual(seen, [`2750 root:${NAME}`]);
  return count;
}

packageTest(
  "the .deb below another directory: its users, owners and units are there, and nothing here",
  "deb",
  async (host, packages) => {
    await shell(
      host,
      `cd /tmp; mkdir -p r/etc r/var/lib/dpkg/info r/var/lib/dpkg/updates; : >r/var/lib/dpkg/status
    for file in passwd group shadow gshadow; do grep ^root: /etc/$file >r/etc/$file; done`,
    );
    const dpkg = "dpkg --root=/tmp/r --force-depends --force-script-chrootless";
    await shell(host, `${dpkg} --install ${inHost(packages.old)} 2>&1`);
    const ids = await shell(host, "sed -n 's/^ssh-session.*:x:\\([0-9]*\\):.*/\\1/p' /tmp/r/etc/passwd");
    const [queue, sender] = ids.trim().split("\n");
    const paths = [`usr/sbin/${NAME}`, `etc/${NAME}/config.toml`, `var/lib/${NAME}/queue/db`];
    assert.deepEqual((await shell(host, `cd /tmp/r; stat -c '%a %u:%g' ${paths.join(" ")}`)).trim().split("\n"), [
      `2750 0:${sender}`,
      `640 0:${sender}`,
      `2750 ${queue}:${queue}`,
    ]);
    assert.match(await shell(host, "ls /tmp/r/etc/systemd/system/*.wants"), /notifier\.path[^]*notifier\.timer/);
    assert.equal(await shell(host, "grep ssh-session /etc/passwd || :"), "");
    await shell(host, `${dpkg} --purge ${NAME} 2>&1`);
    assert.equal(await shell(host, `find /tmp/r -name '*session-notifier*'`), "");
  },
);

packageTest("the .deb: install, upgrade during logins, remove, install again, purge", "deb", async (host, packages) => {
  await using ntfy = ntfyLike();
  const before = await shell(host, `cat ${PAM_FILE}`);
  const linted = execute(["lintian", "--allow-root", "--fail-on=none", packages.old]);

  const installed = await apt(host, "install", inHost(packages.old));
  assert.match(installed, /nothing is recorded yet[^]*ssh-session-notifier-pam --fix-pam-env add/);
  assert.equal(await shell(host, `cat ${PAM_FILE}`), before, "PAM is edited only by a command");
  assert.equal(await shell(host, `stat -c '%a %U:%G' /usr/sbin/${NAME}`), `2750 root:${NAME}\n`);
  assert.match(await shell(host, `ls /etc/systemd/system/*.wants`), /notifier\.path[^]*notifier\.timer/);

  await shell(host, `${NAME}-pam add`);
  const config = configFor("ntfy", `topic_url = "${ntfy.topicUrl}"`);
  await Deno.writeTextFile(host.path(`/etc/${NAME}/config.toml`), config);
  await login(host);
  assert.equal(await delivered(host), 1);
  assert.match(String(ntfy.accepted[0]?.body["message"]), /^'alice' .* logged in /);

  const logins = 1 + await withLogins(host, async () => {
    assert.match(await apt(host, "install", inHost(packages.new)), /Setting up .*0\.0\.2/);
  });
  assert.ok(logins > 1);
  assert.equal(await delivered(host), logins);
  assert.equal(await shell(host, `cat /run/${NAME}/unrecorded`), "", "the hook ran at each login");
  assert.equal(await shell(host, `cat /etc/${NAME}/config.toml`), config, "a changed configuration is kept");

  await apt(host, "remove", NAME);
  assert.equal(await shell(host, `cat ${PAM_FILE}`), before);
  assert.equal(await shell(host, `cat /etc/${NAME}/config.toml`), config);
  await login(host);

  // Without systemd's tools, cron starts send.
  await shell(host, "mv /usr/bin/systemctl /usr/bin/systemctl.away");
  const again = await apt(host, "install", inHost(packages.new));
  assert.match(again, /nothing is recorded yet/);
  assert.equal(await delivered(host), logins, "the history is kept, and nothing was recorded meanwhile");
  await shell(host, `${NAME}-pam --fix-pam-env add`);
  const faults = (await findingsOn(host)).filter(({ level }) => level === "fault");
  // In this host, cron is not installed.
  assert.deepEqual(faults.map(({ id }) => id), ["scheduler.cron-missing"]);

  await apt(host, "purge", NAME);
  assert.equal((await linted).stdout, "", "lintian has nothing to report");
  assert.equal(await shell(host, `cat ${PAM_FILE}`), before.replace("user_readenv=1", "user_readenv=0"));
  assert.equal(await traces(host), "");
  await login(host);
});

packageTest("the .rpm: install, upgrade, remove", "rpm", async (host, packages) => {
  await using ntfy = ntfyLike();
  // The database of RPM packages is empty, so no dependency is installed.
  const rpm = (...args: string[]) =>
    shell(host, `rpm --dbpath=/var/lib/rpm ${args.join(" ")} 2>/tmp/rpm || { cat /tmp/rpm; exit 1; }`);
  const before = await shell(host, `cat ${PAM_FILE}`);

  assert.match(await rpm("--install", "--nodeps", inHost(packages.old)), /nothing is recorded yet/);
  assert.equal(await shell(host, `cat ${PAM_FILE}`), before);
  assert.equal(await rpm("--verify", "--nodeps", NAME), "", "the owners and modes are those of the package");
  assert.equal(await shell(host, `stat -c '%a %U:%G' /usr/sbin/${NAME}`), `2750 root:${NAME}\n`);

  await shell(host, `${NAME}-pam add`);
  const config = configFor("ntfy", `topic_url = "${ntfy.topicUrl}"`);
  await Deno.writeTextFile(host.path(`/etc/${NAME}/config.toml`), config);
  await login(host);
  assert.equal(await delivered(host), 1);
  // Just before rpm replaces a program, it takes the set-group-ID bit off the old one, against copies by hard links.
  const upgrade = () => rpm("--upgrade", "--nodeps", inHost(packages.new));
  const logins = 1 + await withLogins(host, upgrade, { alsoMode: "750" });
  assert.equal(await delivered(host), logins);
  assert.equal(await shell(host, `cat /etc/${NAME}/config.toml`), config);
  await shell(host, `${NAME}-pam --fix-pam-env add`);
  const faults = (await findingsOn(host)).filter(({ level }) => level === "fault");
  assert.deepEqual(faults.map(({ id }) => id), ["scheduler.missing"]);

  await rpm("--erase", NAME);
  assert.equal(await shell(host, `cat ${PAM_FILE}`), before.replace("user_readenv=1", "user_readenv=0"));
  assert.equal(await shell(host, `cat /etc/${NAME}/config.toml.rpmsave`), config);
  assert.ok(await host.has(`/var/lib/${NAME}/send/deliveries.db`));
  await login(host);
});
