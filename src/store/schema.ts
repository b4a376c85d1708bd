// The tables of deliveries.db, which `send`, `test` and `retry` write, and the migrations between their versions.

import { capAuthInfo } from "../event.ts";
import { parseAddress } from "../session/address.ts";
import { parseAuthInfo } from "../session/auth_info.ts";
import { siteOf } from "../session/site.ts";
import { ForeignSchemaError, schemaOf } from "../sqlite/foreign_schema.ts";
import { type Database, openDatabase, pragma, transaction } from "../sqlite/open.ts";

/**
 * Each entry migrates the database by one version. Never change a released entry: add a new one.
 *
 * `event`     one row per session event, in the order in which they were taken in.
 *             verdict: null until judged; history: read again after a loss, and too old to be sent.
 *             opened_by: the open event of a close. tampered: names, separated by spaces. reasons: why it is
 *             unexpected, as a JSON array. is_repeat: it may have been delivered before. is_history: its verdict will
 *             be history; it only counts as a login seen before. is_closed: an open whose close was judged.
 *             duration_ms: of the session, in its close; null if unknown. uptime_s: how long the host had been up;
 *             null if the hook did not record it. is_unrecorded: the hook could not run; the event comes from the
 *             last resort. taken_in_ms: store.elapsed_ms when the event was taken in; see prune.ts. site: what of the
 *             address counts as the same place; see site.ts. auth: the authentication methods, as a JSON array; see
 *             auth_info.ts. place, country_code, asn: what the place databases said about the address when the event
 *             was judged; empty or null if nothing.
 * `host`      one row: the time of the first event, which may have been pruned since.
 * `delivery`  one row per event and route that gets it. batch: the id of the request, the same for all attempts.
 *             retried_from_ms: the route's retried_ms when the delivery was created or retried by a command.
 *             turn_of: the user of an urgent event. turn: the place of an urgent event among those of its user, from 1;
 *             0 for root and for other events. The lowest goes first. refused_at: the route's count of delivered
 *             messages when it was refused.
 * `route`     the state of a route. rests_until_ms: no request before that time; only this decides when a delivery is
 *             due. rests_from_ms: when that was recorded; if it is in the future, the clock was set back. failures: in
 *             a row, for the backoff. retried_ms: the total time spent waiting to retry on this route; a jump of the
 *             clock adds little to it. waits_since_ms: when its last attempt failed, if the outcome was `retry`; else
 *             null. told_broken: the other routes were notified that it is broken. newest: its latest outcome.
 *             settings: a digest of the service's settings. delivered: how many messages were delivered, tests
 *             included. refusals: messages refused in a row since the last delivery; see refusals.ts.
 * `notice`    a notice to be sent on a route. kind: dead: deliveries of the route `about` were given up (count: how
 *             many); broken: that route is broken; refused: the route's own service refuses a message; unreadable,
 *             full: about the queue (count: how many records); report: a report of the logins. refused_at: as in `delivery`.
 * `inbox`     one row: the position up to which the queue database was read, as an id and the UUID of its event.
 *             again_to_id: events up to this id may have been taken in before; see read_again.ts.
 * `store`     one row: which events this store can't know; see read_again.ts. elapsed_ms: how long the store has been
 *             in use, for pruning; see prune.ts. queue_looks: the state of the queue database when it was last read
 *             completely. queue_fault: why a source of events could not be read in the last pass, with the id of the
 *             finding; empty if all were. well_since_ms: since when every run has found that the alarm works; null if the
 *             last one did not. backup_fault: why the last run could not make the daily backup; empty if it could, or if
 *             none was due.
 * `heartbeat` one row: when the heartbeat was last pinged.
 * `salvaged`  the damaged queue databases that were read, by the paths of their directories, and their state
 *             then; empty to try again in the next run. fault: why not all of it could be read; empty if all was.
 *             Also a note that the events of the Go program were taken over: see legacy.ts.
 * `report`    one row: the slot of the latest report.
 * `unrecorded` one row: the position up to which the file of the last resort was read, which file that was, whether it
 *             is full, and whether a notice has reported that.
 * `unreadable` one row about the records that can't be read: how many no notice has reported yet, when the last notice
 *             was made, and how many such files each spool had when it was last read. dropped: how many events the queue
 *             has dropped that no notice has reported yet.
 */
