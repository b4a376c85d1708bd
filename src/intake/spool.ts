// Reads the events that could not be inserted in the queue database. `queue` writes them as one JSON file each, and
// deletes a file after inserting it. All of it is hostile. Files that can't be read are counted, and stay.

import type { SessionEvent } from "../event.ts";
import { messageOf } from "../failure.ts";
import { listFolder, openPlainFile, statIfThere } from "../sqlite/files.ts";
import { parseSpooled, SourceError } from "./record.ts";

/** The largest file that is read, in bytes; several times larger than a hook can write. */
const MAX_FILE_BYTES = 256 * 1024;

/** The end of the name of a complete file; a file that the hook is still writing has another suffix. */
const SUFFIX = ".json";

/** The content of the spool. */
export interface Spooled {
  readonly count: number;
  /** Modification time of the oldest file, in milliseconds since the epoch. */
  readonly oldestAtMs?: number;
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

  constructor(directory: string) {
    this.directory = directory;
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
   * @returns a page of events, and whether it is the last one of the listing
   * @throws {SourceError} if the directory can't be listed, or a file in it can't be examined
   */
  read(
    { limit, knows }: { limit: number; knows: (uuid: string) => boolean },
  ): { readonly events: readonly SessionEvent[]; readonly isLast: boolean } {
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
    const uuid = name.slice(0, -SUFFIX.length);
    const isKnown = UUID.test(uuid) && knows(uuid);
    const event = isKnown ? undefined : eventIn(`${this.directory}/${name}`);
    // The store is asked for the UUID in the file name, so a file with another event is rejected.
    const isReadable = isKnown || (UUID.test(uuid) && event?.uuid === uuid);
    // The file may be gone, because a hook has moved it to the database.
    if (!isReadable && this.#writtenAtMs(name) === undefined) return undefined;
    this.#done.add(name);
    if (isReadable) return event;
    this.#unreadable.add(name);
    return undefined;
  }

  /**
   * Counts the files, without reading them.
   *
   * @throws {SourceError} if the directory can't be listed, or a file in it can't be examined
   */
  inspect(): Spooled {
    const names = this.#names();
    const times = names.map((name) => this.#writtenAtMs(name)).filter((atMs) => atMs !== undefined);
    const oldestAtMs = times.reduce((oldest, atMs) => Math.min(oldest, atMs), Infinity);
    return { count: names.length, ...(oldestAtMs === Infinity ? {} : { oldestAtMs }) };
  }

  #names(): string[] {
    return this.#examine(() => {
      if (statIfThere(this.directory) === undefined) return [];
      return listFolder(this.directory).map(({ name }) => name).filter((name) => name.endsWith(SUFFIX)).sort();
    });
  }

  /** The modification time of a file; undefined if it is gone. */
  #writtenAtMs(name: string): number | undefined {
    // Fails if the owner has removed the search permission of the directory.
    return this.#examine(() => statIfThere(`${this.directory}/${name}`)?.mtime?.getTime());
  }

  #examine<T>(work: () => T): T {
    try {
      return work();
    } catch (cause) {
      const reason = messageOf(cause);
      throw new SourceError(`Cannot read the spool "${this.directory}": ${reason}; its events are kept`, { cause });
    }
  }
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

function eventIn(path: string): SessionEvent | undefined {
  try {
    const record = readSpoolFile(path);
    return record === undefined ? undefined : parseSpooled(record);
  } catch {
    // A link, a FIFO, or a file without read permission: an administrator has to examine it.
    return undefined;
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
