// Parses the record of an event, which `queue` writes to its database or to the spool. All of it is hostile. Records that
// are not an event are counted, and reported in one notice: see unreadable.ts.

import * as v from "valibot";
import { cap, capAuthInfo, MAX_NAME_LENGTH, type SessionEvent } from "../event.ts";

/** A source of events can't be read. The message contains the reason. */
export class SourceError extends Error {
  override readonly name = "SourceError";
}

/** The longest record that is parsed, in bytes (from a damaged database: characters); more than a hook can write. */
export const MAX_RECORD_LENGTH = 128 * 1024;

/** The largest distance of a `Date` from the epoch, in milliseconds (ECMA-262, "Time Values and Time Range"). */
export const MAX_TIME_MS = 8.64e15;

const name = v.pipe(v.string(), v.transform((value) => cap(value, MAX_NAME_LENGTH)));

const recordSchema = v.object({
  type: v.picklist(["open", "close"]),
  user: name,
  remoteHost: name,
  terminal: name,
  service: name,
  connection: name,
  authInfo: v.pipe(v.string(), v.transform(capAuthInfo)),
  parentPid: v.pipe(v.number(), v.safeInteger()),
  // Older hooks did not record it.
  uptimeSeconds: v.exactOptional(v.pipe(v.number(), v.safeInteger(), v.minValue(0))),
  tampered: v.array(
    v.picklist(["PAM_TYPE", "PAM_USER", "PAM_RHOST", "PAM_TTY", "PAM_SERVICE", "SSH_CONNECTION", "SSH_AUTH_INFO_0"]),
  ),
});

/** Parses a row of the queue database: its record, and the UUID and time beside it. Undefined if it is not an event. */
export function parseRow({ uuid, occurredAtMs, record }: Record<string, unknown>): SessionEvent | undefined {
  const { success, output } = v.safeParse(recordSchema, parseJson(String(record)));
  return success && isTime(occurredAtMs) ? { uuid: String(uuid), occurredAtMs, ...output } : undefined;
}

const spooledSchema = v.object({ uuid: v.string(), occurredAtMs: v.custom<number>(isTime), ...recordSchema.entries });

/** Parses the text of a spool file; undefined if it is not an event. */
export function parseSpooled(json: string): SessionEvent | undefined {
  const { success, output } = v.safeParse(spooledSchema, parseJson(json));
  return success ? output : undefined;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isTime(value: unknown): value is number {
  return Number.isInteger(value) && Math.abs(Number(value)) <= MAX_TIME_MS;
}
