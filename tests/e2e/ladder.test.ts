// Where the hook puts an event that the queue database refuses: the spool on disk, else the spool in memory, else the
// journal. The login continues in time.

import assert from "node:assert/strict";
import { PAM_OPEN } from "../helpers/end_to_end.ts";
import { type Systemd, underSystemd } from "../helpers/systemd.ts";
import { waitFor } from "../helpers/wait_for.ts";

const STATE = "/var/lib/ssh-session-notifier";
const QUEUE = `${STATE}/queue`;
const DATABASE = `${QUEUE}/db/session_events.db`;
const SPOOL = `${QUEUE}/spool`;
const RUN_SPOOL = "/run/ssh-session-notifier/spool";
const PROGRAM = "/usr/sbin/ssh-session-notifier";
const PID_FILE = "/run/inner-sshd.pid";

/** Where an event is kept. */
type Rung = "database" | "spool" | "run" | "log";

interface Fault {
  readonly rung: Rung;
  /** Shell script, run as root on an intact queue with one event. */
  readonly arrange: string;
  /** How much longer the hook may take with the fault than without it, in milliseconds. */
  readonly longerMs?: number;
}

/** Situations in which a path is another type of file. */
function instead(path: string, rung: Rung): Record<string, Fault> {
  const name = path.replace(`${QUEUE}/`, "");
  const remove = `rm -rf ${path}`;
  return {
    [`a directory in place of ${name}`]: { rung, arrange: `${remove}; mkdir ${path}` },
    [`a link in place of ${name}`]: { rung, arrange: `${remove}; ln -s /etc ${path}` },
    [`a link to a file in place of ${name}`]: { rung, arrange: `${remove}; ln -s /etc/passwd ${path}` },
    [`a FIFO in place of ${name}`]: { rung, arrange: `${remove}; mkfifo -m 0644 ${path}` },
    [`a socket in place of ${name}`]: {
      rung,
      arrange: `${remove}; perl -MSocket -e 'socket(S, PF_UNIX, SOCK_STREAM, 0); bind(S, pack_sockaddr_un("${path}"))'`,
    },
  };
}

/** Mounts a small file system on queue/, with a spool. */
const mount = (options: string) =>
  `mount -t tmpfs -o ${options} tmpfs ${QUEUE} && mkdir ${SPOOL} ${QUEUE}/db &&
   chown -R ssh-session-queue:ssh-session-queue ${QUEUE} && chmod 2750 ${QUEUE} ${SPOOL} ${QUEUE}/db`;

const FULL = `${mount("size=64k")} && head -c 1M /dev/zero >${QUEUE}/filler 2>/dev/null || :`;

