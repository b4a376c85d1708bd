// The Ansible role, run by ansible-core on a test host with the compiled program.

import assert from "node:assert/strict";
import { ROOT } from "../../.ci/checkout.ts";
import { ansiblePlaybook } from "../helpers/ansible.ts";
import { endToEnd, send, shell } from "../helpers/end_to_end.ts";
import type { Finished, TestHost } from "../helpers/host.ts";
import { unpackInstaller } from "../helpers/install.ts";

const NAME = "ssh-session-notifier";
const CONFIG = `/etc/${NAME}/config.toml`;
/** In the host; /tmp and /root are layers of it. */
const CONTROL = "/root/control";
const ARCHIVE = `${NAME}-0.0.0-linux-x86_64`;
const SECRET = "tk_s3cr3tofthevault";

const playbook = await ansiblePlaybook();

/** What a play has done: its exit code, its output, and how many tasks changed something. */
interface Played extends Finished {
  readonly changed: number;
}

/** What the play sets, as YAML, next to the archive. */
type Variables = Readonly<Record<string, unknown>>;

const WITH_STDOUT: Variables = {
  ssh_session_notifier_config: '[notification]\nservice = "stdout"\n',
  ssh_session_notifier_allowlist_files: [`${CONTROL}/shared.toml`],
  ssh_session_notifier_secrets: { "ntfy.token": SECRET },
};

/** Copies the role, an archive as of a release, and an allowlist to a host without the program. */
async function prepare(host: TestHost): Promise<void> {
  await shell(
    host,
    `userdel ${NAME} && userdel ssh-session-queue && mkdir -p ${CONTROL}/pack/${ARCHIVE} &&
    rm -rf /var/lib/${NAME} /etc/${NAME} /usr/sbin/${NAME} /run/${NAME}`,
  );
  const pack = `${CONTROL}/pack/${ARCHIVE}`;
  await unpackInstaller(host.path(pack));
  await shell(
    host,
    `tar -C ${CONTROL}/pack -c ${ARCHIVE} | gzip -1 >${CONTROL}/${ARCHIVE}.tar.gz && rm -r ${CONTROL}/pack &&
    cp -r '${ROOT}/.github/ansible/roles' ${CONTROL}/`,
  );
  await Deno.copyFile(`${ROOT}/.github/ansible/files/shared.toml`, host.path(`${CONTROL}/shared.toml`));
}

async function play(host: TestHost, variables: Variables, ...flags: string[]): Promise<Played> {
  assert.ok(playbook !== undefined);
  const vars = { ssh_session_notifier_archive: `${CONTROL}/${ARCHIVE}.tar.gz`, ...variables };
  const site = [{ hosts: "all", gather_facts: false, roles: ["ssh_session_notifier"], vars }];
  // JSON is YAML.
  await Deno.writeTextFile(host.path(`${CONTROL}/site.yml`), JSON.stringify(site));
  const inventory = `web1 ansible_connection=local ansible_python_interpreter=${playbook[0]}\n`;
  await Deno.writeTextFile(host.path(`${CONTROL}/hosts`), inventory);
  const command = [...playbook, "-i", `${CONTROL}/hosts`, `${CONTROL}/site.yml`, ...flags];
  const env = { LC_ALL: "C.UTF-8", ANSIBLE_NOCOLOR: "1", ANSIBLE_PIPELINING: "1", ANSIBLE_LOCALHOST_WARNING: "0" };
  const played = await host.run(command, { env, timeoutMs: 600_000 });
  const changed = Number(/^web1 +: ok=\d+ +changed=(\d+)/m.exec(played.stdout)?.[1] ?? -1);
  assert.doesNotMatch(`${played.stdout}${played.stderr}`, new RegExp(SECRET), "a secret is shown");
  return { ...played, changed };
}

async function playOk(host: TestHost, variables: Variables, ...flags: string[]): Promise<Played> {
  const played = await play(host, variables, ...flags);
  assert.equal(played.code, 0, `${played.stdout}${played.stderr}`);
  return played;
}

const ran = ({ stdout }: Played, handler: string) =>
  stdout.includes(`RUNNING HANDLER [ssh_session_notifier : ${handler}]`);
const CHECK = "Check the installation";

