// Reads the file of the last resort: the environments of logins for which the hook could not run. pam_exec appends them
// to a file owned by root, with `*** date` before each and a NUL after each variable. Only a boot empties the file.
// Parallel logins may swap the order of headers and bodies, and a full disk may truncate an entry anywhere.

import { createHash } from "node:crypto";
import type { SessionEvent } from "../event.ts";
import { type Environment, readSessionEvent } from "../hook/environment.ts";
import { messageOf } from "../failure.ts";
import { openPlainFile, type PlainFile } from "../sqlite/files.ts";
import { SourceError } from "./record.ts";

/** The size at which the PAM line stops writing to the file (`prlimit --fsize`), in bytes. */
export const MAX_UNRECORDED_BYTES = 1024 * 1024;

/** Page size, in bytes. A longer entry is unreadable. */
const PAGE_BYTES = 256 * 1024;

/** If a page has no end of an entry, this much of it is read again, in bytes, because the page may have cut that end. */
const OVERLAP_BYTES = 8 * 1024;

/** The most entries in a page. */
const MAX_ENTRIES = 100;

/** How many of its first bytes identify a file, together with its inode, which may be reused after a boot. */
const HEAD_BYTES = 256;

/** What pam_exec writes before the output of its command. */
const HEADER = /\*\*\* \w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d \d{4}\n/g;

/** The last variable of an environment, set by pam_exec itself (pam_exec.c). */
const LAST_VARIABLE = "PAM_TYPE=open_session";

/** The position up to which the file was read. */
export interface UnrecordedPosition {
  /** Identifies the file; empty if it does not exist. */
  readonly file: string;
  readonly offset: number;
}

/** Before the first entry. */
export const UNRECORDED_START: UnrecordedPosition = { file: "", offset: 0 };

/** A page of entries, and the position after the last one. */
export interface UnrecordedPage {
  readonly events: readonly SessionEvent[];
  /** How many entries can't be read. */
  readonly unreadable: number;
  readonly position: UnrecordedPosition;
  /** Whether the previous position was in another file. */
  readonly isNewFile: boolean;
  /** Whether the file has reached {@link MAX_UNRECORDED_BYTES}, so that later logins are missing. */
  readonly isFull: boolean;
}

/**
 * Reads the entries after a position. An incomplete last entry is left for the next read.
 *
 * @param options.upTo entries that end after this offset are left for the next read
 * @throws {SourceError} if the file can't be read
 */
export function readUnrecorded(
  path: string,
  { position, upTo }: { position: UnrecordedPosition; upTo: number },
): UnrecordedPage {
  try {
    using file = openPlainFile(path);
    if (file === undefined || file.size === 0) {
      return { events: [], unreadable: 0, position: UNRECORDED_START, isNewFile: false, isFull: false };
    }
    const isNewFile = file.size < position.offset || position.file !== fileKey(file, position.offset);
    const start = isNewFile ? 0 : position.offset;
    const bytes = new Uint8Array(Math.max(0, Math.min(PAGE_BYTES, upTo - start)));
    const length = file.read(bytes, start);
    const { entries, unreadable, end } = parseEntries(bytes.subarray(0, length));
    // Unique across files and boots, and the same for the same bytes at the same place.
    const uuidOf = (entry: Entry) => `unrecorded-${hash(`${file.id} ${start + entry.start} `, entry.bytes)}`;
    // The modification time of the file, up to a minute or so late, because the header has no time zone.
    const occurredAtMs = Math.floor(file.mtimeMs);
    const events = entries.map((entry) => eventOf(entry, { uuid: uuidOf(entry), occurredAtMs }))
      .filter((event) => event !== undefined);
    return {
      events,
      unreadable: unreadable + entries.length - events.length,
      position: { file: fileKey(file, start + end), offset: start + end },
      isNewFile,
      isFull: file.size >= MAX_UNRECORDED_BYTES,
    };
  } catch (cause) {
    throw new SourceError(`Cannot read "${path}": ${messageOf(cause)}`, { cause });
  }
}

