// Who has logged in before, from where and with which key. What counts is the order in which events were taken in and
// judged, never what a clock said; and no event that somebody had a hand in makes anything known.

import type { Database } from "./open.ts";
import { openToRead } from "./open_to_read.ts";
import { prepared } from "./prepared.ts";

/** A login, as far as it can have been seen before. */
export interface SeenLogin {
  readonly user: string;
  /** In its usual form; empty where it is not known. */
  readonly address: string;
  /** Stands for the address where that is not known; empty for a login on the machine itself. */
  readonly remoteHost: string;
  /** Empty where there was no key. */
  readonly keyFingerprint: string;
}

/** What is known of a login. */
export interface Known {
  /** Whether the user has logged in at all. */
  readonly user: boolean;
  /** Whether the user has logged in from there. */
  readonly place: boolean;
  /** Whether the user has logged in with that key; true where there is none. */
  readonly key: boolean;
  /** When the first event of this host happened, since the epoch; undefined before there is one. */
  readonly firstEventAtMs: number | undefined;
}

/** Of somebody of whom nothing is known. */
export const NOTHING_KNOWN: Known = { user: false, place: false, key: false, firstEventAtMs: undefined };

// The indexes of schema.ts serve these only because their conditions stand here word for word.
const COUNTS = "type = 'open' AND tampered = '' AND verdict IS NOT NULL";

const KNOWN = `SELECT
  EXISTS (SELECT 1 FROM event WHERE ${COUNTS} AND user = :user) AS user,
  EXISTS (SELECT 1 FROM event WHERE ${COUNTS} AND user = :user AND address = :address
          AND (address <> '' OR remote_host = :remoteHost)) AS place,
  EXISTS (SELECT 1 FROM event WHERE ${COUNTS} AND key_fingerprint <> '' AND user = :user
          AND key_fingerprint = :keyFingerprint) AS key,
  coalesce((SELECT first_event_at_ms FROM host), (SELECT occurred_at_ms FROM event ORDER BY id LIMIT 1)) AS first`;

/** Answers from the events of a store. */
export class Seen implements Disposable {
  readonly #database: Database;

  /** @param database of the schema in schema.ts */
  constructor(database: Database) {
    this.#database = database;
  }

  /** What the events that are judged by now say of a login. */
  known({ user, address, remoteHost, keyFingerprint }: SeenLogin): Known {
    const row = prepared(this.#database, KNOWN).get({ user, address, remoteHost, keyFingerprint }) ?? {};
    return {
      user: row["user"] === 1,
      place: row["place"] === 1,
      key: keyFingerprint === "" || row["key"] === 1,
      firstEventAtMs: row["first"] === null ? undefined : Number(row["first"]),
    };
  }

  /** Writes down when the first event happened, if that is not known yet: it will not always be in the history. */
  rememberFirstEvent(): void {
    prepared(
      this.#database,
      "INSERT OR IGNORE INTO host (one, first_event_at_ms) SELECT 1, occurred_at_ms FROM event ORDER BY id LIMIT 1",
    ).run();
  }

  [Symbol.dispose](): void {
    this.#database.close();
  }
}

/**
 * Opens a store to read in it.
 *
 * @returns undefined where {@link openToRead} has none
 * @throws what that throws
 */
export function openSeen(path: string): Seen | undefined {
  const database = openToRead(path);
  return database === undefined ? undefined : new Seen(database);
}
