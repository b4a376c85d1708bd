// An event as the store of `send` keeps it: the fact, and what was decided about it.

import type { SessionEvent } from "../event.ts";

/** An event with its number in the store. */
export interface StoredEvent extends SessionEvent {
  readonly id: number;
  /** Whether it comes from the last resort: the hook could not run. Default: false. */
  readonly isUnrecorded?: boolean;
}

/** An event with what was decided about it. */
export interface JudgedEvent extends StoredEvent {
  readonly urgent: boolean;
  /** The client's address in its usual form; empty if it is not known. */
  readonly address: string;
  /** `SHA256:…` of the key that the user came with; empty where there was none. */
  readonly keyFingerprint: string;
  /** Why it is unexpected, a few words each, of hostile text; tampering is told by `tampered` alone. */
  readonly reasons: readonly string[];
  /** Whether it may have been delivered before: the store that knew was lost. */
  readonly isRepeat: boolean;
  /** Of a close: the open event of its session, if that is known. */
  readonly openedBy?: number;
  /** Of a close: how long the session was, if that is known. */
  readonly durationMs?: number;
}

/** The event that a row of `event` holds. */
export function eventOf(row: Record<string, unknown>): StoredEvent {
  const text = (column: string) => String(row[column]);
  return {
    id: Number(row["id"]),
    uuid: text("uuid"),
    occurredAtMs: Number(row["occurred_at_ms"]),
    type: row["type"] === "open" ? "open" : "close",
    user: text("user"),
    remoteHost: text("remote_host"),
    terminal: text("terminal"),
    service: text("service"),
    connection: text("connection"),
    authInfo: text("auth_info"),
    parentPid: Number(row["parent_pid"]),
    ...(row["uptime_s"] === null ? {} : { uptimeSeconds: Number(row["uptime_s"]) }),
    tampered: text("tampered").split(" ").filter((name) => name !== ""),
    ...(row["is_unrecorded"] === 1 ? { isUnrecorded: true } : {}),
  };
}

/** The event that a row of `event` holds, with `urgent` of its delivery. */
export function judgedEventOf(row: Record<string, unknown>): JudgedEvent {
  return {
    ...eventOf(row),
    urgent: row["urgent"] === 1,
    address: String(row["address"]),
    keyFingerprint: String(row["key_fingerprint"]),
    reasons: JSON.parse(String(row["reasons"])),
    isRepeat: row["is_repeat"] === 1,
    ...(row["opened_by"] === null ? {} : { openedBy: Number(row["opened_by"]) }),
    ...(row["duration_ms"] === null ? {} : { durationMs: Number(row["duration_ms"]) }),
  };
}
