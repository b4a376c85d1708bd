// The hook: its cost, the files it opens, the user it becomes, and the errors it reports.

import assert from "node:assert/strict";
import { ROOT } from "../../.ci/checkout.ts";
import { configFor, endToEnd, holdWriteLock, PAM_OPEN, queue, send, shell } from "../helpers/end_to_end.ts";
import type { TestHost } from "../helpers/host.ts";
import { usersOf } from "../helpers/logins.ts";
import { ntfyLike } from "../helpers/receivers.ts";
import { openedForWriting, parseTrace, straceTo, type SystemCall } from "../helpers/strace.ts";

const QUEUE = "/var/lib/ssh-session-notifier/queue";
const DATABASE = `${QUEUE}/db/session_events.db`;
const RUN_SPOOL = "/run/ssh-session-notifier/spool";

/** As systemd-tmpfiles does at each boot. */
async function makeRunSpool(host: TestHost): Promise<void> {
  const spool = `install -d -o ssh-session-queue -g ssh-session-queue -m 2750 ${RUN_SPOOL}`;
  await shell(host, `install -d /run/ssh-session-notifier && ${spool}`);
}

async function traced(host: TestHost): Promise<SystemCall[]> {
  const { code, stderr } = await queue(host, { wrapper: straceTo("/run/trace") });
  assert.equal(code, 0, stderr);
  return parseTrace(await Deno.readTextFile(host.path("/run/trace")));
}

/** The records in the queue database, oldest first. */
async function records(host: TestHost): Promise<Record<string, unknown>[]> {
  const { code, stdout, stderr } = await host.run([
    "sqlite3",
    "-readonly",
    DATABASE,
    "SELECT record FROM event ORDER BY id",
  ]);
  assert.equal(code, 0, stderr);
  return stdout.trim().split("\n").map((line) => JSON.parse(line));
}

endToEnd(
  "queue costs at most two fsyncs, opens nothing for writing outside queue/, and makes no network socket",
  async (host) => {
    // The first hook creates the database.
    assert.equal((await queue(host)).code, 0);
    const calls = await traced(host);

    const syncs = calls.filter(({ name }) => /^(fsync|fdatasync|sync|syncfs|sync_file_range|msync)$/.test(name));
    assert.ok(syncs.length >= 1 && syncs.length <= 2, `${syncs.length} fsyncs`);
    const written = openedForWriting(calls);
    assert.ok(
      written.includes(DATABASE) && written.includes(`${DATABASE}-wal`),
      `the trace shows the database: ${written}`,
    );
    assert.deepEqual(written.filter((path) => !path.startsWith(`${QUEUE}/`) && path !== "/dev/null"), []);
    assert.deepEqual(calls.filter(({ name }) => /^(clone3?|v?fork)$/.test(name)), [], "one process is enough");
    const sockets = calls.filter(({ name }) => name === "socket").map(({ args }) => args.split(",", 1)[0]);
    assert.deepEqual(sockets, []);
    assert.deepEqual(calls.filter(({ name }) => name === "execve").length, 1);
  },
);

endToEnd("the binary contains the licences of its packages, and none of the tests' packages", async (host) => {
  const held = async (text: string) =>
    (await host.run(["grep", "-qaF", text, "/usr/sbin/ssh-session-notifier"])).code === 0;
  // The list of licences names each package whose code is in the bundles.
  for (const name of ["commander", "ipaddr.js", "leven", "nodemailer", "smol-toml", "valibot"]) {
    assert.ok(await held(`${name}@`), name);
  }
  for (
    const author of [
      "TJ Holowaychuk",
      "whitequark",
      "Sindre Sorhus",
      "Squirrel Chat et al.",
      "Fabian Hiller",
      "Andris Reinman",
    ]
  ) {
    assert.ok(await held(author), author);
  }
  for (const name of ["fast-check", "pure-rand", "smtp-server", "postal-mime"]) {
    assert.ok(!await held(`${name}@`), name);
  }
  for (const path of [ROOT, "/deno/npm/"]) assert.ok(!await held(path), `a path of the build machine: ${path}`);
});