export const MIGRATIONS: readonly (readonly string[])[] = [[
  `CREATE TABLE event (
    id INTEGER PRIMARY KEY,
    uuid TEXT NOT NULL UNIQUE,
    occurred_at_ms INTEGER NOT NULL,
    type TEXT NOT NULL CHECK (type IN ('open', 'close')),
    user TEXT NOT NULL,
    remote_host TEXT NOT NULL,
    address TEXT NOT NULL DEFAULT '',
    terminal TEXT NOT NULL,
    service TEXT NOT NULL,
    connection TEXT NOT NULL,
    auth_info TEXT NOT NULL,
    parent_pid INTEGER NOT NULL,
    tampered TEXT NOT NULL,
    key_fingerprint TEXT NOT NULL DEFAULT '',
    reasons TEXT NOT NULL DEFAULT '[]',
    is_repeat INTEGER NOT NULL DEFAULT 0 CHECK (is_repeat IN (0, 1)),
    is_history INTEGER NOT NULL DEFAULT 0 CHECK (is_history IN (0, 1)),
    verdict TEXT CHECK (verdict IN ('notify', 'allowlisted', 'history')),
    opened_by INTEGER REFERENCES event (id),
    is_closed INTEGER NOT NULL DEFAULT 0 CHECK (is_closed IN (0, 1)),
    duration_ms INTEGER,
    taken_in_ms INTEGER NOT NULL DEFAULT 0
  ) STRICT`,
  "CREATE INDEX event_unjudged ON event (id) WHERE verdict IS NULL",
  "CREATE INDEX event_session ON event (parent_pid, user, service) WHERE type = 'open' AND is_closed = 0",
  "CREATE UNIQUE INDEX event_closed ON event (opened_by) WHERE opened_by IS NOT NULL",
  "CREATE INDEX event_occurred ON event (occurred_at_ms)",
  `CREATE INDEX event_seen_place ON event (user, address, remote_host)
   WHERE type = 'open' AND tampered = '' AND verdict IS NOT NULL`,
  `CREATE INDEX event_seen_key ON event (user, key_fingerprint)
   WHERE type = 'open' AND tampered = '' AND verdict IS NOT NULL AND key_fingerprint <> ''`,
  `CREATE TABLE host (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    first_event_at_ms INTEGER NOT NULL
  ) STRICT`,
  `CREATE TABLE delivery (
    event_id INTEGER NOT NULL REFERENCES event (id),
    route TEXT NOT NULL,
    state TEXT NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'delivered', 'dead')),
    urgent INTEGER NOT NULL CHECK (urgent IN (0, 1)),
    batch TEXT,
    attempts INTEGER NOT NULL DEFAULT 0,
    retried_from_ms INTEGER NOT NULL DEFAULT 0,
    last_error TEXT,
    delivered_at_ms INTEGER,
    PRIMARY KEY (event_id, route)
  ) STRICT, WITHOUT ROWID`,
  "CREATE INDEX delivery_pending ON delivery (route, urgent DESC, event_id) WHERE state = 'pending'",
  "CREATE INDEX delivery_dead ON delivery (route) WHERE state = 'dead'",
  `CREATE TABLE route (
    name TEXT PRIMARY KEY,
    rests_from_ms INTEGER NOT NULL DEFAULT 0,
    rests_until_ms INTEGER NOT NULL DEFAULT 0,
    failures INTEGER NOT NULL DEFAULT 0,
    retried_ms INTEGER NOT NULL DEFAULT 0,
    waits_since_ms INTEGER,
    told_broken INTEGER NOT NULL DEFAULT 0 CHECK (told_broken IN (0, 1)),
    last_error TEXT,
    last_delivered_at_ms INTEGER
  ) STRICT, WITHOUT ROWID`,
  `CREATE TABLE notice (
    id INTEGER PRIMARY KEY,
    uuid TEXT NOT NULL UNIQUE,
    route TEXT NOT NULL,
    about TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('dead', 'broken')),
    count INTEGER NOT NULL,
    reason TEXT NOT NULL,
    occurred_at_ms INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    retried_from_ms INTEGER NOT NULL DEFAULT 0
  ) STRICT`,
  "CREATE INDEX notice_route ON notice (route, id)",
  `CREATE TABLE inbox (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    last_id INTEGER NOT NULL,
    last_uuid TEXT NOT NULL,
    again_to_id INTEGER NOT NULL
  ) STRICT`,
  "CREATE INDEX event_taken_in ON event (taken_in_ms)",
  `CREATE TABLE store (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    repeats_before_ms INTEGER NOT NULL,
    history_before_ms INTEGER NOT NULL,
    pruned_before_ms INTEGER NOT NULL DEFAULT 0,
    last_run_at_ms INTEGER NOT NULL,
    elapsed_ms INTEGER NOT NULL DEFAULT 0
  ) STRICT`,
  `CREATE TABLE heartbeat (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    pinged_at_ms INTEGER NOT NULL
  ) STRICT`,
  `CREATE TABLE salvaged (
    name TEXT PRIMARY KEY,
    looks TEXT NOT NULL
  ) STRICT, WITHOUT ROWID`,
], [
  "ALTER TABLE event ADD COLUMN uptime_s INTEGER",
  "ALTER TABLE event ADD COLUMN is_unrecorded INTEGER NOT NULL DEFAULT 0 CHECK (is_unrecorded IN (0, 1))",
  "ALTER TABLE delivery ADD COLUMN turn_of TEXT NOT NULL DEFAULT ''",
  "ALTER TABLE delivery ADD COLUMN turn INTEGER NOT NULL DEFAULT 0",
  "ALTER TABLE delivery ADD COLUMN refused_at INTEGER",
  "UPDATE event SET is_unrecorded = 0",
  "UPDATE delivery SET refused_at = NULL",
  "UPDATE delivery SET turn_of = (SELECT user FROM event WHERE id = event_id) WHERE state <> 'delivered' AND urgent = 1",
  `UPDATE delivery SET turn = counted.turn
   FROM (SELECT event_id, route, row_number() OVER (PARTITION BY route, turn_of ORDER BY event_id) AS turn
         FROM delivery WHERE state <> 'delivered' AND urgent = 1 AND turn_of <> 'root') AS counted
   WHERE delivery.event_id = counted.event_id AND delivery.route = counted.route`,
  "DROP INDEX delivery_pending",
  "CREATE INDEX delivery_pending ON delivery (route, urgent DESC, turn, event_id) WHERE state = 'pending'",
  "CREATE INDEX delivery_turn ON delivery (route, turn_of, turn, event_id) WHERE state = 'pending' AND urgent = 1",
  `ALTER TABLE route ADD COLUMN newest TEXT NOT NULL DEFAULT 'none'
   CHECK (newest IN ('none', 'delivered', 'retry', 'broken', 'refused'))`,
  "ALTER TABLE route ADD COLUMN settings TEXT NOT NULL DEFAULT ''",
  "ALTER TABLE route ADD COLUMN delivered INTEGER NOT NULL DEFAULT 0",
  "ALTER TABLE route ADD COLUMN refusals INTEGER NOT NULL DEFAULT 0",
  "ALTER TABLE route ADD COLUMN last_tested_at_ms INTEGER",
  `UPDATE route SET newest = CASE WHEN failures = 0 THEN 'delivered' WHEN waits_since_ms IS NULL THEN 'broken'
   ELSE 'retry' END`,
  "UPDATE route SET newest = 'none' WHERE failures = 0 AND last_delivered_at_ms IS NULL",
  // A CHECK can't be changed in place. A rename would change the text of the schema, which is compared with this one.
  "CREATE TABLE notice_before AS SELECT * FROM notice",
  "DROP TABLE notice",
  `CREATE TABLE notice (
    id INTEGER PRIMARY KEY,
    uuid TEXT NOT NULL UNIQUE,
    route TEXT NOT NULL,
    about TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('dead', 'broken', 'refused', 'unreadable', 'full')),
    count INTEGER NOT NULL,
    reason TEXT NOT NULL,
    occurred_at_ms INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    retried_from_ms INTEGER NOT NULL DEFAULT 0,
    refused_at INTEGER
  ) STRICT`,
  `INSERT INTO notice (id, uuid, route, about, kind, count, reason, occurred_at_ms, attempts, retried_from_ms)
   SELECT id, uuid, route, about, kind, count, reason, occurred_at_ms, attempts, retried_from_ms FROM notice_before`,
  "DROP TABLE notice_before",
  "CREATE INDEX notice_route ON notice (route, id)",
  `CREATE TABLE unrecorded (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    file TEXT NOT NULL,
    position INTEGER NOT NULL,
    is_full TEXT NOT NULL DEFAULT 'no' CHECK (is_full IN ('no', 'untold', 'told'))
  ) STRICT`,
  `CREATE TABLE unreadable (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    untold INTEGER NOT NULL DEFAULT 0,
    told_at_ms INTEGER,
    spool_files INTEGER NOT NULL DEFAULT 0,
    run_spool_files INTEGER NOT NULL DEFAULT 0
  ) STRICT`,
  "INSERT INTO unreadable (one) VALUES (1)",
], [
  "ALTER TABLE store ADD COLUMN queue_looks TEXT NOT NULL DEFAULT ''",
  "ALTER TABLE store ADD COLUMN queue_fault_id TEXT NOT NULL DEFAULT ''",
  "ALTER TABLE store ADD COLUMN queue_fault TEXT NOT NULL DEFAULT ''",
], [
  "ALTER TABLE store ADD COLUMN well_since_ms INTEGER",
  `CREATE TABLE report (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    date TEXT NOT NULL,
    at_ms INTEGER NOT NULL
  ) STRICT`,
  "CREATE TABLE notice_before AS SELECT * FROM notice",
  "DROP TABLE notice",
  `CREATE TABLE notice (
    id INTEGER PRIMARY KEY,
    uuid TEXT NOT NULL UNIQUE,
    route TEXT NOT NULL,
    about TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('dead', 'broken', 'refused', 'unreadable', 'full', 'report')),
    count INTEGER NOT NULL,
    reason TEXT NOT NULL,
    occurred_at_ms INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    retried_from_ms INTEGER NOT NULL DEFAULT 0,
    refused_at INTEGER
  ) STRICT`,
  "INSERT INTO notice SELECT * FROM notice_before",
  "DROP TABLE notice_before",
  "CREATE INDEX notice_route ON notice (route, id)",
  "ALTER TABLE salvaged ADD COLUMN fault TEXT NOT NULL DEFAULT ''",
  "ALTER TABLE store ADD COLUMN backup_fault TEXT NOT NULL DEFAULT ''",
  "ALTER TABLE event ADD COLUMN site TEXT NOT NULL DEFAULT ''",
  "ALTER TABLE event ADD COLUMN place TEXT NOT NULL DEFAULT ''",
  "ALTER TABLE event ADD COLUMN country_code TEXT NOT NULL DEFAULT ''",
  "ALTER TABLE event ADD COLUMN asn INTEGER",
  "DROP INDEX event_seen_place",
  "UPDATE event SET site = iif(instr(address, ':') = 0, address, site_of(address)) WHERE address <> ''",
  `CREATE INDEX event_seen_site ON event (user, site, remote_host)
   WHERE type = 'open' AND tampered = '' AND verdict IS NOT NULL`,
  `CREATE INDEX event_seen_operator ON event (user, asn)
   WHERE type = 'open' AND tampered = '' AND verdict IS NOT NULL AND asn IS NOT NULL`,
  `CREATE INDEX event_seen_country ON event (user, country_code)
   WHERE type = 'open' AND tampered = '' AND verdict IS NOT NULL AND country_code <> ''`,
], [
  "ALTER TABLE unreadable ADD COLUMN dropped INTEGER NOT NULL DEFAULT 0",
  // Earlier releases kept all of SSH_AUTH_INFO_0, up to 48 KB.
  "ALTER TABLE event RENAME COLUMN auth_info TO auth",
  "UPDATE event SET auth = auth_of(auth)",
]];

