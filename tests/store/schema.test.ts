// Migrations from one version of deliveries.db to the next.

import assert from "node:assert/strict";
import { openDatabase } from "../../src/sqlite/open.ts";
import { routesOf } from "../../src/store/overview.ts";
import { migrate } from "../../src/store/schema.ts";
import { next, pendingCount } from "../../src/store/next.ts";
import { announceRefusal } from "../../src/store/notices.ts";
import { openToWrite } from "../../src/store/open.ts";

const NOW_MS = Date.UTC(2026, 10, 23);

Deno.test("migrate() keeps the database, routes and notices of the first version", () => {
  const directory = Deno.makeTempDirSync();
  try {
    const path = `${directory}/deliveries.db`;
    const old = openDatabase(path, { busyTimeoutMs: 0 });
    migrate(old, { upTo: 1 });
    const run = (sql: string) => void old.prepare(sql).run();
    run(`INSERT INTO event (id, uuid, occurred_at_ms, type, user, remote_host, terminal, service, connection, auth_info,
                            parent_pid, tampered, verdict)
         VALUES (1, 'x', ${NOW_MS}, 'open', 'alice', '', 'ssh', 'sshd', '', '', 1, '', 'notify')`);
    run("INSERT INTO delivery (event_id, route, urgent, attempts) VALUES (1, 'broken', 1, 3)");
    run("INSERT INTO route (name) VALUES ('idle')");
    run(`INSERT INTO route (name, last_delivered_at_ms) VALUES ('works', ${NOW_MS})`);
    run(`INSERT INTO route (name, failures, waits_since_ms) VALUES ('down', 2, ${NOW_MS})`);
    run("INSERT INTO route (name, failures, last_error) VALUES ('broken', 2, 'HTTP 401')");
    run(`INSERT INTO notice (uuid, route, about, kind, count, reason, occurred_at_ms, attempts)
         VALUES ('n', 'works', 'broken', 'broken', 0, 'HTTP 401', ${NOW_MS}, 1)`);
    old.close();

    const database = openToWrite(path);
    assert.deepEqual(
      routesOf(database).map(({ name, newest, pending, notices }) => [name, newest, pending, notices]),
      [["broken", "broken", 1, 0], ["down", "retry", 0, 0], ["idle", "none", 0, 0], ["works", "delivered", 0, 1]],
    );
    const due = next(database, { route: "works", nowMs: NOW_MS, limit: 1 });
    assert.ok(due?.kind === "notice");
    assert.deepEqual([due.notice.uuid, due.notice.kind, due.notice.attempts], ["n", "broken", 1]);
    announceRefusal(database, { route: "works", reason: "no", occurredAtMs: NOW_MS });
    assert.equal(pendingCount(database), 3);
    database.close();
  } finally {
    Deno.removeSync(directory, { recursive: true });
  }
});
