// Looks up whether a user has logged in before, from where and with which key. Only the order in which events were taken
// in and judged counts, never the clock. Events that were tampered with are ignored.

import type { Known, SeenLogin } from "../session/seen.ts";
import { networkSites, siteOf } from "../session/site.ts";
import type { Database } from "../sqlite/open.ts";
import { prepared } from "../sqlite/prepared.ts";

// SQLite uses the partial indexes of schema.ts only if these conditions are the same as theirs, word for word.
const COUNTS = "type = 'open' AND tampered = '' AND verdict IS NOT NULL";

const KNOWN = `SELECT
  EXISTS (SELECT 1 FROM event WHERE ${COUNTS} AND user = :user) AS user,
  EXISTS (SELECT 1 FROM event WHERE ${COUNTS} AND user = :user AND site = :site
          AND (site <> '' OR remote_host = :remoteHost)) AS place,
  EXISTS (SELECT 1 FROM event WHERE ${COUNTS} AND user = :user AND site BETWEEN :from AND :to) AS network,
  EXISTS (SELECT 1 FROM event WHERE ${COUNTS} AND asn IS NOT NULL AND user = :user AND asn = :asn) AS operator,
  EXISTS (SELECT 1 FROM event WHERE ${COUNTS} AND asn IS NOT NULL AND user = :user) AS operators,
  EXISTS (SELECT 1 FROM event WHERE ${COUNTS} AND country_code <> '' AND user = :user
          AND country_code = :countryCode) AS country,
  EXISTS (SELECT 1 FROM event WHERE ${COUNTS} AND country_code <> '' AND user = :user) AS countries,
  EXISTS (SELECT 1 FROM event WHERE ${COUNTS} AND key_fingerprint <> '' AND user = :user
          AND key_fingerprint = :keyFingerprint) AS key,
  coalesce((SELECT first_event_at_ms FROM host), (SELECT occurred_at_ms FROM event ORDER BY id LIMIT 1)) AS first`;

/** Looks up a login among the judged events. */
export function seen(database: Database, { user, address, remoteHost, place, keyFingerprint }: SeenLogin): Known {
  const { asn, countryCode } = place;
  const site = address === undefined ? "" : siteOf(address);
  const { from, to } = address === undefined ? { from: "", to: "" } : networkSites(address);
  const wanted = { user, site, from, to, remoteHost, asn: asn ?? null, countryCode, keyFingerprint };
  const row = prepared(database, KNOWN).get(wanted) ?? {};
  return {
    user: row["user"] === 1,
    place: row["place"] === 1,
    network: address !== undefined && row["network"] === 1,
    operator: asn === undefined || row["operators"] !== 1 ? undefined : row["operator"] === 1,
    country: countryCode === "" || row["countries"] !== 1 ? undefined : row["country"] === 1,
    key: keyFingerprint === "" || row["key"] === 1,
    firstEventAtMs: row["first"] === null ? undefined : Number(row["first"]),
  };
}

/** Records the time of the first event, if it is not recorded yet, because that event will be pruned. */
export function rememberFirstEvent(database: Database): void {
  prepared(
    database,
    "INSERT OR IGNORE INTO host (one, first_event_at_ms) SELECT 1, occurred_at_ms FROM event ORDER BY id LIMIT 1",
  ).run();
}
