// Reads past logins from the store of `send`, which may be running. Reads in pages, to limit memory and the time that a
// lock is held, even if the history is large or the output is consumed slowly.

import type { Database } from "../sqlite/open.ts";
import { query } from "../sqlite/prepared.ts";
import { eventOf, type StoredEvent, type StoredPlace, storedPlaceOf } from "./events.ts";
import { openToRead } from "./open.ts";
import { restartedAfterMs } from "./restart.ts";

/** Entries per page. */
const PAGE = 200;

/** Which entries to read: those that match all given conditions. */
export interface HistoryFilter {
  readonly user?: string | undefined;
  /** Whether to include a login from this address, or from this host name if the address is unknown. */
  readonly isFrom?: ((address: string) => boolean) | undefined;
  /** `SHA256:…`. */
  readonly keyFingerprint?: string | undefined;
  /** The login is at or after this time, in milliseconds since the epoch. */
  readonly sinceMs?: number | undefined;
  /** The login is before this time, in milliseconds since the epoch. */
  readonly untilMs?: number | undefined;
  readonly unexpectedOnly?: boolean | undefined;
}

/** The delivery of a notification on one route. */
export interface EntryDelivery {
  /** The notification was about the login (`open`) or the logout (`close`). */
  readonly type: "open" | "close";
  readonly route: string;
  readonly state: "pending" | "delivered" | "dead";
  readonly attempts: number;
  readonly lastError?: string;
  readonly deliveredAtMs?: number;
}

/** A session: a login, with its logout if it has ended; or a logout whose login is unknown. */
export interface HistoryEntry extends StoredPlace {
  /** The login, or the logout without a login. */
  readonly event: StoredEvent;
  /** The client's address; empty if unknown. */
  readonly address: string;
  readonly keyFingerprints: readonly string[];
  /** Undefined until `send` has judged the event. `history`: the event was too old to be sent. */
  readonly verdict: "notify" | "allowlisted" | "history" | undefined;
  readonly reasons: readonly string[];
  /** The names of the variables that the user may have set, at the login or the logout. */
  readonly tampered: readonly string[];
  readonly closedAtMs?: number;
  readonly durationMs?: number;
  /** Whether no logout is recorded, and the host is not known to have restarted since the login. */
  readonly mayBeOpen: boolean;
  readonly deliveries: readonly EntryDelivery[];
}

/** What logins can be grouped by. */
export const GROUPS = ["user", "place", "key"] as const;
export type GroupBy = typeof GROUPS[number];

/** The logins that have one user, one place or one set of keys in common. */
export interface LoginGroup {
  /** The user, the place or else the address, or the fingerprints of the keys, separated by spaces; empty if unknown. */
  readonly name: string;
  readonly logins: number;
  readonly unexpected: number;
  readonly firstAtMs: number;
  readonly lastAtMs: number;
  /** The different users, places and sets of keys, without empty ones. */
  readonly users: readonly string[];
  readonly places: readonly string[];
  /** The different addresses; of a login without one, the host name. */
  readonly addresses: readonly string[];
  readonly keys: readonly string[];
}

/** The groups with the most logins. */
export interface TopGroups {
  readonly top: readonly Pick<LoginGroup, "name" | "logins">[];
  /** Of all groups: how many there are, and their logins. */
  readonly groups: number;
  readonly logins: number;
}

const IS_UNEXPECTED = "(e.reasons <> '[]' OR e.tampered <> '' OR coalesce(c.tampered, '') <> '')";

const ADDRESS = "CASE e.address WHEN '' THEN e.remote_host ELSE e.address END";

/** What the place databases said about the address, or else the address. */
const PLACE = `CASE e.place WHEN '' THEN ${ADDRESS} ELSE e.place END`;

/** The column for each of {@link GROUPS}. */
const GROUPED: Readonly<Record<GroupBy, string>> = { user: "e.user", place: PLACE, key: "e.key_fingerprint" };

const WANTED = `(:user IS NULL OR e.user = :user)
  AND (:key IS NULL OR instr(' ' || e.key_fingerprint || ' ', ' ' || :key || ' ') > 0)
  AND (:unexpected = 0 OR ${IS_UNEXPECTED})
  AND (:anywhere = 1 OR is_from(${ADDRESS}))`;

const SESSIONS = `FROM event AS e LEFT JOIN event AS c ON c.opened_by = e.id
  WHERE e.occurred_at_ms >= :since AND e.occurred_at_ms < :until`;
