// Migrations from one version of deliveries.db to the next.

import assert from "node:assert/strict";
import { parseAddress } from "../../src/session/address.ts";
import { NO_PLACE } from "../../src/session/place.ts";
import { seen } from "../../src/store/seen.ts";
import { openDatabase } from "../../src/sqlite/open.ts";
import { routesOf } from "../../src/store/overview.ts";
import { assertSchema, migrate, SCHEMA_VERSION } from "../../src/store/schema.ts";
import { next, pendingCount } from "../../src/store/next.ts";
import { announceRefusal } from "../../src/store/notices.ts";
import { unjudged } from "../../src/store/events.ts";
import { openToWrite } from "../../src/store/open.ts";
import { ALICE_KEY, certificate } from "../helpers/fixtures.ts";
import { fillOldStore } from "../helpers/old_store.ts";

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

Deno.test("migrate() finds the logins of earlier releases by IPv4 address, IPv6 /64 and host name", () => {
  const directory = Deno.makeTempDirSync();
  try {
    const path = `${directory}/deliveries.db`;
    const old = openDatabase(path, { busyTimeoutMs: 0 });
    migrate(old, { upTo: 3 });
    const insert = old.prepare(
      `INSERT INTO event (uuid, occurred_at_ms, type, user, remote_host, address, terminal, service, connection,
                          auth_info, parent_pid, tampered, verdict)
       VALUES (?, 0, 'open', 'alice', ?, ?, 'ssh', 'sshd', '', '', 1, '', 'notify')`,
    );
    const addresses = ["203.0.113.7", "2001:db8::1", "2001:db8:0:1::5", "fe80::1%eth0", "64:ff9b::cb00:7109"];
    for (const address of addresses) insert.run(address, address, address);
    insert.run("name", "client.example", "");
    insert.run("damaged", "", "not: an address");
    old.close();

    const database = openToWrite(path);
    const isKnown = (text: string) => {
      const login = { user: "alice", address: parseAddress(text), remoteHost: text, place: NO_PLACE };
      return seen(database, { ...login, keyFingerprint: "" }).place;
    };
    for (const text of [...addresses, "2001:db8::ffff:1:2:3", "2001:db8:0:1:aaaa::", "client.example"]) {
      assert.ok(isKnown(text), text);
    }
    for (
      const text of ["203.0.113.8", "2001:db8:0:2::1", "fe80::1%eth1", "fe80::2%eth0", "64:ff9b::1", "x.example"]
    ) assert.ok(!isKnown(text), text);
    database.close();
  } finally {
    Deno.removeSync(directory, { recursive: true });
  }
});

Deno.test("migrate() keeps what was parsed of the authentication info of earlier releases, and none of the raw text", () => {
  const directory = Deno.makeTempDirSync();
  try {
    const path = `${directory}/deliveries.db`;
    const { line, authority } = certificate({ id: "alice", serial: 7n });
    const long = certificate({ id: "long", serial: 8n, extensions: "SECRET".repeat(2_500) }).line;
    const cut = `publickey ${long}`.slice(0, 16_383);
    fillOldStore(path, ["", "password\n", `publickey ${line}\npassword\n`, `${cut}…`, "publickey ssh-rsa AAAA"]);
    using database = openToWrite(path);
    assert.equal(assertSchema(database), SCHEMA_VERSION);
    const key = { type: "ED25519-CERT", fingerprint: ALICE_KEY.fingerprint };
    const ca = { type: "ED25519", fingerprint: authority };
    assert.deepEqual(unjudged(database, 10).map(({ auth }) => auth), [
      [],
      [{ method: "password" }],
      [
        { method: "publickey", key: { ...key, certificate: { id: "alice", serial: "7", authority: ca } } },
        { method: "password" },
      ],
      [{ method: "publickey", key: { ...key, certificate: { id: "long", serial: "8" } } }, { method: "…" }],
      [{ method: "publickey" }],
    ]);
  } finally {
    Deno.removeSync(directory, { recursive: true });
  }
});