endToEnd("queue drops root before it opens anything in queue/", async (host) => {
  assert.equal((await queue(host)).code, 0);
  const calls = await traced(host);
  const dropped = calls.findIndex(({ name, args }) => name === "setuid" && args === "61111");
  const changes = /^(mkdir|mknod|creat|link|symlink|rename|unlink|rmdir|truncate|chmod|chown|lchown|utime|setxattr)/;
  const asRoot = calls.slice(0, dropped);
  assert.deepEqual(asRoot.filter(({ name }) => changes.test(name.replace(/^f(ch)/, "$1"))), []);
  assert.deepEqual(openedForWriting(asRoot).filter((path) => path !== "/dev/null"), []);
  const opened = calls.findIndex(({ name, args }) => name === "openat" && args.includes(`"${QUEUE}/`));
  assert.ok(calls.findIndex(({ name, args }) => name === "setgid" && args === "61111") < dropped);
  assert.ok(dropped >= 0 && opened > dropped, `dropped at ${dropped}, opened at ${opened}`);

  for (const suffix of ["", "-wal", "-shm"]) {
    const { uid, gid, mode } = await Deno.stat(host.path(`${DATABASE}${suffix}`));
    const expected = suffix === "-shm" ? 0o600 : 0o640;
    assert.deepEqual([uid, gid, (mode ?? 0) & 0o7777], [61111, 61111, expected], `${DATABASE}${suffix}`);
  }
});

endToEnd(
  "queue records sessions as pam_exec reports them, and ignores all but their start and end",
  async (host) => {
    assert.equal((await queue(host)).code, 0);
    assert.equal((await queue(host, { env: { PAM_TYPE: "auth" } })).code, 0);
    assert.equal((await queue(host, { env: { PAM_TYPE: "close_session" } })).code, 0);
    const [opened, closed, ...more] = await records(host);
    assert.deepEqual(more, []);
    assert.equal(closed?.["type"], "close");
    const { uuid, occurredAtMs, uptimeSeconds, parentPid, ...said } = opened ?? {};
    assert.match(String(uuid), /^[0-9a-f-]{36}$/);
    assert.ok(Math.abs(Number(occurredAtMs) - Date.now()) < 60_000);
    const uptime = Number((await Deno.readTextFile("/proc/uptime")).split(".", 1)[0]);
    assert.ok(
      Number(uptimeSeconds) <= uptime + 1 && Number(uptimeSeconds) > uptime - 60,
      `${uptimeSeconds}, ${uptime}`,
    );
    assert.ok(Number(parentPid) > 1);
    assert.deepEqual(said, {
      type: "open",
      user: "alice",
      remoteHost: "203.0.113.7",
      terminal: "ssh",
      service: "sshd",
      connection: PAM_OPEN["SSH_CONNECTION"],
      authInfo: "password",
      tampered: [],
    });
  },
);

endToEnd(
  "twenty concurrent hooks on a new database, during a send, are all recorded and delivered once",
  async (host) => {
    await using ntfy = ntfyLike();
    await host.writeConfig(configFor("ntfy", `topic_url = "${ntfy.topicUrl}"`));
    const hooks = Array.from({ length: 20 }, (_, index) => queue(host, { env: { PAM_USER: `user${index}` } }));
    const [, ...finished] = await Promise.all([send(host), ...hooks]);
    const lost = finished.filter(({ code }) => code !== 0);
    assert.deepEqual(lost.map(({ stderr }) => stderr), []);

    const { code, stderr } = await send(host);
    assert.deepEqual([code, stderr], [0, ""]);
    const users = ntfy.accepted.flatMap(({ body }) => usersOf(body["message"]));
    assert.deepEqual(users.sort(), Array.from({ length: 20 }, (_, index) => `user${index}`).sort());
  },
);

