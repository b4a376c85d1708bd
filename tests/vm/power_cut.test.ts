// Power cuts: the machine is killed at random moments while users log in, and loses the writes that its disk has not
// flushed. After the next boot, each login whose hook has returned must be recorded exactly once.
//
// This tests the program, SQLite and ext4 on a disk that loses or reorders unflushed writes. It does not test a disk that
// reports a flush that it did not do.

import assert from "node:assert/strict";
import { randomFrom } from "../helpers/kill_send.ts";
import { Disk } from "./disk.ts";
import { Vm } from "./vm.ts";

const CUTS = Number(Deno.env.get("POWER_CUTS") ?? 3);
const SEED = Number(Deno.env.get("POWER_CUT_SEED") ?? Date.now() % 2 ** 32);
/** The cut comes after at most this many logins and then milliseconds, so a slow machine tests as much as a fast one. */
const MOST_LOGINS = 3;
const LONGEST_MS = 1_500;
/** How many users log in at the same time. */
const CLIENTS = 2;

const STATE = "/var/lib/ssh-session-notifier";
const APPEND = "init=/usr/sbin/small-init selinux=0 audit=0 quiet";

/**
 * Prints the faults of each database, then the UUID, type and user of each event, while `send` does not run. Reads copies,
 * because SQLite's shell would recover the log of the queue database, which is the work of the next hook.
 */
const READ = `
set -e
exec 9>/run/send.lock
flock 9
rm -rf /run/copy
cp -r ${STATE} /run/copy
cd /run/copy
event="SELECT json_extract(record, '$.uuid', '$.type', '$.user')"
queue=$(find queue -name session_events.db)
for database in $queue $(find send -name deliveries.db); do
  sqlite3 $database 'PRAGMA integrity_check' 2>&1 | grep -vx ok | sed 's/^/fault /' || true
done
for database in $queue; do sqlite3 $database "$event FROM event"; done
for file in $(find queue /run/ssh-session-notifier -name '*.json'); do
  sqlite3 :memory: "$event FROM (SELECT readfile('$file') AS record)"
done
for database in $(find send -name deliveries.db); do
  sqlite3 $database 'SELECT json_array(uuid, type, user) FROM event'
done
`;

interface Recorded {
  readonly faults: readonly string[];
  /** The number of logins of each user. */
  readonly opens: ReadonlyMap<string, number>;
}

async function recorded(vm: Vm): Promise<Recorded> {
  const lines = (await vm.shell(READ)).trim().split("\n").filter((line) => line !== "");
  const faults = lines.filter((line) => line.startsWith("fault "));
  // The queue and the history have the same UUID for an event.
  const opens = new Map<string, number>();
  for (const line of new Set(lines.filter((line) => !line.startsWith("fault ")))) {
    const [, type, user] = JSON.parse(line) as [string, string, string];
    if (type === "open") opens.set(user, (opens.get(user) ?? 0) + 1);
  }
  return { faults, opens };
}

/** Logs in as one user after the other until the machine is killed. */
class Logins {
  /** The users whose session began, so their hook had returned. */
  readonly confirmed: string[] = [];
  #next = 1;

  async goOn(vm: Vm, isOver: () => boolean): Promise<void> {
    const client = async () => {
      while (!isOver()) {
        const user = `user${this.#next++}`;
        const { stdout } = await vm.login(user);
        if (stdout === "in the session\n") this.confirmed.push(user);
        // The machine is gone, or not up yet.
        else await new Promise((resolve) => setTimeout(resolve, 200));
      }
    };
    await Promise.all(Array.from({ length: CLIENTS }, client));
  }
}

Deno.test(`after each of ${CUTS} power cuts, every login is recorded once (POWER_CUT_SEED=${SEED})`, async () => {
  const random = randomFrom(SEED);
  await using disk = await Disk.create();
  const logins = new Logins();
  let lost = 0;
  const report = (cuts: number) =>
    `seed ${SEED}: ${cuts} cuts, ${logins.confirmed.length} logins, ${lost} pieces of the disk lost`;
  for (let cuts = 0;; cuts++) {
    await using vm = await Vm.boot(disk, { append: APPEND, isVolatile: true });
    if (cuts === 0) {
      const { code, stdout } = await vm.install("--pam", "--fix-pam-env", "--scheduler=none");
      assert.equal(code, 0, stdout);
      await vm.shell("sync");
    }
    const { faults, opens } = await recorded(vm);
    assert.deepEqual(faults, [], report(cuts));
    assert.deepEqual(logins.confirmed.filter((user) => !opens.has(user)), [], `lost; ${report(cuts)}`);
    assert.deepEqual([...opens].filter(([, count]) => count !== 1), [], `repeated; ${report(cuts)}`);
    if (cuts === CUTS) break;
    let isOver = false;
    const over = logins.goOn(vm, () => isOver);
    // Without any login, the test would test nothing.
    const fewest = cuts === 0 ? 1 : 0;
    const enough = logins.confirmed.length + fewest + Math.floor(random() * (MOST_LOGINS + 1 - fewest));
    try {
      await vm.until(() => Promise.resolve(logins.confirmed.length >= enough), `${enough} logins`);
      await new Promise((resolve) => setTimeout(resolve, random() * LONGEST_MS));
      lost += await vm.cutPower(random);
    } finally {
      isOver = true;
    }
    await over;
    // deno-lint-ignore no-console -- each takes half a minute
    console.log(report(cuts + 1));
  }
  assert.ok(logins.confirmed.length > 0 && lost >= CUTS, `nothing was tested: ${report(CUTS)}`);
});
