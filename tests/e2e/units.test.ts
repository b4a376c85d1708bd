// The units of install.sh, under a real systemd: the sandbox of the service, and what starts it when.

import assert from "node:assert/strict";
import { configFor, queue } from "../helpers/end_to_end.ts";
import type { TestHost } from "../helpers/host.ts";
import { unpackInstaller } from "../helpers/install.ts";
import { json, ntfyLike } from "../helpers/receivers.ts";
import { openedForWriting, parseTrace, straceTo } from "../helpers/strace.ts";
import { SERVICE, TIMER, underSystemd } from "../helpers/systemd.ts";
import { pause, waitFor } from "../helpers/wait_for.ts";

const STATE = "/var/lib/ssh-session-notifier";
const UNITS = "/usr/lib/systemd/system/ssh-session-notifier";

/** How long to check that nothing happens, in milliseconds: several runs of `send`. */
const QUIET_MS = 1_500;

/** A configuration for the receiver, with a name that the service must resolve. */
function configOf(receiver: { readonly topicUrl: string }): string {
  return configFor("ntfy", `topic_url = "${receiver.topicUrl.replace("127.0.0.1", "localhost")}"`);
}

async function login(host: TestHost, user = "alice"): Promise<void> {
  const { code, stderr } = await queue(host, { env: { PAM_USER: user } });
  assert.deepEqual([code, stderr], [0, ""]);
}

underSystemd(
  "systemd-analyze accepts the units, and the exposure of the service is at most 1.0 of 10",
  async (_, systemd) => {
    const verified = await systemd.run(`systemd-analyze verify ${UNITS}.service ${UNITS}.timer ${UNITS}.path`);
    assert.deepEqual([verified.code, verified.stdout, verified.stderr], [0, "", ""]);
    const analyzed = await systemd.run(
      `systemd-analyze security --offline=true --threshold=10 --no-pager ${UNITS}.service`,
    );
    assert.equal(analyzed.code, 0, analyzed.stdout);
    const exposure = Number(/Overall exposure level for \S+: (\d+\.\d+)/.exec(analyzed.stdout)?.[1]);
    assert.ok(exposure <= 1, `exposure ${exposure}`);
  },
);

underSystemd(
  "a notification is sent within about a second of a login, including the very first one",
  async (host, systemd) => {
    await using ntfy = ntfyLike();
    await host.writeConfig(configOf(ntfy));
    // The machine may be busy, so the fastest run shows the delay. Without the timer, only the path unit starts send.
    let quickestMs = Infinity;
    for (const [index, user] of ["alice", "bob", "carol"].entries()) {
      await login(host, user);
      const atMs = performance.now();
      await waitFor(() => ntfy.accepted.length > index, { what: "the notification arrives" });
      quickestMs = Math.min(quickestMs, performance.now() - atMs);
      await waitFor(async () => !await systemd.isRunning(), { what: "the run of send ends" });
    }
    assert.ok(quickestMs < 1_500, `${quickestMs} ms`);
    assert.deepEqual([ntfy.accepted.length, await systemd.starts()], [3, 3]);
    assert.equal(await systemd.journal(), "");
  },
);

underSystemd("an event in /run also starts send", async (host, systemd) => {
  await host.writeConfig(configFor("stdout"));
  let starts = 0;
  const wakes = async (command: string) => {
    await systemd.shell(command);
    starts++;
    await waitFor(async () => await systemd.starts() === starts && !await systemd.isRunning(), {
      what: `start ${starts} of send has ended`,
      timeoutMs: 30_000,
    });
  };
  await wakes("echo >>/run/ssh-session-notifier/unrecorded");
  await wakes("echo >/run/ssh-session-notifier/spool/any");
});

underSystemd("systemd-tmpfiles creates our files in /run, and empties none of them", async (_, systemd) => {
  const run = "/run/ssh-session-notifier";
  const create = `systemd-tmpfiles --create /usr/lib/tmpfiles.d/ssh-session-notifier.conf`;
  const look = `find ${run} -printf '%u:%g %m %s %P\\n' | sed 's/ [0-9]* spool$/ spool/; 1s/ [0-9]* $//'`;
  const made = await systemd.shell(look);
  await systemd.shell(`rm -r ${run}; ${create}`);
  assert.equal(await systemd.shell(look), made);
  await systemd.shell(`echo kept >${run}/unrecorded; ${create}`);
  assert.equal(await systemd.shell(`cat ${run}/unrecorded`), "kept\n");
});

