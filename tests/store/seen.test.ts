// Looks up past logins by the order of events, not by the clock, and fast in a long history.

import { ForeignSchemaError } from "../../src/sqlite/foreign_schema.ts";
import assert from "node:assert/strict";
import fc from "npm:fast-check@4.10.2";
import type { SessionEvent } from "../../src/event.ts";
import { NewerSchemaError, SCHEMA_VERSION } from "../../src/store/schema.ts";
import type { SeenLogin } from "../../src/session/seen.ts";
import { parseAddress } from "../../src/session/address.ts";
import { NO_PLACE } from "../../src/session/place.ts";
import { judgement, parsedEvent, sessionEvent } from "../helpers/fixtures.ts";
import { takeIn } from "../../src/store/take_in.ts";
import { openOf, recordVerdict, unjudged } from "../../src/store/events.ts";
import { openToRead, openToWrite } from "../../src/store/open.ts";
import { rememberFirstEvent, seen } from "../../src/store/seen.ts";
import { type Database, openDatabase, pragma } from "../../src/sqlite/open.ts";

const LOGIN: SeenLogin = {
  user: "alice",
  address: parseAddress("203.0.113.7"),
  remoteHost: "203.0.113.7",
  place: NO_PLACE,
  keyFingerprint: "SHA256:a",
};

let nextId = 0;

/** Takes in an event and judges it; by default that of {@link LOGIN}. */
function record(
  database: Database,
  event: Partial<SessionEvent>,
  overrides: Parameters<typeof judgement>[1] = {},
): void {
  const uuid = `${++nextId}`;
  takeIn(database, { events: [sessionEvent({ uuid, ...event })], position: { lastId: nextId, lastUuid: uuid } });
  for (const { id, tampered } of unjudged(database, 10)) {
    const { address, keyFingerprint } = LOGIN;
    recordVerdict(
      database,
      judgement(id, { address: address?.toString() ?? "", keyFingerprint, tampered, routes: [], ...overrides }),
      0,
    );
  }
}

function knows(database: Database, overrides: Partial<SeenLogin> = {}): string {
  const { user, place, key } = seen(database, { ...LOGIN, ...overrides });
  return Object.entries({ user, place, key }).filter(([, known]) => known).map(([name]) => name).join(" ");
}

Deno.test("seen() finds user, place and key of the judged opens", () => {
  const database = openToWrite(":memory:");
  assert.equal(knows(database), "");
  record(database, {});
  assert.equal(knows(database), "user place key");
  assert.equal(knows(database, { user: "bob" }), "", "users are independent");
  assert.equal(knows(database, { address: parseAddress("203.0.113.8") }), "user key");
  assert.equal(knows(database, { keyFingerprint: "SHA256:b" }), "user place");
  assert.equal(knows(database, { keyFingerprint: "" }), "user place key", "a login without a key has no new key");
  assert.equal(knows(database, { user: "bob", keyFingerprint: "" }), "key");
});

Deno.test("seen() compares places without an address by the host name", () => {
  const database = openToWrite(":memory:");
  record(database, { remoteHost: "client.example" }, { address: "" });
  assert.equal(knows(database, { address: undefined, remoteHost: "client.example" }), "user place key");
  assert.equal(knows(database, { address: undefined, remoteHost: "other.example" }), "user key");
  assert.equal(knows(database, { address: undefined, remoteHost: "" }), "user key");
  assert.equal(knows(database, { remoteHost: "client.example" }), "user key");
  record(database, { remoteHost: "", connection: "" }, { address: "" });
  assert.equal(knows(database, { address: undefined, remoteHost: "" }), "user place key");
});

Deno.test("seen() counts allowlisted logins, but no close, no unjudged event and none that was tampered with", () => {
  const allowlisted = openToWrite(":memory:");
  record(allowlisted, {}, { rule: { place: "allowlist.rules.0", reason: "r" } });
  assert.equal(knows(allowlisted), "user place key");

  const others = openToWrite(":memory:");
  record(others, { type: "close" });
  record(others, { tampered: ["PAM_USER"] });
  record(others, {}, { tampered: ["SSH_CONNECTION"] });
  takeIn(others, { events: [sessionEvent({ uuid: "unjudged" })], position: { lastId: 99, lastUuid: "unjudged" } });
  assert.equal(knows(others), "");
});

Deno.test("seen() ignores the clock", () => {
  const database = openToWrite(":memory:");
  for (const occurredAtMs of [8.64e15, -8.64e15, 0]) {
    record(database, { occurredAtMs, user: `${occurredAtMs}` });
    assert.equal(knows(database, { user: `${occurredAtMs}` }), "user place key");
  }
});

Deno.test("seen() returns the same as a plain search through all events", () => {
  const name = fc.constantFrom("a", "b", "");
  const event = fc.record({
    type: fc.constantFrom("open", "close"),
    user: name,
    remoteHost: name,
    address: fc.constantFrom("192.0.2.1", "192.0.2.2", ""),
    keyFingerprint: name,
    tampered: fc.constantFrom([], [], ["PAM_USER"]),
  });
  const login = event.map(({ user, remoteHost, address, keyFingerprint }) => ({
    user,
    remoteHost,
    address,
    keyFingerprint,
  }));
  fc.assert(
    fc.property(fc.array(event, { maxLength: 8 }), login, (events, asked) => {
      const database = openToWrite(":memory:");
      for (const { address, keyFingerprint, ...event } of events) {
        record(database, event, { address, keyFingerprint });
      }
      const opens = events.filter(({ type, tampered, user }) =>
        type === "open" && tampered.length === 0 && user === asked.user
      );
      const place = ({ address, remoteHost }: { address: string; remoteHost: string }) =>
        address || `name ${remoteHost}`;
      const { user, place: isKnownPlace, key } = seen(database, {
        ...asked,
        address: parseAddress(asked.address),
        place: NO_PLACE,
      });
      assert.deepEqual({ user, place: isKnownPlace, key }, {
        user: opens.length > 0,
        place: opens.some((open) => place(open) === place(asked)),
        key: asked.keyFingerprint === "" || opens.some((open) => open.keyFingerprint === asked.keyFingerprint),
      });
      database.close();
    }),
    { numRuns: 200 },
  );
});