/** Identifies a file by its inode and the first bytes that were read. */
function fileKey(file: PlainFile, offset: number): string {
  const head = new Uint8Array(Math.min(HEAD_BYTES, offset));
  return `${file.id}:${hash("", head.subarray(0, file.read(head, 0)))}`;
}

function hash(text: string, bytes: Uint8Array): string {
  return createHash("sha256").update(text).update(bytes).digest("hex").slice(0, 32);
}

/** An environment: its variables in their original order, and its offset in the page. */
interface Entry {
  readonly start: number;
  readonly bytes: Uint8Array;
  readonly variables: readonly Uint8Array[];
}

/** Returns the complete entries of a page, the number of unreadable ones, and the offset of the next entry. */
function parseEntries(bytes: Uint8Array): { entries: Entry[]; unreadable: number; end: number } {
  const entries: Entry[] = [];
  let unreadable = 0;
  let cut = 0;
  let start = 0;
  let variables: Uint8Array[] = [];
  for (let at = 0; entries.length < MAX_ENTRIES;) {
    const nul = bytes.indexOf(0, at);
    if (nul === -1) break;
    const { afterHeader, wasCut } = withoutHeaders(bytes.subarray(at, nul), variables.length > 0);
    // A header starts a new entry, and bodies are written in one piece, so the entry before this header was truncated.
    if (wasCut) {
      cut++;
      variables = [];
    }
    variables.push(afterHeader);
    at = nul + 1;
    if (ascii(afterHeader) !== LAST_VARIABLE) continue;
    entries.push({ start, bytes: bytes.subarray(start, at), variables });
    variables = [];
    start = at;
    unreadable += cut;
    cut = 0;
  }
  // Not an entry, or one that is too long. The next page may begin with its last variables, which are read as an entry.
  if (entries.length === 0 && bytes.length === PAGE_BYTES) {
    return { entries, unreadable: 1, end: PAGE_BYTES - OVERLAP_BYTES };
  }
  return { entries, unreadable, end: start };
}

function withoutHeaders(bytes: Uint8Array, isInEntry: boolean): { afterHeader: Uint8Array; wasCut: boolean } {
  let end = 0;
  let isCut = isInEntry;
  for (const { index, 0: header } of ascii(bytes).matchAll(HEADER)) {
    if (index > end) isCut = true;
    end = index + header.length;
  }
  return { afterHeader: bytes.subarray(end), wasCut: end > 0 && isCut };
}

/** Decodes each byte as one character, so that indexes into text and bytes are the same. */
function ascii(bytes: Uint8Array): string {
  return LATIN1.decode(bytes);
}

const LATIN1 = new TextDecoder("latin1");
const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * Converts an entry to an event, with the same checks as for the hook's environment. The authentication is unknown: the
 * PAM line before the second try of the hook removes its variable (pam_env_retry.conf).
 */
function eventOf(
  { variables }: Entry,
  { uuid, occurredAtMs }: { readonly uuid: string; readonly occurredAtMs: number },
): SessionEvent | undefined {
  const environment = environmentOf(variables);
  const all = environment.toObject();
  if (all["PAM_USER"] === undefined && all["PAM_SERVICE"] === undefined) return undefined;
  const event = readSessionEvent(environment, { uuid, occurredAtMs, parentPid: 0 });
  return event === undefined ? undefined : { ...event, authInfo: "" };
}

/** The variables as `Deno.env` returns them: for a duplicate name, `get` the first value and `toObject` the last. */
function environmentOf(variables: readonly Uint8Array[]): Environment {
  const first = new Map<string, Uint8Array>();
  const last = new Map<string, Uint8Array>();
  for (const variable of variables) {
    const equals = variable.indexOf(0x3d);
    if (equals < 1) continue;
    const name = ascii(variable.subarray(0, equals));
    const value = variable.subarray(equals + 1);
    if (!first.has(name)) first.set(name, value);
    last.set(name, value);
  }
  return {
    get: (name) => {
      const value = first.get(name);
      return value === undefined ? undefined : UTF8.decode(value);
    },
    toObject: () =>
      Object.fromEntries([...last].flatMap(([name, value]) => {
        try {
          return [[name, UTF8.decode(value)]];
        } catch {
          return [];
        }
      })),
  };
}
