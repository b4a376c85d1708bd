// Reads the events that the queue database refused: one JSON file each, written by `queue`, which also takes them away
// once it has put them into the database. All of it is hostile: files that can't be read are counted, and stay.

import type { SessionEvent } from "../event.ts";
import { messageOf } from "../failure.ts";
import type { StatePaths } from "../paths.ts";
import { listFolder, openPlainFile, statIfThere } from "./files.ts";
import { parseSpooled } from "./record.ts";

/** The most that is read of a file, in bytes; several times what a hook can write. */
const MAX_FILE_BYTES = 256 * 1024;

/** How a finished file is named; what the hook is still writing has another ending. */
const NAME = /^(.*)\.json$/s;

/** The spool can't be read. The message says why, and what to do. */
export class SpoolError extends Error {
  override readonly name = "SpoolError";
}

/** What lies in the spool. */
export interface Spooled {
  readonly count: number;
  /** When the oldest file was written, in milliseconds since the epoch. */
  readonly oldestAtMs?: number;
}

/** Some events of the spool. */
export interface SpoolPage {
  readonly events: readonly SessionEvent[];
  /** Whether this is the end of the listing. */
  readonly isLast: boolean;
}

/** A folder of spool files, for one run. */
export class Spool {
  readonly directory: string;
  /** Names that are left of the last listing, the first one last; undefined: to be listed anew. */
  #left: string[] | undefined;
  /** Names that need no look any more in this run. */
  readonly #done = new Set<string>();
  readonly #unreadable = new Set<string>();
  /** What has gone wrong with a file of this listing, as no file may be looked at. */
  #failure: unknown;

  constructor({ spoolDir }: Pick<StatePaths, "spoolDir">) {
    this.directory = spoolDir;
  }

  /** The names of the files, in the last listing, that were read in this run and hold no event. */
  get unreadable(): readonly string[] {
    return [...this.#unreadable];
  }

  /**
   * Reads some files, lowest name first, for events that were not read in this run and that the store does not know.
   * The folder is listed again only at the end of the last listing, so that in a full folder a page costs no more than
   * usual.
   *
   * @param options.limit the most files to read
   * @param options.knows whether the store has an event
   * @throws {SpoolError} where the folder can't be listed, or what stands there can't be looked at
   */
  read({ limit, knows }: { limit: number; knows: (uuid: string) => boolean }): SpoolPage {
    const events: SessionEvent[] = [];
    const left = this.#left ??= this.#list();
    for (let looks = 0; looks < limit; looks++) {
      const name = left.pop();
      if (name === undefined) break;
      try {
        const event = this.#look(name, knows);
        if (event !== undefined) events.push(event);
      } catch (error) {
        // Told once all else was read: it keeps no other from that.
        this.#failure ??= error;
      }
    }
    const isLast = left.length === 0;
    if (isLast) this.#left = undefined;
    const failure = this.#failure;
    if (events.length > 0 || failure === undefined || !isLast) {
      return { events, isLast: isLast && failure === undefined };
    }
    this.#failure = undefined;
    throw failure;
  }

  /** The names that this run has not read, the first one last. */
  #list(): string[] {
    const names = this.#names();
    const there = new Set(names);
    for (const name of this.#unreadable) if (!there.has(name)) this.#unreadable.delete(name);
    return names.filter((name) => !this.#done.has(name)).reverse();
  }

  /** The event in a file; undefined if there is none, or if it is known. */
  #look(name: string, knows: (uuid: string) => boolean): SessionEvent | undefined {
    const uuid = uuidOf(name);
    const event = uuid !== undefined && knows(uuid) ? "known" : this.#readFile(name, uuid);
    if (event === "gone") return undefined;
    this.#done.add(name);
    if (event === "unreadable") this.#unreadable.add(name);
    return typeof event === "string" ? undefined : event;
  }

  /**
   * What lies there, without reading it.
   *
   * @throws {SpoolError} where the folder can't be listed, or what stands there can't be looked at
   */
  inspect(): Spooled {
    let oldestAtMs = Infinity;
    const names = this.#names();
    for (const name of names) {
      const atMs = this.#writtenAtMs(name);
      if (atMs !== undefined) oldestAtMs = Math.min(oldestAtMs, atMs);
    }
    return { count: names.length, ...(oldestAtMs === Infinity ? {} : { oldestAtMs }) };
  }

  #names(): string[] {
    try {
      if (statIfThere(this.directory) === undefined) return [];
      return listFolder(this.directory).map(({ name }) => name).filter((name) => NAME.test(name)).sort();
    } catch (cause) {
      throw this.#error(cause);
    }
  }

  /** Undefined where the file has gone. */
  #writtenAtMs(name: string): number | undefined {
    try {
      return statIfThere(`${this.directory}/${name}`)?.mtime?.getTime();
    } catch (cause) {
      // Its owner may have made the folder one that can be listed, but not entered.
      throw this.#error(cause);
    }
  }

  #error(cause: unknown): SpoolError {
    return new SpoolError(`Cannot read the spool "${this.directory}": ${messageOf(cause)}; its events are kept`, {
      cause,
    });
  }

  /** A file may be gone, since a hook has moved it into the database. */
  #readFile(name: string, uuid: string | undefined): SessionEvent | "unreadable" | "gone" {
    try {
      const record = readSpoolFile(`${this.directory}/${name}`);
      const event = record === undefined ? undefined : parseSpooled(record);
      // The name is what the store is asked for, so a file that holds another event holds none.
      if (event !== undefined && event.uuid === uuid) return event;
    } catch {
      // A link, a FIFO, a file that may not be read: whatever it is, a person has to look at it.
    }
    return this.#writtenAtMs(name) === undefined ? "gone" : "unreadable";
  }
}

/**
 * The text of a spool file; undefined if it is gone, or longer than any that a hook writes.
 *
 * @throws {NotPlainError} and what the disk says
 */
export function readSpoolFile(path: string): string | undefined {
  using file = openPlainFile(path);
  if (file === undefined || file.size > MAX_FILE_BYTES) return undefined;
  const bytes = new Uint8Array(file.size);
  return new TextDecoder().decode(bytes.subarray(0, file.read(bytes, 0)));
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** The event that a file is named after. */
function uuidOf(name: string): string | undefined {
  const uuid = name.replace(NAME, "$1");
  return UUID.test(uuid) ? uuid : undefined;
}
