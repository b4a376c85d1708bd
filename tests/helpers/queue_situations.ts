// Possible contents of queue/ before and after a hook, for tests that kill the hook or make it fail at any point.

import assert from "node:assert/strict";
import { openDatabase, pragma } from "../../src/sqlite/open.ts";
import type { Files } from "./disk_model.ts";
import type { TestHost } from "./host.ts";

/** The queue directory of a test host. */
export const QUEUE = "/var/lib/ssh-session-notifier/queue";
const DATABASE = `${QUEUE}/db/session_events.db`;
/** The spool in memory. */
const RUN_SPOOL = "/run/ssh-session-notifier/spool";

/** The state of the queue before a hook runs. */
export interface Situation {
  /** A shell script, run as root with an empty queue/ and an empty spool. */
  readonly arrange: string;
  /** The users whose events are in the queue after it. */
  readonly earlier: readonly string[];
}

/** Situations in which one hook runs. */
export const SITUATIONS: Readonly<Record<string, Situation>> = {
  "the first event": { arrange: ":", earlier: [] },
  "one more event": { arrange: login("earlier"), earlier: ["earlier"] },
  "an event that causes a checkpoint": {
    arrange: `${login("earlier")}; while [ $(stat -c %s ${DATABASE}-wal) -lt 262144 ]; do
      sqlite3 ${DATABASE} '.filectrl persist_wal 1' 'PRAGMA wal_autocheckpoint=0' "INSERT INTO event (record) VALUES (hex(zeroblob(50000)))" >/dev/null
      done; chown ssh-session-queue ${DATABASE}*`,
    earlier: ["earlier"],
  },
  "an event that goes into the spool": {
    arrange: `${login("earlier")}; chmod 0440 ${DATABASE}*; chown root ${DATABASE}*`,
    earlier: ["earlier"],
  },
  "an event for which the spool is created": {
    arrange: `rmdir ${QUEUE}/spool; mkdir ${DATABASE}`,
    earlier: [],
  },
  "an event after another one in the spool": {
    // The hook refuses an empty file. After its removal, the next hook creates a database.
    arrange: `install -o ssh-session-queue /dev/null ${DATABASE}; ${login("earlier")}; rm ${DATABASE}`,
    earlier: ["earlier"],
  },
};

/** A shell command that runs the hook. */
function login(user: string): string {
  return `PAM_TYPE=open_session PAM_USER=${user} PAM_SERVICE=sshd /usr/sbin/ssh-session-notifier queue 2>/dev/null`;
}

/** A shell script that empties queue/ and the spool in memory. */
export const RESET = `rm -rf ${QUEUE}/db ${QUEUE}/spool ${RUN_SPOOL}
  install -d -o ssh-session-queue -m 2750 ${QUEUE}/db ${QUEUE}/spool ${RUN_SPOOL}`;

/** The files of queue/ and of the spool in memory of a test host. */
export function keptFiles(host: TestHost): Files {
  const inMemory = readFiles(host.path(RUN_SPOOL));
  return new Map([
    ...readFiles(host.path(QUEUE)),
    ...[...inMemory].map(([name, bytes]) => [`run/${name}`, bytes] as const),
  ]);
}

/** The users of all events that `send` would find, each event once. Fails if the database is damaged. */
export function usersOf(files: Files): string[] {
  const directory = Deno.makeTempDirSync({ prefix: "crash-test-" });
  try {
    const events = new Map<string, string>();
    for (const [name, bytes] of files) {
      if (name.endsWith("-shm")) continue; // SQLite recreates it from the log.
      if (name.includes("/")) Deno.mkdirSync(`${directory}/${name.replace(/\/[^/]*$/, "")}`, { recursive: true });
      Deno.writeFileSync(`${directory}/${name}`, bytes);
      if (!name.endsWith(".json")) continue;
      const { uuid, user } = JSON.parse(new TextDecoder().decode(bytes));
      events.set(uuid, user);
    }
    if (!files.has("db/session_events.db")) return [...events.values()];
    const database = openDatabase(`${directory}/db/session_events.db`, { busyTimeoutMs: 0 });
    assert.equal(pragma(database, "integrity_check"), "ok");
    for (
      const { uuid, user } of database.prepare("SELECT uuid, record ->> 'user' AS user FROM event WHERE uuid > ''")
        .all()
    ) {
      events.set(String(uuid), String(user));
    }
    database.close();
    return [...events.values()];
  } finally {
    Deno.removeSync(directory, { recursive: true });
  }
}

/** All files below a directory, by relative path. */
export function readFiles(folder: string, below = ""): Files {
  const files = new Map<string, Uint8Array>();
  for (const { name, isFile, isDirectory } of Deno.readDirSync(`${folder}/${below}`)) {
    if (isFile) files.set(`${below}${name}`, Deno.readFileSync(`${folder}/${below}${name}`));
    else if (isDirectory) { for (const entry of readFiles(folder, `${below}${name}/`)) files.set(...entry); }
  }
  return files;
}