const FAULTS: Readonly<Record<string, Fault>> = {
  "nothing is wrong": { rung: "database", arrange: ":" },
  "the spool is missing": { rung: "database", arrange: `rm -r ${SPOOL}` },
  "no database yet": { rung: "database", arrange: `rm ${DATABASE}*` },
  "the log and its index are missing": { rung: "database", arrange: `rm ${DATABASE}-*` },
  "another process holds the write lock": {
    rung: "spool",
    // Holds the lock until the host ends, even after its directory was removed.
    arrange: `(sqlite3 ${DATABASE} 'BEGIN IMMEDIATE;' '.shell touch /run/held; sleep 600' >/dev/null 2>&1 &)
      until [ -e /run/held ]; do sleep 0.02; done`,
    longerMs: 500,
  },
  "a corrupt header": {
    rung: "spool",
    arrange: `rm ${DATABASE}-*; printf 'no SQLite at all' | dd of=${DATABASE} conv=notrunc status=none`,
  },
  "a corrupt page": {
    rung: "spool",
    // The last page, the root of the table or of its index.
    arrange: `sqlite3 ${DATABASE} 'PRAGMA wal_checkpoint(TRUNCATE)'; rm -f ${DATABASE}-*
      for page in 1 2; do head -c 4096 /dev/zero | tr '\\0' x | dd of=${DATABASE} bs=4096 seek=$page conv=notrunc status=none; done`,
  },
  "zero bytes": {
    rung: "spool",
    arrange: `rm ${DATABASE}*; install -m 0640 -o ssh-session-queue /dev/null ${DATABASE}`,
  },
  "only the log and its index are left": { rung: "spool", arrange: `rm ${DATABASE}` },
  "a trigger that drops each row": {
    rung: "spool",
    arrange: `sqlite3 ${DATABASE} 'CREATE TRIGGER t BEFORE INSERT ON event BEGIN SELECT RAISE(IGNORE); END'`,
  },
  "a trigger that never ends": {
    rung: "spool",
    arrange: `sqlite3 ${DATABASE} 'CREATE TRIGGER t BEFORE INSERT ON event BEGIN
      SELECT (WITH RECURSIVE r(x) AS (VALUES(1) UNION ALL SELECT x FROM r) SELECT count(*) FROM r); END'`,
  },
  "a generated column that never ends": {
    rung: "spool",
    arrange: `sqlite3 ${DATABASE} "ALTER TABLE event ADD COLUMN more TEXT AS (hex(zeroblob(900000000))) VIRTUAL;
      CREATE INDEX more ON event (more)" || :`,
  },
  "a table with other columns": {
    rung: "spool",
    arrange: `sqlite3 ${DATABASE} 'ALTER TABLE event RENAME record TO other'`,
  },
  "a database owned by root": { rung: "spool", arrange: `chown root:root ${DATABASE}*; chmod 0600 ${DATABASE}*` },
  "a read-only database": { rung: "spool", arrange: `chmod 0440 ${DATABASE}*; chown root ${DATABASE}*` },
  ...instead(DATABASE, "spool"),
  ...instead(`${DATABASE}-wal`, "spool"),
  ...instead(`${DATABASE}-shm`, "spool"),
  ...instead(`${DATABASE}-journal`, "spool"),
  ...instead(SPOOL, "database"),
  "no database and a link in place of the spool": {
    rung: "run",
    arrange: `rm -r ${DATABASE}* ${SPOOL}; mkdir ${DATABASE}; ln -s /run ${SPOOL}`,
  },
  "a full disk": { rung: "run", arrange: FULL },
  "a full disk, and no spool in memory": { rung: "log", arrange: `${FULL}; rm -r /run/ssh-session-notifier` },
  "a full disk, and a link in place of the spool in memory": {
    rung: "log",
    // Anyone can write to the target, as to /tmp, which may contain files of others.
    arrange: `${FULL}; rm -r ${RUN_SPOOL}; mkdir -p -m 1777 /run/open; ln -s /run/open ${RUN_SPOOL}`,
  },
  "a full disk, and a spool in memory owned by root": { rung: "log", arrange: `${FULL}; chown root:root ${RUN_SPOOL}` },
  "a full disk, and 1,000 files in the spool in memory": {
    rung: "log",
    arrange: `${FULL}; cd ${RUN_SPOOL}; touch $(seq --format=%g.unfinished 1000)`,
  },
  "no inodes left": { rung: "run", arrange: mount("nr_inodes=3") },
  "a read-only disk": { rung: "run", arrange: `${mount("size=1m")} && mount -o remount,ro ${QUEUE}` },
  "no state directory": { rung: "log", arrange: `rm -rf ${STATE}` },
  "no queue directory": { rung: "log", arrange: `rm -rf ${QUEUE}` },
  "a file in place of queue/": { rung: "log", arrange: `rm -rf ${QUEUE}; touch ${QUEUE}` },
  "a link in place of queue/": { rung: "log", arrange: `rm -rf ${QUEUE}; ln -s /home/alice ${QUEUE}` },
  "a FIFO in place of queue/": { rung: "log", arrange: `rm -rf ${QUEUE}; mkfifo ${QUEUE}` },
  "queue/ belongs to root": { rung: "log", arrange: `chown root:root ${QUEUE}` },
  "queue/ can't be written": { rung: "run", arrange: `rm ${DATABASE}*; chmod 0550 ${QUEUE} ${QUEUE}/db ${SPOOL}` },
  "no queue/db, as while repair runs": { rung: "spool", arrange: `rm -r ${QUEUE}/db` },
  ...instead(`${QUEUE}/db`, "spool"),
};

/** As install.sh creates it. */
const RESET = `umount ${QUEUE} 2>/dev/null; rm -rf ${STATE}; send=ssh-session-notifier queue=ssh-session-queue
  install -d -o root -g $send -m 0751 ${STATE} &&
  rm -rf /run/ssh-session-notifier && install -d -o root -g $queue -m 0750 /run/ssh-session-notifier &&
  install -d -o $queue -g $queue -m 2750 ${QUEUE} ${QUEUE}/db ${SPOOL} ${RUN_SPOOL} &&
  install -d -o $send -g $send -m 0700 ${STATE}/send`;

