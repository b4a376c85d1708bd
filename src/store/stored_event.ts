// An event in the store of `send`: the recorded facts, and the decision about them.

import type { SessionEvent } from "../event.ts";

/** An event with its id in the store. */
export interface StoredEvent extends SessionEvent {
  readonly id: number;
  /** Whether it comes from the last resort: the hook could not run. Default: false. */
  readonly isUnrecorded?: boolean;
}

/** An event with the decision about it. */
export interface JudgedEvent extends StoredEvent {
  readonly urgent: boolean;
  /** The client's address in its canonical form; empty if unknown. */
  readonly address: string;
  /** `SHA256:…` of each key used to log in, separated by spaces; empty if there was none or it is not certain. */
  readonly keyFingerprint: string;
  /** Why it is unexpected, a few words each; may contain hostile text. Tampering is reported only in `tampered`. */
  readonly reasons: readonly string[];
  /** Whether it may have been delivered before, because the store was lost. */
  readonly isRepeat: boolean;
  /** For a close: the id of the open event of its session, if known. */
  readonly openedBy?: number;
  /** For a close: the duration of the session, if known. */
  readonly durationMs?: number;
}

/** Converts a row of `event` to an event. */
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

/** Converts a row of `event`, joined with `urgent` of its delivery, to a judged event. */
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
