// Reads the events that could not be inserted in the queue database. `queue` writes them as one JSON file each, and
// deletes a file after inserting it. All of it is hostile. Files that can't be read are counted, and stay.

import type { SessionEvent } from "../event.ts";
import { messageOf } from "../failure.ts";
import type { StatePaths } from "../paths.ts";
import { listFolder, openPlainFile, statIfThere } from "../sqlite/files.ts";
import { parseSpooled } from "./record.ts";

/** The largest file that is read, in bytes; several times larger than a hook can write. */
const MAX_FILE_BYTES = 256 * 1024;

/** The name of a complete file; a file that the hook is still writing has another suffix. */
const NAME = /^(.*)\.json$/s;

/** A spool, or the file of the last resort, can't be read. The message contains the reason. */
export class SpoolError extends Error {
  override readonly name = "SpoolError";
}

/** The content of the spool. */
export interface Spooled {
  readonly count: number;
  /** Modification time of the oldest file, in milliseconds since the epoch. */
  readonly oldestAtMs?: number;
}

/** A page of events from the spool. */
export interface SpoolPage {
  readonly events: readonly SessionEvent[];
  /** Whether this page is the last one of the listing. */
  readonly isLast: boolean;
}

/** A directory of spool files, for one run. */
export class Spool {
  readonly directory: string;
  /** The names of the last listing that are not read yet, in reverse order; undefined if a new listing is needed. */
  #left: string[] | undefined;
  /** The names that were read in this run. */
  readonly #done = new Set<string>();
  readonly #unreadable = new Set<string>();
  /** The first error of this listing, such as a directory that can't be searched. */
  #failure: unknown;

  constructor({ spoolDir }: Pick<StatePaths, "spoolDir">) {
    this.directory = spoolDir;
  }

  /** The names of the files of the last listing that were read in this run and are not an event. */
  get unreadable(): readonly string[] {
    return [...this.#unreadable];
  }

  /**
   * Reads the events that were not read in this run and that the store does not know, in order of name. Lists the
   * directory again only after the last page, so a page costs the same in a large directory.
   *
   * @param options.limit the most files to read
   * @param options.knows whether the store has an event
   * @throws {SpoolError} if the directory can't be listed, or a file in it can't be examined
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
        // Thrown once all other files are read, because it must not block them.
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

  /** The names that this run has not read, in reverse order. */
  #list(): string[] {
    const names = this.#names();
    const there = new Set(names);
    for (const name of this.#unreadable) if (!there.has(name)) this.#unreadable.delete(name);
    return names.filter((name) => !this.#done.has(name)).reverse();
  }

  /** The event in a file; undefined if it has none, or if the store knows it. */
  #look(name: string, knows: (uuid: string) => boolean): SessionEvent | undefined {
    const uuid = uuidOf(name);
    const event = uuid !== undefined && knows(uuid) ? "known" : this.#readFile(name, uuid);
    if (event === "gone") return undefined;
    this.#done.add(name);
    if (event === "unreadable") this.#unreadable.add(name);
    return typeof event === "string" ? undefined : event;
  }

  /**
   * Counts the files, without reading them.
   *
   * @throws {SpoolError} if the directory can't be listed, or a file in it can't be examined
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

  /** The modification time of a file; undefined if it is gone. */
  #writtenAtMs(name: string): number | undefined {
    try {
      return statIfThere(`${this.directory}/${name}`)?.mtime?.getTime();
    } catch (cause) {
      // The owner may have removed the search permission of the directory.
      throw this.#error(cause);
    }
  }

  #error(cause: unknown): SpoolError {
    return new SpoolError(`Cannot read the spool "${this.directory}": ${messageOf(cause)}; its events are kept`, {
      cause,
    });
  }

  /** Reads the event of a file. The file may be gone, because a hook has moved it to the database. */
  #readFile(name: string, uuid: string | undefined): SessionEvent | "unreadable" | "gone" {
    try {
      const record = readSpoolFile(`${this.directory}/${name}`);
      const event = record === undefined ? undefined : parseSpooled(record);
      // The store is asked for the UUID in the file name, so a file with another event is rejected.
      if (event !== undefined && event.uuid === uuid) return event;
    } catch {
      // A link, a FIFO, or a file without read permission: an administrator has to examine it.
    }
    return this.#writtenAtMs(name) === undefined ? "gone" : "unreadable";
  }
}

/**
 * Reads a spool file.
 *
 * @returns its text; undefined if it is gone, or larger than a hook can write
 * @throws {NotPlainError} and errors of the disk
 */
export function readSpoolFile(path: string): string | undefined {
  using file = openPlainFile(path);
  if (file === undefined || file.size > MAX_FILE_BYTES) return undefined;
  const bytes = new Uint8Array(file.size);
  return new TextDecoder().decode(bytes.subarray(0, file.read(bytes, 0)));
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** The UUID in the name of a file; undefined if it has none. */
function uuidOf(name: string): string | undefined {
  const uuid = name.replace(NAME, "$1");
  return UUID.test(uuid) ? uuid : undefined;
}