endToEnd(
  "a hook waits half a second for a lock, and a later hook inserts its event into the database",
  async (host) => {
    assert.equal((await queue(host)).code, 0);
    const baseline = await queue(host);
    const release = await holdWriteLock(host);
    // The machine may be busy, so the shortest time counts.
    let quickestMs = Infinity;
    for (let times = 0; times < 3; times++) {
      const { code, stdout, stderr, elapsedMs } = await queue(host, { env: { PAM_USER: "bob" } });
      assert.deepEqual([code, stdout], [0, ""]);
      assert.match(
        stderr,
        /^error: Cannot write a session event to the queue database, saved in .*: database is locked; .*\n$/,
      );
      quickestMs = Math.min(quickestMs, elapsedMs);
    }
    assert.ok(quickestMs < baseline.elapsedMs + 1_000, `${quickestMs} ms, ${baseline.elapsedMs} without the lock`);
    await release();
    assert.equal((await queue(host)).code, 0);
    assert.ok((await records(host)).some(({ user }) => user === "bob"));
    assert.deepEqual([...Deno.readDirSync(host.path(`${QUEUE}/spool`))], []);
  },
);

endToEnd(
  "an event that a full disk refused is kept in memory, and a later hook inserts it into the database",
  async (host) => {
    await makeRunSpool(host);
    await shell(
      host,
      `mount -t tmpfs -o size=1m tmpfs ${QUEUE}; mkdir ${QUEUE}/db; chown 61111:61111 ${QUEUE} ${QUEUE}/db`,
    );
    assert.equal((await queue(host)).code, 0);
    await shell(host, `head -c 2M /dev/zero >${QUEUE}/filler || :`);
    const { code, stdout, stderr } = await queue(host, { env: { PAM_USER: "bob" } });
    assert.deepEqual([code, stdout], [0, ""]);
    assert.match(stderr, /^error: Cannot write a session event to the queue database, saved in \/run\/.*\n$/);
    assert.equal([...Deno.readDirSync(host.path(RUN_SPOOL))].length, 1);

    await shell(host, `rm ${QUEUE}/filler`);
    const third = await queue(host, { env: { PAM_USER: "carol" } });
    assert.deepEqual([third.code, third.stderr], [0, ""]);
    assert.deepEqual((await records(host)).map(({ user }) => user), ["alice", "carol", "bob"]);
    assert.deepEqual([...Deno.readDirSync(host.path(RUN_SPOOL))], []);
  },
);

endToEnd("a hook does not list a directory with very many files, and records its event", async (host) => {
  await makeRunSpool(host);
  assert.equal((await queue(host)).code, 0);
  const usual = await traced(host);
  for (const folder of [QUEUE, `${QUEUE}/db`, `${QUEUE}/spool`, RUN_SPOOL]) {
    await shell(host, `cd ${folder} && seq --format=%g.json 30000 | xargs touch`);
  }
  const calls = await traced(host);
  const lists = (trace: readonly SystemCall[]) => trace.filter(({ name }) => name === "getdents64").length;
  assert.deepEqual([lists(usual) > 0, lists(calls)], [true, 0]);
  assert.equal((await records(host)).length, 3);

  // Also if the database refuses the event.
  await shell(host, `rm ${DATABASE}*; mkdir ${DATABASE}`);
  assert.equal(lists(await traced(host)), 0);
  assert.equal([...Deno.readDirSync(host.path(`${QUEUE}/spool`))].length, 30_001);
});

endToEnd(
  "a hook that saves its event in the spool closes the files that it opened, as few may be allowed",
  async (host) => {
    await shell(host, `rm -rf ${QUEUE}/spool; mkdir ${DATABASE}`);
    const calls = await traced(host);
    const open = new Set<string>();
    let opened = 0;
    for (const { name, args, result } of calls) {
      if (name === "openat" && args.includes(`"${QUEUE}`) && /^\d+$/.test(result)) {
        open.add(result);
        opened++;
      }
      if (name === "close") open.delete(args);
    }
    // The file of the event, its directory, and the parent directory.
    assert.ok(opened >= 3, `${opened} files`);
    assert.deepEqual([...open], []);
    assert.equal([...Deno.readDirSync(host.path(`${QUEUE}/spool`))].length, 1);
  },
);