Deno.test("rememberFirstEvent() keeps the time of the first event after it was pruned", () => {
  const directory = Deno.makeTempDirSync();
  const path = `${directory}/deliveries.db`;
  try {
    const database = openToWrite(path);
    const first = () => seen(database, LOGIN).firstEventAtMs;
    rememberFirstEvent(database);
    assert.equal(first(), undefined, "there is no event");
    record(database, { occurredAtMs: 1_000 });
    record(database, { occurredAtMs: 500 });
    assert.equal(first(), 1_000, "the first one that was taken in");
    rememberFirstEvent(database);
    const other = openDatabase(path, { busyTimeoutMs: 1_000 });
    other.prepare("DELETE FROM event").run();
    other.close();
    record(database, { occurredAtMs: 9_000 });
    rememberFirstEvent(database);
    assert.equal(first(), 1_000);
    database.close();
  } finally {
    Deno.removeSync(directory, { recursive: true });
  }
});

Deno.test("seen() and openOf() search 100,000 events by index only", () => {
  const directory = Deno.makeTempDirSync();
  const path = `${directory}/deliveries.db`;
  const database = openToWrite(path);
  try {
    // One user, one process, one address: the worst case for an index with too few columns.
    database.prepare(
      `INSERT INTO event (uuid, occurred_at_ms, type, user, remote_host, address, site, terminal, service, connection,
                          auth, parent_pid, tampered, key_fingerprint, verdict, is_closed)
       WITH RECURSIVE number (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < 100000)
       SELECT 'bulk ' || n, n, iif(n % 2, 'open', 'close'), 'alice', '', '203.0.113.7', '203.0.113.7', 'ssh', 'sshd', '', '[]', 4711, '',
              'SHA256:' || n, 'notify', n % 2 FROM number`,
    ).run();
    const plan = (sql: string) =>
      database.prepare(`EXPLAIN QUERY PLAN ${sql}`).all().map(({ detail }) => String(detail)).join("\n");
    const counts = "type = 'open' AND tampered = '' AND verdict IS NOT NULL AND user = 'alice'";
    assert.match(plan(`SELECT 1 FROM event WHERE ${counts} AND site = 'x'`), /SEARCH .*event_seen_site/);
    assert.match(plan(`SELECT 1 FROM event WHERE ${counts} AND site BETWEEN 'x' AND 'y'`), /SEARCH .*event_seen_site/);
    assert.match(
      plan(`SELECT 1 FROM event WHERE ${counts} AND asn IS NOT NULL AND asn = 1`),
      /SEARCH .*event_seen_operator/,
    );
    assert.match(
      plan(`SELECT 1 FROM event WHERE ${counts} AND country_code <> '' AND country_code = 'NZ'`),
      /SEARCH .*event_seen_country/,
    );
    assert.match(
      plan(`SELECT 1 FROM event WHERE ${counts} AND key_fingerprint <> '' AND key_fingerprint = 'x'`),
      /SEARCH .*event_seen_key/,
    );

    record(database, { type: "close" });
    const before = performance.now();
    for (let count = 0; count < 200; count++) {
      assert.equal(knows(database), "user place");
      assert.equal(
        knows(database, { address: parseAddress("198.51.100.1"), keyFingerprint: "SHA256:4711" }),
        "user key",
      );
      assert.equal(knows(database, { address: undefined, remoteHost: "x" }), "user");
      const close = { id: 1, ...parsedEvent({ type: "close", occurredAtMs: 1_000_000 }) };
      assert.equal(openOf(database, close, { isJudged: true }), undefined);
      assert.equal(openOf(database, close, { isJudged: false }), undefined);
    }
    const eachMs = (performance.now() - before) / 1_000;
    assert.ok(eachMs < 5, `${eachMs} ms for each question`);
  } finally {
    database.close();
    Deno.removeSync(directory, { recursive: true });
  }
});

Deno.test("openToRead() reads an open store without changing it, and rejects a store of another version", () => {
  const directory = Deno.makeTempDirSync();
  const path = `${directory}/deliveries.db`;
  try {
    assert.equal(openToRead(path), undefined);
    const database = openToWrite(path);
    record(database, {});
    {
      using reader = openToRead(path);
      assert.ok(reader);
      assert.equal(seen(reader, LOGIN).place, true);
      assert.throws(() => rememberFirstEvent(reader), /readonly/);
    }
    database.close();
    {
      using reader = openToRead(path);
      assert.equal(reader && seen(reader, LOGIN).place, true);
    }
    const setVersion = (version: number) => {
      const database = openDatabase(path, { busyTimeoutMs: 0 });
      pragma(database, `user_version = ${version}`);
      database.close();
    };
    setVersion(SCHEMA_VERSION - 1);
    assert.throws(() => openToRead(path), ForeignSchemaError);
    setVersion(SCHEMA_VERSION + 1);
    assert.throws(() => openToRead(path), NewerSchemaError);
  } finally {
    Deno.removeSync(directory, { recursive: true });
  }
});