if (playbook !== undefined) {
  endToEnd("the Ansible role installs, configures, checks and removes the program", async (host, context) => {
    await prepare(host);
    const pamBefore = await shell(host, "cat /etc/pam.d/sshd");

    await context.step("--check changes nothing on a host without the program", async () => {
      const before = await shell(host, "ls /root /etc /usr/sbin; cat /etc/passwd");
      await playOk(host, WITH_STDOUT, "--check", "--diff");
      assert.equal(await shell(host, "ls /root /etc /usr/sbin; cat /etc/passwd"), before);
    });

    await context.step("the first play installs it, writes the files, and checks", async () => {
      const played = await playOk(host, WITH_STDOUT);
      assert.ok(played.changed > 0);
      assert.ok(ran(played, CHECK), played.stdout);
      const files = `/etc/${NAME}/config.toml /etc/${NAME}/ntfy.token /etc/${NAME}/allowlist.d/shared.toml`;
      assert.equal(
        await shell(host, `stat -c '%U:%G %a' ${files}; ls -A /etc/${NAME}; cat /etc/${NAME}/ntfy.token`),
        `${`root:${NAME} 640\n`.repeat(3)}allowlist.d\nbackup\nconfig.toml\nntfy.token\npam_env_last.conf\n` +
          `pam_env_retry.conf\n${SECRET}`,
      );
      assert.match(await shell(host, `cat ${CONFIG}`), /^name = "web1"$/m);
      assert.match(
        await shell(host, "cat /etc/pam.d/sshd"),
        /pam_exec\.so quiet seteuid \/usr\/sbin\/ssh-session-notifier/,
      );
    });

    await context.step("the same play again changes nothing, and does not check", async () => {
      const played = await playOk(host, WITH_STDOUT);
      assert.equal(played.changed, 0, played.stdout);
      assert.ok(!ran(played, CHECK));
    });

    const shared = await Deno.readTextFile(`${ROOT}/.github/ansible/files/shared.toml`);
    const rule = `${shared}[[rules]]\nreason = "test"\nusers = ["bob"]\n`;
    const changed = { ...WITH_STDOUT, ssh_session_notifier_timezone: "Pacific/Auckland" };

    await context.step("a changed configuration and a changed allowlist are put in place and checked", async () => {
      await Deno.writeTextFile(host.path(`${CONTROL}/shared.toml`), rule);
      const played = await playOk(host, changed);
      assert.equal(played.changed, 2);
      assert.ok(ran(played, CHECK));
      assert.match(await shell(host, `cat ${CONFIG}`), /^timezone = "Pacific\/Auckland"$/m);
      for (const user of ["alice", "bob"]) await host.ssh(user, { auth: "key" });
      await host.loggedOut();
      const { stdout } = await send(host);
      assert.match(stdout, /'alice' \(127\.0\.0\.1\) logged in to web1/);
      assert.doesNotMatch(stdout, /'bob'/, "the shared file allows bob");
    });

    await context.step("a wrong configuration or allowlist fails, and is not put in place", async () => {
      const state = () => shell(host, `cat ${CONFIG} /etc/${NAME}/allowlist.d/shared.toml; ls -A /etc/${NAME}`);
      const before = await state();
      const config = '[notification]\nservice = "stdout"\nevent = ["open"]\n';
      const wrong = await play(host, { ...changed, ssh_session_notifier_config: config });
      assert.notEqual(wrong.code, 0);
      assert.match(wrong.stdout, /notification\.event: is not a known key; did you mean .{0,2}"events/);

      await Deno.writeTextFile(host.path(`${CONTROL}/shared.toml`), `ip = []\n${rule}`);
      const wrongFile = await play(host, changed);
      assert.notEqual(wrongFile.code, 0);
      assert.match(wrongFile.stdout, /allowlist\.toml: ip: is not a known key; did you mean .{0,2}"ips/);
      await Deno.writeTextFile(host.path(`${CONTROL}/shared.toml`), rule);
      assert.equal(await state(), before);
    });

    const next = { ...changed, ssh_session_notifier_archive: `${CONTROL}/${ARCHIVE}.1.tar.gz` };

    await context.step("a new version replaces the old one, whose archive is removed", async () => {
      await shell(
        host,
        `cd ${CONTROL} && tar -xzf ${ARCHIVE}.tar.gz && mv ${ARCHIVE} ${ARCHIVE}.1 && rm ${ARCHIVE}.tar.gz &&
          tar -c ${ARCHIVE}.1 | gzip -1 >${ARCHIVE}.1.tar.gz && rm -r ${ARCHIVE}.1`,
      );
      assert.ok(ran(await playOk(host, next), CHECK));
      assert.equal(await shell(host, `ls /root/${NAME}`), `${ARCHIVE}.1\n${ARCHIVE}.1.tar.gz\n`);
    });

    await context.step("removal leaves configuration and history, and purging leaves nothing", async () => {
      const left = `find /root /etc /usr/sbin /usr/share /var/lib /run -xdev -path /run/test-host -prune -o \\
        \\( -path /root/.cache -o -path ${CONTROL} \\) -prune -o -name '${NAME}*' -print
        grep -c ssh-session /etc/passwd || true`;
      await playOk(host, { ...next, ssh_session_notifier_state: "absent" });
      // What --fix-pam-env has turned off stays off.
      const expected = pamBefore.replaceAll("user_readenv=1", "user_readenv=0");
      assert.equal(await shell(host, "cat /etc/pam.d/sshd"), expected);
      assert.equal(await shell(host, left), `/etc/${NAME}\n/var/lib/${NAME}\n/run/${NAME}\n2\n`);
      const purged = { ...next, ssh_session_notifier_state: "purged" };
      await playOk(host, purged);
      assert.equal(await shell(host, left), "0\n");
      assert.equal((await playOk(host, purged)).changed, 0);
    });
  }, { pamSessionFirst: [] });
}