/** Shell script that creates a control group, in `$group`, with a limit on processes. */
const PIDS_GROUP = `
  mkdir -p /run/pids; mount -t cgroup2 cgroup2 /run/pids
  group=$(mktemp -d /run/pids/ssh-session-notifier-test.XXXXXX)
  # Where the first version has this controller, the second one does not.
  [ -e $group/pids.max ] || {
    rmdir $group; umount /run/pids; mount -t cgroup -o pids pids /run/pids || exit
    group=$(mktemp -d /run/pids/ssh-session-notifier-test.XXXXXX)
  }
  [ -e $group/pids.max ] || exit`;

endToEnd("a hook records its event even if no other process can be started", async (host) => {
  const wrapper = [
    "sh",
    "-c",
    `PATH=/usr/sbin:/usr/bin:/sbin:/bin; ${PIDS_GROUP}; echo 1 >$group/pids.max
     sh -c 'echo $$ >"$0/cgroup.procs"; exec "$@"' $group "$@"
     code=$?; rmdir $group; exit $code`,
    "sh",
  ];
  const { code, stdout, stderr } = await queue(host, { wrapper });
  assert.deepEqual([code, stdout, stderr], [0, "", ""]);
  assert.deepEqual((await records(host)).map(({ user }) => user), ["alice"]);
});

endToEnd("a login is recorded if the host has just enough processes left for the login", async (host) => {
  assert.equal((await host.ssh("bob", { auth: "key" })).code, 0);
  await host.loggedOut();
  // sshd needs three: for the connection, for the user, and for the command. While the hook runs, it has one of them.
  const group = await shell(
    host,
    `${PIDS_GROUP}; cat /run/test-host/sshd.pid >$group/cgroup.procs; echo 4 >$group/pids.max; echo $group`,
  );
  try {
    const login = await host.ssh("alice", { auth: "key", command: "echo here" });
    assert.deepEqual([login.code, login.stdout, login.stderr], [0, "here\n", ""]);
    await host.loggedOut();
  } finally {
    await shell(host, `cat /run/test-host/sshd.pid >/run/pids/cgroup.procs; rmdir ${group}`);
  }
  const alices = (await records(host)).filter(({ user }) => user === "alice");
  assert.deepEqual(alices.map(({ type }) => type), ["open", "close"]);
});

endToEnd(
  "if disk, memory and system log all refuse an event, the hook exits with 1, and the login continues",
  async (host) => {
    const faults: [name: string, command: string][] = [
      [
        "neither database nor spool, and nothing in memory",
        `rm -rf ${DATABASE}* ${QUEUE}/spool ${RUN_SPOOL}; mkdir ${DATABASE}; touch ${QUEUE}/spool`,
      ],
      ["queue/ that belongs to root", `chown root:root ${QUEUE}`],
      ["no queue/", `rm -rf ${QUEUE}`],
      ["a file in place of queue/", `touch ${QUEUE}`],
      ["no state directory", `rm -rf /var/lib/ssh-session-notifier`],
    ];
    for (const [name, command] of faults) {
      assert.equal((await host.run(["sh", "-c", command])).code, 0, name);
      const direct = await queue(host);
      assert.equal(direct.code, 1, name);
      assert.match(direct.stderr, /^error: Cannot record a session event: .*; hint: .*\n$/, name);
      const login = await host.ssh("alice", { auth: "key", command: "echo here" });
      assert.deepEqual([login.code, login.stdout, login.stderr], [0, "here\n", ""], name);
    }
    await host.loggedOut();
  },
);

