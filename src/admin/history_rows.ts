// HistoryEntry -> the cells of a table, and the JSON of a line. Whatever an attacker wrote is made harmless. Pure.

import { parseAddress } from "../config/address.ts";
import { formatDuration } from "../duration.ts";
import { isoInstant } from "../json_text.ts";
import { oneLine } from "../log.ts";
import { parseAuthInfo } from "../send/auth_info.ts";
import type { EntryDelivery, HistoryEntry } from "../store/history.ts";
import type { Column } from "./table.ts";

/** The columns of the table. */
export const COLUMNS: readonly Column[] = [
  // Without the seconds.
  { title: "WHEN", min: 16, rank: 0, shorten: (time) => time.slice(0, 16) },
  { title: "USER", min: 8, rank: 0 },
  { title: "FROM", min: 15, rank: 0 },
  { title: "KEY", min: 12, rank: 6 },
  // The largest unit alone.
  { title: "LASTED", min: 6, rank: 4, shorten: (duration) => duration.split(" ").slice(0, 2).join(" ") },
  { title: "NOTIFIED", min: 8, rank: 5 },
  { title: "UNEXPECTED", min: 13, rank: 1 },
];

/** How entries are shown. */
export interface RowOptions {
  /** An IANA time zone. */
  readonly timezone: string;
  /** What people call keys, by their fingerprints. */
  readonly keyNames: ReadonlyMap<string, string>;
}

/** The cells of an entry, as {@link COLUMNS} has them. */
export function historyCells(entry: HistoryEntry, options: RowOptions): string[] {
  const { event } = entry;
  return [
    clockTime(event.occurredAtMs, options.timezone),
    event.user,
    placeText(entry),
    keyText(entry, options.keyNames),
    lengthText(entry),
    deliveryText(entry),
    reasonTexts(entry).join("; "),
  ].map(oneLine);
}

/** The address, followed by the name that the client's DNS gave it (sshd's `UseDNS`). */
function placeText({ address, event: { remoteHost } }: HistoryEntry): string {
  if (address === "") return remoteHost || "-";
  return parseAddress(remoteHost) === undefined ? `${address}, ${remoteHost}` : address;
}

/** An instant as `2026-11-23 11:13:32`; the seconds may be cut. */
function clockTime(atMs: number, timezone: string): string {
  return Temporal.Instant.fromEpochMilliseconds(atMs).toZonedDateTimeISO(timezone).toPlainDateTime()
    .toString({ smallestUnit: "second" }).replace("T", " ");
}

/** Whether somebody should look at it. */
export function isUnexpected({ reasons, tampered }: HistoryEntry): boolean {
  return reasons.length + tampered.length > 0;
}

function reasonTexts({ reasons, tampered }: HistoryEntry): string[] {
  return [...tampered.length > 0 ? [`tampered with: ${tampered.join(", ")}`] : [], ...reasons];
}

/** The keys by their names, else their fingerprints; the other methods where there was no key. */
function keyText({ event, keyFingerprints, tampered }: HistoryEntry, keyNames: ReadonlyMap<string, string>): string {
  if (keyFingerprints.length > 0) return keyFingerprints.map((key) => keyNames.get(key) ?? key).join(", ");
  // Who had a hand in anything may have written this too; and at a lone logout nobody vouches for it.
  if (tampered.length > 0 || event.type === "close") return "-";
  return parseAuthInfo(event.authInfo).map(({ method }) => method).join(", ") || "-";
}

function lengthText({ event, closedAtMs, durationMs }: HistoryEntry): string {
  if (event.type === "close") return "logout";
  if (durationMs !== undefined) return formatDuration(durationMs);
  return closedAtMs === undefined ? "-" : "?";
}

/** What became of the notifications of the login and the logout together. */
function deliveryText({ verdict, deliveries }: HistoryEntry): string {
  if (verdict === undefined) return "not yet";
  if (verdict !== "notify" && deliveries.length === 0) return verdict === "allowlisted" ? "allowed" : "too old";
  if (deliveries.length === 0) return "no route";
  const count = (wanted: EntryDelivery["state"]) => deliveries.filter(({ state }) => state === wanted).length;
  if (count("dead") > 0) return "given up";
  if (count("pending") === 0) return "yes";
  return count("delivered") === 0 ? "not yet" : "in part";
}

/** An entry for programs: names in snake_case, instants as in ISO 8601, null for what is not there. */
export function historyJson(entry: HistoryEntry, { keyNames }: Pick<RowOptions, "keyNames">): unknown {
  const { event, address, keyFingerprints, verdict, reasons, tampered, closedAtMs, durationMs, deliveries } = entry;
  return {
    uuid: event.uuid,
    type: event.type === "open" ? "login" : "logout",
    at: isoInstant(event.occurredAtMs),
    user: event.user,
    address: address === "" ? null : address,
    remote_host: event.remoteHost,
    service: event.service,
    methods: tampered.length > 0 ? [] : parseAuthInfo(event.authInfo).map(({ method }) => method),
    keys: keyFingerprints.map((fingerprint) => ({ fingerprint, name: keyNames.get(fingerprint) ?? null })),
    logged_out_at: isoInstant(closedAtMs),
    duration_seconds: durationMs === undefined ? null : durationMs / 1000,
    verdict: verdict ?? null,
    unexpected: isUnexpected(entry),
    reasons,
    tampered,
    deliveries: deliveries.map(({ type, route, state, attempts, deliveredAtMs, lastError }) => ({
      of: type === "open" ? "login" : "logout",
      route,
      state,
      attempts,
      delivered_at: isoInstant(deliveredAtMs),
      last_error: lastError ?? null,
    })),
  };
}
