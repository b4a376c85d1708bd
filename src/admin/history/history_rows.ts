// Converts a HistoryEntry to cells of a table or to JSON, and escapes text from attackers. Pure.

import { parseAddress } from "../../session/address.ts";
import { formatDuration, isoInstant } from "../../text.ts";
import { oneLine } from "../../log.ts";
import type { Certificate } from "../../session/auth_key.ts";
import { localTime } from "../../send/render.ts";
import type { EntryDelivery, HistoryEntry } from "../../store/history.ts";
import type { Column } from "./table.ts";

/** The columns of the table. */
export const COLUMNS: readonly Column[] = [
  // Drops the seconds, and if that is not enough, the offset.
  {
    title: "WHEN",
    min: 22,
    least: 16,
    rank: 0,
    shorten: (time, width) => width < 22 ? time.slice(0, 16) : time.replace(/:\d\d(?=[+-])/, ""),
  },
  { title: "USER", min: 8, rank: 0 },
  { title: "FROM", min: 15, rank: 0 },
  { title: "PLACE", min: 12, rank: 6, isOptional: true },
  { title: "KEY", min: 12, rank: 7 },
  { title: "CERTIFICATE", min: 20, rank: 8, isOptional: true },
  // Keeps only the largest unit.
  { title: "LASTED", min: 9, least: 6, rank: 4, shorten: (duration) => duration.split(" ").slice(0, 2).join(" ") },
  { title: "NOTIFIED", min: 8, rank: 5 },
  { title: "UNEXPECTED", min: 11, rank: 1 },
];

/** Options of the functions that format entries. */
export interface RowOptions {
  /** An IANA time zone. */
  readonly timezone: string;
  /** The names of keys, by fingerprint. */
  readonly keyNames: ReadonlyMap<string, string>;
}

/** Returns the cells of an entry, one for each of {@link COLUMNS}. */
export function historyCells(entry: HistoryEntry, options: RowOptions): string[] {
  const { event } = entry;
  return [
    localTime(event.occurredAtMs, options.timezone),
    event.user,
    originText(entry),
    entry.place || "-",
    keyText(entry, options.keyNames),
    certificateText(entry, options.keyNames),
    lengthText(entry),
    deliveryText(entry),
    reasonTexts(entry).join("; "),
  ].map(oneLine);
}

/** The address, followed by the host name if sshd resolved it (`UseDNS`). */
function originText({ address, event: { remoteHost } }: HistoryEntry): string {
  if (address === "") return remoteHost || "-";
  return parseAddress(remoteHost) === undefined ? `${address}, ${remoteHost}` : address;
}

/** Whether an administrator should look at the entry. */
export function isUnexpected({ reasons, tampered }: HistoryEntry): boolean {
  return reasons.length + tampered.length > 0;
}

function reasonTexts({ reasons, tampered }: HistoryEntry): string[] {
  return [...tampered.length > 0 ? [`tampered with: ${tampered.join(", ")}`] : [], ...reasons];
}

/** The names of the keys, or their fingerprints; without a key, the other authentication methods. */
function keyText({ event, keyFingerprints, tampered }: HistoryEntry, keyNames: ReadonlyMap<string, string>): string {
  if (keyFingerprints.length > 0) return keyFingerprints.map((key) => keyNames.get(key) ?? key).join(", ");
  // A user who tampered with the event can have set this too, and at a logout without a login nothing confirms it.
  if (tampered.length > 0 || event.type === "close") return "-";
  return event.auth.map(({ method }) => method).join(", ") || "-";
}

/** The certificates in which the keys were, by the fingerprint of the key; of an event that is certain, see keyText(). */
function certificatesOf({ event, keyFingerprints }: HistoryEntry): ReadonlyMap<string, Certificate> {
  const keys = event.auth.flatMap(({ key }) => key ?? []);
  return new Map(
    keys.flatMap(({ fingerprint, certificate }) =>
      certificate !== undefined && keyFingerprints.includes(fingerprint) ? [[fingerprint, certificate]] : []
    ),
  );
}

/** The authority chose the id, so it is quoted. */
function certificateText(entry: HistoryEntry, keyNames: ReadonlyMap<string, string>): string {
  const texts = certificatesOf(entry).values().map(({ id, serial, authority }) => {
    const ca = authority === undefined
      ? ""
      : ` CA ${authority.type} ${keyNames.get(authority.fingerprint) ?? authority.fingerprint}`;
    return `"${id.replaceAll('"', "”")}" (serial ${serial})${ca}`;
  });
  return [...texts].join(", ") || "-";
}

/** A session without a logout is shown as possibly open, unless the host has restarted since. */
function lengthText({ event, closedAtMs, durationMs, mayBeOpen }: HistoryEntry): string {
  if (event.type === "close") return "logout";
  if (durationMs !== undefined) return formatDuration(durationMs);
  if (closedAtMs !== undefined) return "?";
  return mayBeOpen ? "open?" : "no logout recorded";
}

/** The state of the notifications of the login and the logout together. */
function deliveryText({ verdict, deliveries }: HistoryEntry): string {
  if (verdict === undefined) return "not yet";
  if (verdict !== "notify" && deliveries.length === 0) return verdict === "allowlisted" ? "allowed" : "too old";
  if (deliveries.length === 0) return "no route";
  const count = (wanted: EntryDelivery["state"]) => deliveries.filter(({ state }) => state === wanted).length;
  if (count("dead") > 0) return "given up";
  if (count("pending") === 0) return "yes";
  return count("delivered") === 0 ? "not yet" : "in part";
}

/** Formats an entry for programs: names in snake_case, instants in ISO 8601, null for missing values. */
export function historyJson(entry: HistoryEntry, { keyNames }: Pick<RowOptions, "keyNames">): unknown {
  const { event, address, keyFingerprints, verdict, reasons, tampered, closedAtMs, durationMs, deliveries } = entry;
  const certificates = certificatesOf(entry);
  const named = (fingerprint: string) => ({ fingerprint, name: keyNames.get(fingerprint) ?? null });
  return {
    uuid: event.uuid,
    type: event.type === "open" ? "login" : "logout",
    at: isoInstant(event.occurredAtMs),
    user: event.user,
    address: address === "" ? null : address,
    remote_host: event.remoteHost,
    place: entry.place || null,
    country_code: entry.countryCode || null,
    asn: entry.asn ?? null,
    service: event.service,
    methods: tampered.length > 0 ? [] : event.auth.map(({ method }) => method),
    keys: keyFingerprints.map((key) => {
      const certificate = certificates.get(key);
      if (certificate === undefined) return { ...named(key), certificate: null };
      const { id, serial, authority } = certificate;
      const ca = authority === undefined ? null : { type: authority.type, ...named(authority.fingerprint) };
      return { ...named(key), certificate: { id, serial, ca } };
    }),
    logged_out_at: isoInstant(closedAtMs),
    may_be_open: entry.mayBeOpen,
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
