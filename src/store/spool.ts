// Reads the events that the queue database refused: one JSON file each, written by `queue`, which also takes them away
// once it has put them into the database. Anything may stand there: what can't be read becomes an event that says so.

import { createHash } from "node:crypto";
import type { SessionEvent } from "../event.ts";
import { messageOf } from "../failure.ts";
import type { StatePaths } from "../paths.ts";
import { NotPlainError, openPlainFile, statIfThere } from "./files.ts";
import { parseSpooled, unreadableEvent } from "./record.ts";

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

/** An event of the spool, and whether the file held none: then it says so. */
interface SpooledEvent {
  readonly event: SessionEvent;
  readonly isUnreadable: boolean;
}

/** The folder of spool files, for one run. */
export class Spool {
  readonly #directory: string;
  /** Names that are left of the last listing, the first one last; undefined: to be listed anew. */
  #left: string[] | undefined;
  /** Names that need no look any more in this run. */
  readonly #done = new Set<string>();
  readonly #unreadable = new Set<string>();
  /** What has gone wrong with a file of this listing, as no file may be looked at. */
  #failure: unknown;

  constructor({ spoolDir }: Pick<StatePaths, "spoolDir">) {
    this.#directory = spoolDir;
  }

  /** The names of the files, met so far in this run, that hold no event. */
  get unreadable(): readonly string[] {
    return [...this.#unreadable];
  }

  /**
   * Events that were not read in this run and that the store does not know, oldest file name first. The folder is listed
   * anew once the last listing has come to its end: whoever fills it must not make each page cost as much as all.
   *
   * @param options.limit how many at most
   * @param options.knows whether the store has an event
   * @throws {SpoolError} where the folder can't be listed, or what stands there can't be looked at
   */
  read({ limit, knows }: { limit: number; knows: (uuid: string) => boolean }): SessionEvent[] {
    const events: SessionEvent[] = [];
    this.#left ??= this.#names().reverse();
    while (events.length < limit) {
      const name = this.#left.pop();
      if (name === undefined) {
        this.#left = undefined;
        break;
      }
      if (this.#done.has(name)) continue;
      const uuid = uuidOf(name);
      if (uuid !== undefined && knows(uuid)) {
        this.#done.add(name);
        continue;
      }
      let spooled: SpooledEvent | undefined;
      try {
        spooled = this.#readFile(name, uuid);
      } catch (error) {
        // Told once all else was read: it keeps no other from that.
        this.#failure ??= error;
        continue;
      }
      if (spooled === undefined) continue;
      this.#done.add(name);
      if (spooled.isUnreadable) this.#unreadable.add(name);
      events.push(spooled.event);
    }
    const failure = this.#failure;
    if (events.length > 0 || failure === undefined) return events;
    this.#failure = undefined;
    throw failure;
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
      const info = statIfThere(this.#directory);
      if (info === undefined) return [];
      if (!info.isDirectory) throw new NotPlainError("it is not a folder");
      return [...Deno.readDirSync(this.#directory)].map(({ name }) => name).filter((name) => NAME.test(name)).sort();
    } catch (cause) {
      throw this.#error(cause);
    }
  }

  /** Undefined where the file has gone. */
  #writtenAtMs(name: string): number | undefined {
    try {
      return statIfThere(`${this.#directory}/${name}`)?.mtime?.getTime();
    } catch (cause) {
      // Its owner may have made the folder one that can be listed, but not entered.
      throw this.#error(cause);
    }
  }

  #error(cause: unknown): SpoolError {
    return new SpoolError(`Cannot read the spool "${this.#directory}": ${messageOf(cause)}; its events are kept`, {
      cause,
    });
  }

  /** Undefined where the file has gone, as it does once a hook has put it into the database. */
  #readFile(name: string, uuid: string | undefined): SpooledEvent | undefined {
    const path = `${this.#directory}/${name}`;
    try {
      using file = openPlainFile(path);
      if (file === undefined) return undefined;
      const bytes = new Uint8Array(Math.min(file.size, MAX_FILE_BYTES));
      const length = file.read(bytes, 0);
      const event = file.size > MAX_FILE_BYTES
        ? undefined
        : parseSpooled(new TextDecoder().decode(bytes.subarray(0, length)));
      // The name is what the store is asked for, so a file that holds another event holds none.
      if (event !== undefined && event.uuid === uuid) return { event, isUnreadable: false };
    } catch {
      // A link, a FIFO, a file that may not be read: whatever it is, a person has to look at it.
    }
    const writtenAtMs = this.#writtenAtMs(name);
    return writtenAtMs === undefined
      ? undefined
      : { event: unreadableEvent(unreadableUuidOf(name), writtenAtMs), isUnreadable: true };
  }
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** The event that a file is named after. */
function uuidOf(name: string): string | undefined {
  const uuid = name.replace(NAME, "$1");
  return UUID.test(uuid) ? uuid : undefined;
}

/** Names the event which says that a file holds none: the same in every run, and harmless wherever it is put. */
function unreadableUuidOf(name: string): string {
  return `spool-${createHash("sha256").update(name).digest("hex").slice(0, 32)}`;
}
