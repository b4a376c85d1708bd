// The hook and the power end at any moment: what exited with 0 is there, and the next hook needs no help.

import assert from "node:assert/strict";
import { openDatabase, pragma } from "../../src/store/open.ts";
import { DiskModel, type Files, straceContentsTo, VARIANTS } from "../helpers/disk_model.ts";
import { endToEnd, queue } from "../helpers/end_to_end.ts";
import type { TestHost } from "../helpers/host.ts";
import { parseTrace } from "../helpers/strace.ts";

const QUEUE = "/var/lib/ssh-session-notifier/queue";
const DATABASE = `${QUEUE}/session_events.db`;

/** Situations in which one hook runs. */
const SITUATIONS: Readonly<Record<string, { readonly arrange: string; readonly earlier: readonly string[] }>> = {
  "the first event of all": { arrange: ":", earlier: [] },
  "one event more": { arrange: login("earlier"), earlier: ["earlier"] },
  "an event that folds the log": {
    arrange: `${login("earlier")}; while [ $(stat -c %s ${DATABASE}-wal) -lt 262144 ]; do
      sqlite3 ${DATABASE} '.filectrl persist_wal 1' 'PRAGMA wal_autocheckpoint=0' "INSERT INTO event (record) VALUES (hex(zeroblob(50000)))" >/dev/null
      done; chown ssh-session-queue ${DATABASE}*`,
    earlier: ["earlier"],
  },
  "an event that goes into the spool": {
    arrange: `${login("earlier")}; chmod 0440 ${DATABASE}*; chown root ${DATABASE}*`,
    earlier: ["earlier"],
  },
  "an event that goes into a spool that is made for it": {
    arrange: `rmdir ${QUEUE}/spool; mkdir ${DATABASE}`,
    earlier: [],
  },
  "an event that finds another one in the spool": {
    // An empty file is refused; without it, the next hook makes a database.
    arrange: `install -o ssh-session-queue /dev/null ${DATABASE}; ${login("earlier")}; rm ${DATABASE}`,
    earlier: ["earlier"],
  },
};

/** The hook, as shell. */
function login(user: string): string {
  return `PAM_TYPE=open_session PAM_USER=${user} PAM_SERVICE=sshd /usr/sbin/ssh-session-notifier queue 2>/dev/null`;
}

const RESET = `rm -rf ${DATABASE}* ${QUEUE}/spool; install -d -o ssh-session-queue -m 2750 ${QUEUE}/spool`;

for (const [situation, { arrange, earlier }] of Object.entries(SITUATIONS)) {
  endToEnd(`a power loss after any write of the hook loses nothing that was safe: ${situation}`, async (host) => {
    await shell(host, arrange);
    const disk = new DiskModel(QUEUE, readFiles(host.path(QUEUE)));
    const { code, stderr } = await queue(host, { wrapper: straceContentsTo("/run/trace"), env: { PAM_USER: "late" } });
    assert.equal(code, 0, stderr);
    const calls = parseTrace(await Deno.readTextFile(host.path("/run/trace")));
    let moments = 0;
    for (const call of calls) {
      if (!disk.apply(call)) continue;
      moments++;
      for (const variant of VARIANTS) {
        const users = usersOf(disk.held(variant));
        const missing = earlier.filter((user) => !users.includes(user));
        assert.deepEqual(missing, [], `${variant}, after ${call.name}(${call.args.slice(0, 200)})`);
      }
    }
    assert.ok(moments >= 4, `${moments} moments`);
    // It has exited with 0.
    for (const variant of VARIANTS) {
      assert.deepEqual(usersOf(disk.held(variant)).sort(), [...earlier, "late"].sort(), variant);
    }
  });

  endToEnd(
    `a hook that is killed at any call leaves nothing that the next one stumbles over: ${situation}`,
    async (host) => {
      let kills = 0;
      for (const call of CALLS) {
        // Of many calls of a kind, the first ones and some of the others.
        for (let when = 1;; when += when < 10 ? 1 : 7) {
          await shell(host, `${RESET}; ${arrange}`);
          const wrapper = ["strace", "-qq", "-f", "-o", "/dev/null", `--inject=${call}:signal=KILL:when=${when}`];
          const { code } = await queue(host, { wrapper, env: { PAM_USER: "killed" } });
          if (code === 0) break;
          kills++;
          assert.equal((await queue(host, { env: { PAM_USER: "late" } })).code, 0);
          const users = usersOf(readFiles(host.path(QUEUE)));
          const expected = users.includes("killed") ? [...earlier, "killed", "late"] : [...earlier, "late"];
          assert.deepEqual(users.sort(), expected.sort(), `killed at call ${when} of ${call}`);
        }
      }
      assert.ok(kills >= 5, `${kills} kills`);
    },
  );
}

/** All calls by which the hook changes a file. strace counts each for itself. */
const CALLS = ["write", "pwrite64", "ftruncate", "fsync", "fdatasync", "link", "rename", "unlink", "chmod", "mkdir"];

/** The users of all events that `send` would find, each event once. Fails for a database that is damaged. */
function usersOf(files: Files): string[] {
  const directory = Deno.makeTempDirSync({ prefix: "crash-test-" });
  try {
    const events = new Map<string, string>();
    for (const [name, bytes] of files) {
      if (name.endsWith("-shm")) continue; // Made anew from the log.
      if (name.includes("/")) Deno.mkdirSync(`${directory}/${name.replace(/\/[^/]*$/, "")}`, { recursive: true });
      Deno.writeFileSync(`${directory}/${name}`, bytes);
      if (!name.endsWith(".json")) continue;
      const { uuid, user } = JSON.parse(new TextDecoder().decode(bytes));
      events.set(uuid, user);
    }
    if (!files.has("session_events.db")) return [...events.values()];
    const database = openDatabase(`${directory}/session_events.db`, { busyTimeoutMs: 0 });
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

/** The files of a folder and its folders, by their names below it. */
function readFiles(folder: string, below = ""): Files {
  const files = new Map<string, Uint8Array>();
  for (const { name, isFile, isDirectory } of Deno.readDirSync(`${folder}/${below}`)) {
    if (isFile) files.set(`${below}${name}`, Deno.readFileSync(`${folder}/${below}${name}`));
    else if (isDirectory) { for (const entry of readFiles(folder, `${below}${name}/`)) files.set(...entry); }
  }
  return files;
}

async function shell(host: TestHost, script: string): Promise<void> {
  const { code, stdout, stderr } = await host.run(["sh", "-c", script]);
  assert.equal(code, 0, `${script}: ${stdout}${stderr}`);
}
