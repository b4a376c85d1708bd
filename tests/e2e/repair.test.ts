// `repair` with a full or failing disk, and with a database that contains an attacker's code.

import assert from "node:assert/strict";
import { endToEnd, findingsOn, queue, send, shell } from "../helpers/end_to_end.ts";
import { assertFound } from "../helpers/findings.ts";
import { sessionEvent } from "../helpers/fixtures.ts";
import { waitFor } from "../helpers/wait_for.ts";

const QUEUE = "/var/lib/ssh-session-notifier/queue";

endToEnd(
  "repair exits with 75 if the disk accepts no event, and with 0 if it does; check and status report it, too",
  async (host) => {
    const run = (command: string) => host.run(["sh", "-c", command]);
    const repair = () => host.run(["/usr/sbin/ssh-session-notifier", "repair"]);
    const mount = `mount -t tmpfs -o size=80m,mode=2750 tmpfs ${QUEUE} && ` +
      `chown ssh-session-queue:ssh-session-queue ${QUEUE} && chmod 2750 ${QUEUE}`;
    assert.equal((await run(mount)).code, 0);
    assert.equal((await queue(host)).code, 0);
    assert.equal((await repair()).code, 0);
    assertFound(await findingsOn(host), ["pass disk.room", `"${QUEUE}"`]);
    await run(`cat /dev/zero >${QUEUE}/filler`);
    // It is reported even before the next login.
    assertFound(await findingsOn(host), ["fault disk.room", `"${QUEUE}"`, " 0 MiB "]);
    const status = await host.run(["/usr/sbin/ssh-session-notifier", "status"]);
    assert.match(status.stdout, /^alarm: does not work: there is no room in ".*\/queue"/m);
    const full = await repair();
    assert.equal(full.code, 75, full.stdout);
    assert.match(full.stderr, / \[repair\.disk-full\]\n/);
    assert.equal((await run(`rm ${QUEUE}/filler && ls ${QUEUE}`)).stdout.includes("room."), false);
    const strace = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", "inject=fsync,fdatasync:error=EIO"];
    const failing = await host.run([...strace, "/usr/sbin/ssh-session-notifier", "repair"]);
    assert.equal(failing.code, 75, failing.stderr);
    assert.match(failing.stderr, /^error: .*"\/\S+\/queue": .* \[repair\.read-error\]\nhint: /);
    const { code, stdout, stderr } = await repair();
    assert.deepEqual([code, stderr], [0, ""], stdout);
    // With room for an event, but not for those of the spool.
    const event = JSON.stringify(sessionEvent({ uuid: "UUID", authInfo: "x".repeat(3_000) }));
    await Deno.writeTextFile(host.path("/run/event.json"), event);
    const spool = `for i in $(seq 300); do sed s/UUID/$i/ /run/event.json >${QUEUE}/spool/$i.json; done`;
    await shell(host, `${spool}; cat /dev/zero >${QUEUE}/filler; truncate -s -128K ${QUEUE}/filler`);
    const tooMany = await repair();
    assert.equal(tooMany.code, 75, tooMany.stdout);
    assert.match(tooMany.stderr, / \[repair\.disk-full\]\n/);
    await shell(host, `rm ${QUEUE}/filler`);
    assert.match((await repair()).stdout, /^moved 300 events from ".*\/spool" into the database$/m);
  },
);

endToEnd("repair executes no code in a database, and moves it aside", async (host) => {
  const endless = "SELECT (WITH RECURSIVE r(x) AS (VALUES(1) UNION ALL SELECT x FROM r) SELECT count(*) FROM r)";
  const programs = [
    `CREATE TRIGGER t BEFORE INSERT ON event BEGIN ${endless}; END`,
    `ALTER TABLE event RENAME TO other; CREATE VIEW event AS ${endless} AS id, 1 AS uuid, 1 AS occurred_at_ms, 1 AS record`,
    "CREATE INDEX i ON event (length(record))",
  ];
  for (const program of programs) {
    assert.equal((await queue(host)).code, 0);
    await shell(host, `sqlite3 ${QUEUE}/db/session_events.db "PRAGMA writable_schema = ON; ${program}" || :`);
    const refused = await queue(host);
    assert.deepEqual(refused.code, 0, program);
    assert.match(refused.stderr, /saved in .*\/spool: its schema is not that of a queue/, program);
    const { code, stdout, stderr } = await host.run(["/usr/sbin/ssh-session-notifier", "repair"]);
    assert.deepEqual([code, stderr], [0, ""], `${program}: ${stdout}`);
    assert.match(stdout, /^the queue database is damaged: its schema is not that of a queue\n/, program);
    assert.deepEqual((await queue(host)).stderr, "", program);
  }
});

endToEnd(
  "a hook that stalls before it opens the log writes into no database that repair has created since",
  async (host) => {
    assert.equal((await queue(host, { env: { PAM_USER: "before" } })).code, 0);
    const log = `${QUEUE}/db/session_events.db-wal`;
    const delay = ["-P", log, "-e", "trace=openat", "--inject=openat:delay_enter=6000000:when=1"];
    const stalled = queue(host, {
      wrapper: ["strace", "-f", "-qq", "-o", "/dev/null", ...delay],
      env: { PAM_USER: "stalled" },
    });
    const isOpen = "ls -l /proc/[0-9]*/fd 2>/dev/null | grep -q 'queue/db/session_events.db$'";
    await waitFor(async () => (await host.run(["sh", "-c", isOpen])).code === 0, {
      what: "the hook opens the database",
    });
    const folder = `${QUEUE}/damaged-20260101T000000Z`;
    const user = "ssh-session-queue";
    await shell(host, `mv ${QUEUE}/db ${folder} && install -d -o ${user} -g ${user} -m 2750 ${QUEUE}/db`);
    for (const later of ["later1", "later2", "later3"]) {
      assert.deepEqual((await queue(host, { env: { PAM_USER: later } })).stderr, "");
    }
    const { code, stderr } = await stalled;
    assert.equal(code, 0, stderr);
    assert.match(stderr, /saved in .*\/spool: its directory was moved/);
    assert.equal((await queue(host, { env: { PAM_USER: "last" } })).stderr, "");

    await host.writeConfig('[notification]\nservice = "stdout"\n');
    await shell(host, `touch -d '1 hour ago' ${folder}/*`);
    const sent = await send(host);
    assert.equal(sent.code, 0, sent.stderr);
    const users = sent.stdout.match(/(?<=^')\w+(?=' \()/gm)?.sort();
    assert.deepEqual(users, ["before", "last", "later1", "later2", "later3", "stalled"]);
  },
);