underSystemd(
  "with any fault of the queue, a login continues in time, its user sees nothing of it, and the event is kept",
  async (host, systemd, context) => {
    // No other process may be started meanwhile.
    await systemd.shell("systemctl stop ssh-session-notifier.path ssh-session-notifier.timer");
    const port = await startSshd(systemd);
    let usualMs = Infinity;
    let logged = 0;
    for (const [name, { rung, arrange, longerMs = 0 }] of Object.entries(FAULTS)) {
      await context.step(name, async () => {
        await systemd.shell(`${RESET} && ${HOOK}`);
        await systemd.shell(arrange);
        const hook = await systemd.run(HOOK);
        assert.deepEqual([hook.code, hook.stdout], [0, ""], hook.stderr);
        assert.equal(hook.stderr.split("\n").length, rung === "database" ? 1 : 2);

        const login = await host.ssh("alice", {
          auth: "key",
          command: "echo here",
          extraSshOptions: [`-oPort=${port}`],
        });
        await systemd.shell(LOGGED_OUT);
        assert.deepEqual([login.code, login.stdout, login.stderr], [0, "here\n", ""]);
        // The limit is generous, because the machine may be busy; a real hang never ends.
        usualMs = Math.min(usualMs, login.elapsedMs);
        assert.ok(login.elapsedMs < usualMs + longerMs + 3_000, `${login.elapsedMs} ms, usually ${usualMs}`);

        const { database, spool, run, log } = await kept(systemd);
        const expected = ["open 203.0.113.7", "open 127.0.0.1", "close 127.0.0.1"];
        // The event that was recorded before the fault may be lost with its database.
        const found = {
          database: rung === "database" ? database.slice(-expected.length) : database.slice(1),
          spool,
          run,
          log: log.slice(logged),
        };
        logged = log.length;
        assert.deepEqual(found, { database: [], spool: [], run: [], log: [], [rung]: expected });
      });
    }
    await systemd.shell(RESET);
  },
);

/** Runs the hook as pam_exec does at a login. */
const HOOK = `env -i ${
  Object.entries(PAM_OPEN).map(([name, value]) => `${name}='${value}'`).join(" ")
} ${PROGRAM} queue`;

/** An sshd that this systemd's journal can see; it cannot see the host's own. */
async function startSshd(systemd: Systemd): Promise<number> {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  await systemd.shell(
    `mkdir -p /run/sshd; /usr/sbin/sshd -f /run/test-host/sshd_config -p ${port} -oPidFile=${PID_FILE}`,
  );
  await waitFor(async () => (await systemd.run(`[ -s ${PID_FILE} ]`)).code === 0, { what: "sshd has started" });
  return port;
}

/** Waits for the hooks of all logouts. */
const LOGGED_OUT = `pid=$(cat ${PID_FILE}); while [ -n "$(cat /proc/$pid/task/$pid/children)" ]; do sleep 0.01; done`;

/** The events of each rung, as `type address`, in order of arrival. */
async function kept(systemd: Systemd): Promise<Record<Rung, string[]>> {
  const { stdout } = await systemd.run(`
    # Another program would block on a FIFO indefinitely.
    [ -f ${DATABASE} ] && [ ! -p ${DATABASE}-journal ] &&
      sqlite3 -readonly ${DATABASE} 'SELECT record FROM event ORDER BY id' 2>/dev/null
    echo ----
    for spool in ${SPOOL} ${RUN_SPOOL}; do
      [ -d $spool ] && cd $spool && for file in $(ls -rt *.json); do cat $file; echo; done 2>/dev/null
      echo ----
    done
    journalctl --sync; journalctl --quiet --output=cat --identifier=ssh-session-notifier PRIORITY=3`);
  const [database = [], spool = [], run = [], log = []] = stdout.split("----\n").map((text) =>
    text.split("\n").filter((line) => line.includes("{")).map((line) => {
      const { type, remoteHost } = JSON.parse(line.slice(line.indexOf("{")));
      return `${type} ${remoteHost}`;
    })
  );
  return { database, spool, run, log };
}