endToEnd("queue touches nothing as root if queue/ belongs to root", async (host) => {
  await host.run(["chown", "root:root", QUEUE]);
  const calls = await host.run([...straceTo("/run/trace"), "/usr/sbin/ssh-session-notifier", "queue"], {
    env: PAM_OPEN,
    clearEnv: true,
  });
  assert.equal(calls.code, 1);
  const written = openedForWriting(parseTrace(await Deno.readTextFile(host.path("/run/trace"))));
  assert.deepEqual(written.filter((path) => path !== "/dev/null"), []);
});

endToEnd(
  "a variable that a user forges is not trusted, never allowlisted, and reported as tampered with",
  async (host) => {
    await using ntfy = ntfyLike();
    await host.writeConfig(configFor("ntfy", `topic_url = "${ntfy.topicUrl}"`, `[allowlist]\nips = ["10.0.0.2"]`));
    await Deno.writeTextFile(
      host.path("/home/alice/.pam_environment"),
      [
        "PAM_RHOST=10.0.0.2",
        "PAM_USER=root",
        "PAM_TYPE=auth",
        "PAM_RUSER=root",
        "SSH_CONNECTION=10.0.0.2 1 10.0.0.1 22",
      ].join("\n"),
    );
    assert.equal((await host.ssh("alice", { auth: "key" })).code, 0);
    await host.loggedOut();
    const { code, stderr } = await send(host);
    assert.equal(code, 0, stderr);
    const messages = ntfy.accepted.map(({ body }) => String(body["message"]));
    assert.equal(messages.length, 2);
    for (const message of messages) {
      assert.match(message, /^'alice' \(127\.0\.0\.1\) logged (in to|out from) .* \[.*environment tampered with.*\]$/);
    }
  },
  {
    // Where published recipes put the line, after pam_env: then the environment is the user's at open, too.
    pamSessionFirst: [],
    pamSessionLast: [
      "session required pam_env.so user_readenv=1",
      "session optional pam_exec.so quiet /usr/sbin/ssh-session-notifier queue",
    ],
  },
);

endToEnd("queue cannot regain root: while it works, it has no id and no capability of root", async (host) => {
  assert.equal((await queue(host)).code, 0);
  const release = await holdWriteLock(host);
  // Hooks of real logins, because sshd sets the groups. They wait for the lock, which leaves time to examine them.
  const status = `for try in $(seq 2000); do
      pid=$(pgrep -u ssh-session-queue -f 'notifier queue' | head -n 1)
      [ -n "$pid" ] && grep -E '^(Uid|Gid|Groups|CapInh|CapPrm|CapEff|CapAmb):' /proc/$pid/status && exit 0
    done`;
  const looking = host.run(["sh", "-c", status]);
  await host.ssh("alice", { auth: "key" });
  const { stdout } = await looking;
  await release();
  const lines = Object.fromEntries(stdout.trim().split("\n").map((line) => line.split(":").map((part) => part.trim())));
  const none = "0000000000000000";
  assert.deepEqual(lines, {
    Uid: Array(4).fill("61111").join("\t"),
    Gid: Array(4).fill("61111").join("\t"),
    Groups: "",
    CapInh: none,
    CapPrm: none,
    CapEff: none,
    CapAmb: none,
  });
});

endToEnd("only send can read the queue database, whatever umask sshd has", async (host) => {
  for (const umask of ["000", "022", "077", "777"]) {
    await host.run(["sh", "-c", `rm -f ${DATABASE}*`]);
    const { code, stderr } = await queue(host, { wrapper: ["sh", "-c", `umask ${umask}; exec "$@"`, "sh"] });
    assert.deepEqual([code, stderr], [0, ""], umask);
    const modes = ["", "-wal", "-shm"].map(async (suffix) => (await Deno.stat(host.path(`${DATABASE}${suffix}`))).mode);
    assert.deepEqual((await Promise.all(modes)).map((mode) => (mode ?? 0) & 0o7777), [0o640, 0o640, 0o600], umask);
    const files = [...Deno.readDirSync(host.path(`${QUEUE}/db`))].filter(({ isFile }) => isFile);
    assert.equal(files.length, 3, "nothing unfinished is left");
  }
});