/** The version that this program writes. */
export const SCHEMA_VERSION = MIGRATIONS.length;

const expected = new Map<number, string>();

/** The schema of a store of this version, in the form of {@link schemaOf}. */
export function expectedSchema(version: number): string {
  let schema = expected.get(version);
  if (schema !== undefined) return schema;
  using database = openDatabase(":memory:", { busyTimeoutMs: 0 });
  apply(MIGRATIONS.slice(0, version).flat(), database);
  expected.set(version, schema = schemaOf(database));
  return schema;
}

/** Runs the statements of migrations, which may use the SQL forms of {@link siteOf} and {@link parseAuthInfo}. */
function apply(statements: readonly string[], database: Database): void {
  database.function("site_of", { deterministic: true }, (text) => {
    const address = parseAddress(String(text));
    return address === undefined ? "" : siteOf(address);
  });
  database.function(
    "auth_of",
    { deterministic: true },
    (text) => JSON.stringify(parseAuthInfo(capAuthInfo(String(text)))),
  );
  for (const statement of statements) database.prepare(statement).run();
}

/**
 * Rejects a store whose schema is not that of its version, before anything else is read from it: a view, a trigger or a
 * computed column would run an attacker's code, which may never end.
 *
 * @returns its version
 * @throws {NewerSchemaError} and {@link ForeignSchemaError}
 */
