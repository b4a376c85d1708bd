// The program on a complete Debian system with SELinux enforcing: install, start by its path unit, reboots, poweroffs, a
// wrong clock, and uninstall.

import assert from "node:assert/strict";
import { executeOrThrow } from "../../.ci/checkout.ts";
import { Disk } from "./disk.ts";
import { Vm } from "./vm.ts";

const ENFORCING = "security=selinux enforcing=1";
const STATE = "/var/lib/ssh-session-notifier";
const TYPE = "ssh_session_queue_t";

/**
 * Harmless denials: Deno reads the limits of its control group, and otherwise uses the defaults; and
 * the C library reads the scheduling of a thread that it starts.
 */
const HARMLESS = [
  /denied {2}\{ (getattr|read|open|search) \} .* tcontext=system_u:object_r:cgroup_t:s0 /,
  /denied {2}\{ getsched \} .* scontext=system_u:system_r:local_login_t:s0 .* tclass=process /,
];

/** The output of the service since the boot: the notifications. */
async function notified(vm: Vm): Promise<string> {
  return await vm.shell("journalctl --quiet --no-pager --output=cat _SYSTEMD_UNIT=ssh-session-notifier.service");
}

/** Logs in and out, which must work even without a notification. */
async function login(vm: Vm, user: string): Promise<void> {
  const { code, stdout, stderr } = await vm.login(user);
  assert.deepEqual([code, stdout], [0, "in the session\n"], stderr);
}

/** Logs in and out, and waits for both notifications. */
async function notifiedLogin(vm: Vm, user: string): Promise<void> {
  await login(vm, user);
  await vm.until(async () => {
    const said = await notified(vm);
    return said.includes(`'${user}' (10.0.2.2) logged in`) && said.includes(`'${user}' (10.0.2.2) logged out`);
  }, `notifications about ${user}`);
}

/** The denials of SELinux since the boot for the program or its files. */
async function denials(vm: Vm): Promise<string[]> {
  const log = await vm.shell(
    "{ cat /var/log/audit/audit.log; journalctl -k --no-pager; } | grep 'avc:.*denied' || true",
  );
  return log.split("\n")
    .filter((line) => line.includes('comm="ssh-session-not') || line.includes(TYPE) || line.includes("/ssh-session-"))
    .filter((line) => !HARMLESS.some((pattern) => pattern.test(line)));
}

/** The lines of `check` about SELinux. */
async function checkSelinux(vm: Vm): Promise<string> {
  return (await vm.run("ssh-session-notifier check")).stdout.split("\n").filter((line) => line.includes("selinux"))
    .join();
}

/** The rules of the loaded policy that contain one of our types or attributes. */
async function rules(vm: Vm, disk: Disk): Promise<string[]> {
  const policy = `${disk.directory}/policy`;
  const encoded = await vm.shell("base64 --wrap=0 /sys/fs/selinux/policy");
  await Deno.writeFile(policy, Uint8Array.fromBase64(encoded));
  const target = await executeOrThrow(["sesearch", "--allow", "--target", TYPE, "-dt", policy]);
  const source = await executeOrThrow(["sesearch", "--allow", "--source", "ssh_session_hook", "-ds", policy]);
  return [...new Set(`${target}${source}`.trim().split("\n"))].sort();
}

/** Logs alice in on a virtual console, as if she had typed her name there, and logs her out. */
const CONSOLE_LOGIN = `mkdir -p /run/systemd/system/getty@tty2.service.d
printf '[Service]\\nExecStart=\\nExecStart=-/sbin/agetty --autologin alice tty2\\nRestart=no\\n' \\
  >/run/systemd/system/getty@tty2.service.d/alice.conf
echo exit >/home/alice/.profile
systemctl daemon-reload
systemctl start getty@tty2
while systemctl is-active --quiet getty@tty2; do sleep 0.2; done`;