underSystemd("an upgrade moves the units of an earlier release out of /etc while they run", async (host, systemd) => {
  const started = "ssh-session-notifier.timer ssh-session-notifier.path";
  const links = "readlink /etc/systemd/system/*.wants/ssh-session-notifier.*";
  const directories = async () => (await systemd.shell(links)).replaceAll(/\/[^/]*\n/g, "\n");
  await systemd.shell(`systemctl disable --now ${started}; mv ${UNITS}.* /etc/systemd/system/
    systemctl daemon-reload; systemctl enable --now ${started}`);
  assert.equal(await directories(), "/etc/systemd/system\n".repeat(2));

  await unpackInstaller(host.path("/run/installer"));
  await systemd.shell("sh /run/installer/install.sh");
  assert.equal(await directories(), "/usr/lib/systemd/system\n".repeat(2));
  await systemd.shell(`systemctl is-active ${started}`);
  const shown = await systemd.shell(`systemctl show --value --property=FragmentPath,NeedDaemonReload ${started}`);
  assert.deepEqual(shown.split("\n").filter((line) => line !== "").toSorted(), [
    `${UNITS}.path`,
    `${UNITS}.timer`,
    "no",
    "no",
  ]);

  await systemd.shell("sh /run/installer/install.sh --uninstall");
  assert.equal((await systemd.run(links)).stdout, "");
  assert.equal((await systemd.run(`systemctl is-active ${started}`)).stdout, "inactive\ninactive\n");
});

underSystemd("send never starts itself, and reads events that arrive while it runs", async (host, systemd) => {
  await using ntfy = ntfyLike();
  await host.writeConfig(configOf(ntfy));
  const { promise: released, resolve: release } = Promise.withResolvers<void>();
  ntfy.intercept = async () => {
    await released;
    return json(200, { id: "late" });
  };
  await login(host);
  await waitFor(() => systemd.isRunning(), { what: "send starts" });
  // It checks for new events once a second all the time.
  await login(host, "bob");
  await pause(QUIET_MS);
  assert.equal(await systemd.starts(), 1);
  release();
  await waitFor(async () => ntfy.accepted.length === 2 && !await systemd.isRunning(), {
    what: "send has delivered both, and ends",
  });
  for (let times = 0; times < 2; times++) await systemd.shell(`systemctl start ${SERVICE}`);
  await pause(QUIET_MS);
  assert.deepEqual([await systemd.starts(), ntfy.accepted.length], [3, 2]);
});

underSystemd("send sees in its sandbox that there is nothing to do", async (host, systemd) => {
  await host.writeConfig(configFor("stdout"));
  const note = `${STATE}/send/idle.json`;
  const start = () => systemd.shell(`systemctl start ${SERVICE}`);
  const look = () => systemd.shell(`stat --format='%i %z' ${note}`);
  await login(host);
  await waitFor(async () => {
    await start();
    return await host.has(note);
  }, { what: "the next run is idle", timeoutMs: 60_000 });
  const before = await look();
  await start();
  // A full run would replace it.
  assert.equal(await look(), before);
});

underSystemd("the timer starts send every minute, even if the path unit missed an event", async (host, systemd) => {
  await using ntfy = ntfyLike();
  await host.writeConfig(configOf(ntfy));
  // As install.sh created it.
  await systemd.extend(TIMER, "");
  await systemd.shell(`systemctl restart ${TIMER}`);
  const next = await systemd.shell(`TZ=UTC systemctl show --value --property=NextElapseUSecRealtime ${TIMER}`);
  const [, day, time] = / (\S+) (\S+) UTC\n$/.exec(next) ?? [];
  const inMs = Date.parse(`${day}T${time}Z`) - Date.now();
  assert.ok(inMs <= 71_000, `${next.trim()} is in ${inMs} ms`);

  await systemd.shell(`systemctl stop ssh-session-notifier.path ${TIMER}`);
  await waitFor(async () => !await systemd.isRunning(), { what: "the run of send ends" });
  await login(host);
  await pause(QUIET_MS);
  assert.equal(ntfy.received.length, 0, "nothing wakes it yet");
  await systemd.extend(TIMER, "[Timer]\nOnCalendar=*:*:*\nRandomizedDelaySec=0\n");
  await systemd.shell(`systemctl start ${TIMER}`);
  await waitFor(() => ntfy.accepted.length === 1, { what: "the notification arrives" });
});