const ENTRIES = `${SESSIONS} AND (e.type = 'open' OR e.opened_by IS NULL) AND ${WANTED}`;
const LOGINS = `${SESSIONS} AND e.type = 'open' AND ${WANTED}`;

/** Further columns of a group: its first and last login, and the different values in it. */
const SPANS_AND_VALUES = `, min(e.occurred_at_ms) AS firstAtMs, max(e.occurred_at_ms) AS lastAtMs,
  json_group_array(DISTINCT e.user) AS users, json_group_array(DISTINCT ${PLACE}) AS places,
  json_group_array(DISTINCT ${ADDRESS}) AS addresses, json_group_array(DISTINCT e.key_fingerprint) AS keys`;

/** Selects the groups of logins, with further columns after a comma. */
function groupsBy(by: GroupBy, columns = ""): string {
  return `SELECT ${GROUPED[by]} AS name, count(*) AS logins, sum(${IS_UNEXPECTED}) AS unexpected${columns}
          ${LOGINS} GROUP BY name`;
}

/** The history in an open store. */
export class History implements Disposable {
  readonly #database: Database;
  #isFrom: (address: string) => boolean = () => true;
  #restartedAfterMs: number | undefined;

  /** @param database of the schema in schema.ts */
  constructor(database: Database) {
    this.#database = database;
    database.function("is_from", { deterministic: false }, (address) => Number(this.#isFrom(String(address))));
  }

  /**
   * Yields the newest entries, oldest first.
   *
   * @param options.limit the maximum number of entries. Default: all
   */
  *entries(filter: HistoryFilter, { limit = Infinity }: { limit?: number | undefined } = {}): Generator<HistoryEntry> {
    let after = Number.isFinite(limit) ? this.#before(filter, limit) : undefined;
    for (;;) {
      const rows = this.#query<Record<string, unknown>>(
        // SQLite uses the index only with this bound; the row comparison below is not enough.
        {
          ...filter,
          sinceMs: Math.max(filter.sinceMs ?? -Infinity, after?.atMs ?? -Infinity, Number.MIN_SAFE_INTEGER),
        },
        `SELECT e.*, c.id AS closeId, c.occurred_at_ms AS closedAtMs, c.duration_ms AS sessionMs,
           c.tampered AS closeTampered ${ENTRIES}
         AND (e.occurred_at_ms, e.id) > (:afterMs, :afterId) ORDER BY e.occurred_at_ms, e.id LIMIT ${PAGE}`,
        { afterMs: after?.atMs ?? Number.MIN_SAFE_INTEGER, afterId: after?.id ?? 0 },
      );
      for (const row of rows) yield this.#entryOf(row);
      const last = rows.at(-1);
      if (last === undefined || rows.length < PAGE) return;
      after = { atMs: Number(last["occurred_at_ms"]), id: Number(last["id"]) };
    }
  }

  /** Counts the entries: logins, and logouts without a known login. */
  count(filter: HistoryFilter): number {
    return this.#query<{ count: number }>(filter, `SELECT count(*) AS count ${ENTRIES}`)[0]?.count ?? 0;
  }

  /** Whether there are more than `limit` entries. */
  hasMore(filter: HistoryFilter, limit: number): boolean {
    return this.#before(filter, limit) !== undefined;
  }

  /** The position just before the newest `limit` entries; undefined if there are no older ones. */
  #before(filter: HistoryFilter, limit: number): { readonly atMs: number; readonly id: number } | undefined {
    const [place] = this.#query<{ atMs: number; id: number }>(
      filter,
      `SELECT e.occurred_at_ms AS atMs, e.id ${ENTRIES} ORDER BY e.occurred_at_ms DESC, e.id DESC LIMIT 1 OFFSET :limit`,
      { limit },
    );
    return place;
  }

  /**
   * Counts logins by the hour of the week. Hour 0 begins on Thursday at midnight, as the epoch does.
   *
   * @param offsetMs the offset of the local time from UTC, constant in the time that the filter selects
   */
  loginsByHour(filter: HistoryFilter, offsetMs: number): { readonly hour: number; readonly logins: number }[] {
    return this.#query(
      filter,
      `SELECT (e.occurred_at_ms + :offset) / 3600000 % 168 AS hour, count(*) AS logins ${LOGINS} GROUP BY hour`,
      { offset: offsetMs },
    );
  }

  /** Groups logins. The group with the most logins is first. */
  loginGroups(filter: HistoryFilter, by: GroupBy): LoginGroup[] {
    const rows = this.#query<LoginGroup & Readonly<Record<"users" | "places" | "addresses" | "keys", string>>>(
      filter,
      `${groupsBy(by, SPANS_AND_VALUES)} ORDER BY logins DESC, name`,
    );
    const listed = (json: string): string[] => JSON.parse(json).filter((value: string) => value !== "").sort();
    return rows.map((row) => ({
      ...row,
      users: listed(row.users),
      places: listed(row.places),
      addresses: listed(row.addresses),
      keys: listed(row.keys),
    }));
  }

  /** Groups logins, and returns only the groups with the most logins: a user can log in from any number of addresses. */
  topGroups(filter: HistoryFilter, by: GroupBy, limit: number): TopGroups {
    const rows = this.#query<TopGroups["top"][number] & Readonly<Record<"groups" | "total", number>>>(
      filter,
      `SELECT name, logins, count(*) OVER () AS groups, sum(logins) OVER () AS total
       FROM (${groupsBy(by)}) ORDER BY logins DESC, name LIMIT :limit`,
      { limit },
    );
    const { groups = 0, total = 0 } = rows[0] ?? {};
    return { top: rows.map(({ name, logins }) => ({ name, logins })), groups, logins: total };
  }

  /** The sessions that may still be open, and the newest of them, oldest first. */
  openSessions(filter: HistoryFilter, limit: number): { count: number; newest: HistoryEntry[] } {
    const restarted = { ...filter, sinceMs: Math.max(filter.sinceMs ?? Number.MIN_SAFE_INTEGER, this.#restart() + 1) };
    const [{ count } = { count: 0 }] = this.#query<{ count: number }>(
      restarted,
      `SELECT count(*) AS count ${LOGINS} AND e.is_closed = 0`,
    );
    const rows = this.#query<Record<string, unknown>>(
      restarted,
      `SELECT e.* ${LOGINS} AND e.is_closed = 0 ORDER BY e.occurred_at_ms DESC, e.id DESC LIMIT :limit`,
      { limit },
    );
    return { count, newest: rows.map((row) => this.#entryOf(row)).reverse() };
  }

  [Symbol.dispose](): void {
    this.#database.close();
  }

  #query<Row>(
    { user, isFrom, keyFingerprint, sinceMs, untilMs, unexpectedOnly = false }: HistoryFilter,
    sql: string,
    more: Readonly<Record<string, number>> = {},
  ): Row[] {
    this.#isFrom = isFrom ?? (() => true);
    return query(this.#database, sql, {
      user: user ?? null,
      key: keyFingerprint ?? null,
      unexpected: Number(unexpectedOnly),
      anywhere: Number(isFrom === undefined),
      since: sinceMs ?? Number.MIN_SAFE_INTEGER,
      until: untilMs ?? Number.MAX_SAFE_INTEGER,
      ...more,
    });
  }

  #restart(): number {
    return this.#restartedAfterMs ??= restartedAfterMs(this.#database);
  }

  #entryOf(row: Record<string, unknown>): HistoryEntry {
    const event = eventOf(row);
    const { closedAtMs, sessionMs, closeId } = row;
    const isClosed = event.type === "close" || typeof closedAtMs === "number";
    return {
      event,
      address: String(row["address"]),
      ...storedPlaceOf(row),
      keyFingerprints: words(row["key_fingerprint"]),
      verdict: (row["verdict"] ?? undefined) as HistoryEntry["verdict"],
      reasons: JSON.parse(String(row["reasons"])),
      tampered: [...new Set([...event.tampered, ...words(row["closeTampered"] ?? "")])],
      ...(typeof closedAtMs === "number" ? { closedAtMs } : {}),
      ...(typeof sessionMs === "number" ? { durationMs: sessionMs } : {}),
      mayBeOpen: !isClosed && event.occurredAtMs > this.#restart(),
      deliveries: query<EntryDelivery>(
        this.#database,
        `SELECT iif(event_id = :id, :type, 'close') AS type, route, state, attempts, last_error AS lastError,
           delivered_at_ms AS deliveredAtMs
         FROM delivery WHERE event_id IN (:id, :closeId) ORDER BY event_id, route`,
        { id: event.id, type: event.type, closeId: typeof closeId === "number" ? closeId : null },
      ),
    };
  }
}

/** Opens the history as {@link openToRead} opens the store. */
export function openHistory(path: string): History | undefined {
  const database = openToRead(path);
  return database === undefined ? undefined : new History(database);
}

function words(text: unknown): string[] {
  return String(text).split(" ").filter((word) => word !== "");
}