export function assertSchema(database: Database): number {
  const version = versionOf(database);
  if (schemaOf(database) !== expectedSchema(version)) {
    throw new ForeignSchemaError("its tables are not those of the store");
  }
  return version;
}

function versionOf(database: Database): number {
  const version = Number(pragma(database, "user_version"));
  if (version <= SCHEMA_VERSION) return version;
  throw new NewerSchemaError(`schema version ${version} is newer than ${SCHEMA_VERSION}`);
}

/** The database was created or migrated by a later release. */
export class NewerSchemaError extends Error {
  override readonly name = "NewerSchemaError";
}

/**
 * Migrates a database to {@link SCHEMA_VERSION}, in one transaction per version.
 *
 * @param options.upTo the version to stop at, for tests
 * @throws {NewerSchemaError} if the database is newer than this program; it is not changed
 */
export function migrate(database: Database, { upTo = SCHEMA_VERSION } = {}): void {
  for (;;) {
    const version = versionOf(database);
    const statements = MIGRATIONS[version];
    if (statements === undefined || version >= upTo) return;
    transaction(database, () => {
      // Another process may have migrated it meanwhile: `test` and `send` can both create a store.
      if (Number(pragma(database, "user_version")) !== version) return;
      apply(statements, database);
      pragma(database, `user_version = ${version + 1}`);
    });
  }
}