underSystemd(
  "a broken configuration, a held lock or a dead service make send run only once per login",
  async (host, systemd, context) => {
    await using ntfy = ntfyLike();
    const before = await systemd.starts();
    const runsFor = async (user: string) => {
      const starts = await systemd.starts();
      await login(host, user);
      await waitFor(async () => await systemd.starts() > starts, { what: "send starts again" });
      await pause(QUIET_MS);
      return await systemd.starts() - starts;
    };

    await context.step("a broken configuration makes the service fail", async () => {
      await host.writeConfig("broken");
      assert.equal(await runsFor("alice"), 1);
      await waitFor(async () => (await systemd.run(`systemctl is-failed ${SERVICE}`)).stdout === "failed\n", {
        what: "the service has failed",
      });
      assert.match(await systemd.journal(), /config\.toml: line 1/);
    });

    await context.step("a held lock delays the events until it is released", async () => {
      await host.writeConfig(configOf(ntfy));
      await systemd.shell(`flock ${STATE}/send/send.lock sleep 60 >/dev/null 2>&1 & echo $! >/run/holder`);
      await waitFor(async () => (await systemd.run(`flock --nonblock ${STATE}/send/send.lock true`)).code === 1, {
        what: "the other process holds the lock",
      });
      assert.equal(await runsFor("bob"), 1);
      assert.equal(ntfy.received.length, 0);
      await systemd.shell("pkill -KILL -P $(cat /run/holder)");

      // Afterwards, the path unit still works, and nothing is lost.
      await login(host, "carol");
      await waitFor(async () => ntfy.accepted.length === 3 && !await systemd.isRunning(), {
        what: "send has delivered the third, and ends",
      });
    });

    await context.step("a dead service leaves the event to a later run", async () => {
      await ntfy.down();
      assert.equal(await runsFor("dave"), 1);
      await waitFor(async () => /cannot deliver event .* now: .*refused/i.test(await systemd.journal()), {
        what: "send logs that the service refuses the connection",
      });
      // It waits for its next attempt. If a shutdown ends it, a later run continues; that is not a failure.
      await systemd.shell(`systemctl stop ${SERVICE}`);
      assert.equal((await systemd.run(`systemctl is-failed ${SERVICE}`)).stdout, "inactive\n");
    });
    assert.equal(await systemd.starts() - before, 4);
  },
);