Deno.test("on a Debian that enforces SELinux", async (t) => {
  await using disk = await Disk.create();
  {
    await using vm = await Vm.boot(disk, { append: ENFORCING });
    assert.equal(await vm.shell("getenforce"), "Enforcing\n");

    await t.step("if its module cannot be loaded, install.sh and check report it, and logins work", async () => {
      await vm.shell("mount --bind /etc/selinux /etc/selinux && mount -o remount,bind,ro /etc/selinux");
      const { code, stdout } = await vm.install("--pam", "--fix-pam-env");
      await vm.shell("umount /etc/selinux");
      assert.equal(code, 0, stdout);
      assert.match(
        stdout,
        /Read-only file system[^]*^warning: the SELinux module ssh-session-notifier cannot be loaded/m,
      );
      // This policy lets sshd write to /run, where the hook keeps events that it cannot write to disk.
      await notifiedLogin(vm, "user1");
      assert.match(await checkSelinux(vm), /^fault +selinux\.module-missing /);
      assert.ok((await denials(vm)).length > 0, "SELinux denies the hook something");
    });

    await t.step("install.sh loads its module, and check passes", async () => {
      const { code, stdout } = await vm.install("--pam=su,login");
      assert.equal(code, 0, stdout);
      assert.match(stdout, /^loaded: the SELinux module/m);
      assert.match(await checkSelinux(vm), /^pass .*,pass /);
      assert.equal(await vm.shell("systemctl --failed --no-legend"), "");
      await vm.shell(": >/var/log/audit/audit.log; dmesg --clear; journalctl --quiet --rotate --vacuum-time=1s");
    });

    await t.step("the path unit alone is enough to notify about a login and a logout", async () => {
      await vm.shell("systemctl stop ssh-session-notifier.timer");
      await notifiedLogin(vm, "alice");
      await vm.shell("systemctl start ssh-session-notifier.timer");
    });

    await t.step("su and console sessions are notified too", async () => {
      await vm.shell(`su user7 --command true; ${CONSOLE_LOGIN}`);
      await vm.until(async () => {
        const said = await notified(vm);
        return [/'user7' logged in/, /'user7' logged out/, /'alice' logged in/, /'alice' logged out/].every((pattern) =>
          pattern.test(said)
        );
      }, "notifications about su and the console");
    });

    await t.step("the policy allows only what the hook needs", async () => {
      assert.deepEqual(await rules(vm, disk), [
        `allow init_t ${TYPE}:dir { getattr search watch };`,
        `allow init_t ${TYPE}:file { getattr watch };`,
        `allow ssh_session_hook ${TYPE}:dir { add_name getattr open read remove_name search write };`,
        `allow ssh_session_hook ${TYPE}:file { append create getattr link lock map open read rename setattr unlink write };`,
        // All file types have this attribute.
        `allow ${TYPE} ${TYPE}:filesystem associate;`,
        `allow systemd_tmpfiles_t ${TYPE}:dir { add_name create getattr open read relabelfrom relabelto search setattr write };`,
        `allow systemd_tmpfiles_t ${TYPE}:file { create getattr open relabelfrom relabelto setattr write };`,
      ]);
    });

    await t.step("restorecon changes nothing, and check finds a wrong label", async () => {
      const paths = `${STATE} /usr/sbin/ssh-session-notifier /etc/ssh-session-notifier /run/ssh-session-notifier`;
      assert.equal(await vm.shell(`restorecon -R -n -v ${paths}`), "");
      await vm.shell(`chcon -t var_lib_t ${STATE}/queue`);
      assert.match(await checkSelinux(vm), /,fault .*1 wrong label, .*ssh-session-notifier\/queue from .*:var_lib_t:/);
      await vm.shell(`restorecon -R ${STATE}`);
    });

    await t.step("an event pending at a reboot is sent after it", async () => {
      await vm.shell("systemctl stop ssh-session-notifier.path ssh-session-notifier.timer");
      await login(vm, "user2");
      assert.deepEqual(await denials(vm), []);
      await vm.reboot();
      await vm.until(
        async () => (await notified(vm)).includes("'user2' (10.0.2.2) logged in"),
        "the pending notification",
      );
      assert.deepEqual(await denials(vm), []);
    });

    await t.step("a poweroff during an open session completes", async () => {
      const session = vm.login("user3", { command: "sleep 3600", timeoutMs: 1_200_000 });
      await vm.until(async () => (await notified(vm)).includes("'user3' (10.0.2.2) logged in"), "the open session");
      await vm.powerOff();
      await session;
    });
  }
  {
    await using vm = await Vm.boot(disk, { append: ENFORCING, clock: "2040-01-01" });

    await t.step("with a clock that is years ahead, logins are notified and the history is kept", async () => {
      assert.match(await vm.shell("date +%Y"), /^2040/);
      await notifiedLogin(vm, "user4");
      const history = await vm.shell("ssh-session-notifier history --json");
      for (const user of ["alice", "user2", "user3", "user4"]) assert.ok(history.includes(`"${user}"`), user);
    });

    await t.step("logins are notified after the clock was corrected", async () => {
      await vm.shell(`date --set=@${Math.floor(Date.now() / 1000)}`);
      await notifiedLogin(vm, "user5");
      assert.deepEqual(await denials(vm), []);
    });

    await t.step("install.sh --purge leaves nothing, and logins work", async () => {
      const said = await vm.shell("cd /root/ssh-session-notifier && ./install.sh --purge");
      assert.match(said, /^removed: the SELinux module ssh-session-notifier$/m);
      const names = "-name 'ssh-session-notifier*' -o -name 'ssh-session-queue*'";
      assert.equal(await vm.shell(`find / -xdev -path /root -prune -o \\( ${names} \\) -print`), "");
      assert.doesNotMatch(await vm.shell("semodule --list-modules"), /ssh-session/);
      assert.equal(await vm.shell("getent passwd ssh-session-queue ssh-session-notifier || true"), "");
      await login(vm, "user6");
    });
  }
});