underSystemd(
  "send makes no system call that its filter refuses, and changes no file that the path unit watches",
  async (host, systemd) => {
    await using ntfy = ntfyLike();
    await host.writeConfig(configOf(ntfy));
    await systemd.shell("systemctl stop ssh-session-notifier.path");
    await login(host);
    const { code, stderr } = await host.run([
      ...["setpriv", "--reuid=ssh-session-notifier", "--regid=ssh-session-notifier", "--init-groups"],
      ...straceTo("/tmp/trace"),
      ...["/usr/sbin/ssh-session-notifier", "send"],
    ], { env: { PATH: "/usr/bin:/bin" }, clearEnv: true });
    assert.deepEqual([code, stderr, ntfy.accepted.length], [0, "", 1]);
    const calls = parseTrace(await Deno.readTextFile(host.path("/tmp/trace")));
    const made = new Set(calls.map(({ name }) => name));
    // The groups and their exceptions, as systemd itself expands them.
    const shown = await systemd.shell(`systemctl show --value --property=SystemCallFilter ${SERVICE}`);
    const allowed = new Set(shown.trim().split(" "));
    assert.ok(made.size > 50 && made.has("connect") && made.has("fsync"), `the trace shows ${made.size} calls`);
    assert.ok(!allowed.has("ptrace") && !allowed.has("setuid") && !allowed.has("listen"), "the filter refuses some");
    // At its start, V8 checks whether the processor has protection keys, and works without them.
    assert.deepEqual([...made].filter((name) => !allowed.has(name) && name !== "pkey_alloc"), []);

    // systemd does not watch while the service runs, so starting itself would not show as another run.
    const unit = await Deno.readTextFile(host.path(`${UNITS}.path`));
    const watched = [...unit.matchAll(/^PathChanged=(.*)$/gm)].map(([, path]) => `${path}`);
    assert.equal(watched.length, 4);
    const changed = calls
      .filter(({ name, result }) =>
        /^(ch|fch|l?remove|rename|link|symlink|unlink|mk|rm|l?set|utime)/.test(name) && result === "0"
      )
      .flatMap(({ args }) => [...args.matchAll(/"([^"]*)"/g)].map(([, path]) => `${path}`))
      .concat(openedForWriting(calls));
    assert.ok(changed.includes(`${STATE}/send/deliveries.db`), "the trace shows what it writes");
    assert.deepEqual(changed.filter((path) => watched.some((it) => path === it || path.startsWith(`${it}/`))), []);
  },
);

underSystemd(
  "the service can access only its own files, and can run no program",
  async (host, systemd) => {
    await host.writeConfig(configFor("stdout"));
    await systemd.shell("systemctl stop ssh-session-notifier.path");
    await login(host);
    // A shell and tools replace `send`, which has none.
    const probe = `
      echo top: /*
      echo etc: /etc/*
      echo run: /run/* /run/systemd/*
      echo state: /var/lib/* ${STATE}/*
      for path in /sys /dev/shm; do ls $path >/dev/null 2>&1 && echo open: $path; done
      head -c 1 /etc/ssl/certs/ca-certificates.crt >/dev/null && echo readable: certificates
      grep -q stdout /etc/ssh-session-notifier/config.toml && echo readable: config
      for dir in $(cut -d' ' -f5 /proc/self/mountinfo | sort -u); do
        if cp /usr/bin/true $dir/copy 2>/dev/null; then
          echo writable: $dir
          $dir/copy 2>/dev/null && echo executable: $dir
        fi
      done
      cp /usr/bin/true ${STATE}/queue/spool/copy 2>/dev/null && echo writable: spool
      for dir in /run/ssh-session-notifier /run/ssh-session-notifier/spool; do
        cp /usr/bin/true $dir/copy 2>/dev/null && echo writable: $dir
      done
      head -c 1 /run/ssh-session-notifier/unrecorded >/dev/null && echo readable: unrecorded
      echo memory: $(cat /proc/self/oom_score_adj)
      echo $(grep -E '^(Cap.*|NoNewPrivs|Seccomp):' /proc/self/status)
      exit 0`;
    await Deno.writeTextFile(host.path("/etc/ssh-session-notifier/probe"), probe);
    await Deno.chmod(host.path("/etc/ssh-session-notifier/probe"), 0o644);
    await systemd.extend(
      SERVICE,
      `[Service]
BindReadOnlyPaths=/usr/bin
ExecPaths=+/usr/bin
SystemCallFilter=vfork
ExecStart=
ExecStart=/usr/bin/dash /etc/ssh-session-notifier/probe
`,
    );
    await systemd.shell(`systemctl start ${SERVICE}`);
    const [top, etc, run, ...rest] = (await systemd.journal()).trim().split("\n");
    // Distributions differ, but nothing else may exist.
    assert.match(top ?? "", /^top:( \/(bin|dev|etc|lib|lib64|proc|root|run|sbin|sys|tmp|usr|var))+$/);
    assert.match(
      etc ?? "",
      /^etc:( \/etc\/(gai\.conf|host\.conf|hosts|ld\.so\.cache|nsswitch\.conf|pki|resolv\.conf|ssh-session-notifier|ssl))+$/,
    );
    assert.match(run ?? "", /^run:( \/run\/(ssh-session-notifier|systemd(\/(incoming|resolve))?))+$/);
    const none = "0000000000000000";
    // In some containers, not even root may do that, and systemd continues without it.
    const mayAdjust = (await systemd.run("echo -500 >/proc/self/oom_score_adj")).code === 0;
    assert.deepEqual(rest, [
      `state: ${STATE} ${STATE}/queue ${STATE}/send`,
      "readable: certificates",
      "readable: config",
      "writable: /tmp",
      `writable: ${STATE}/send`,
      "writable: /var/tmp",
      "readable: unrecorded",
      `memory: ${mayAdjust ? -500 : 0}`,
      `CapInh: ${none} CapPrm: ${none} CapEff: ${none} CapBnd: ${none} CapAmb: ${none} NoNewPrivs: 1 Seccomp: 2`,
    ]);
  },
);
