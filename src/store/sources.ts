// Notes about the sources of events: which were read completely, so that no run and no other command reads them again,
// and which could not be read. Every function is one statement.

import type { Database } from "../sqlite/open.ts";
import { query } from "../sqlite/prepared.ts";
import type { queueFaultId } from "./store_failure.ts";

/** A source that is read once. `looks`: its state when it was read; to read it again in the next run, empty. */
export interface ReadSource {
  readonly name: string;
  readonly looks: string;
  /** Why not all of it could be read. */
  readonly fault?: string | undefined;
}

/** Whether a source was read as far as possible, and has not changed since. */
export function isRead(database: Database, { name, looks }: ReadSource): boolean {
  return database.prepare("SELECT looks FROM salvaged WHERE name = ?").get(name)?.["looks"] === looks;
}

/** Notes that a source was read. Writes only if the note has changed. */
export function noteRead(database: Database, { name, looks, fault = "" }: ReadSource): void {
  database.prepare(
    `INSERT INTO salvaged (name, looks, fault) VALUES (:name, :looks, :fault)
     ON CONFLICT (name) DO UPDATE SET looks = :looks, fault = :fault WHERE looks <> :looks OR fault <> :fault`,
  ).run({ name, looks, fault });
}

/** A damaged queue database that could not be read completely. */
export interface UnreadQueue {
  readonly folder: string;
  readonly fault: string;
}

/** The damaged queue databases that could not be read completely, at most 100; their directories may be gone. */
export function unreadQueuesOf(database: Database): UnreadQueue[] {
  return query(database, "SELECT name AS folder, fault FROM salvaged WHERE fault <> '' ORDER BY name DESC LIMIT 100");
}

/** Why a source of events could not be read. */
export interface QueueFault {
  readonly id: ReturnType<typeof queueFaultId>;
  readonly message: string;
}

/** The queue as `send` last saw it. */
export interface QueueState {
  /** The state of the database when it was last read completely; empty before that. */
  readonly looks: string;
  /** Undefined if all sources could be read in the last pass. */
  readonly fault: QueueFault | undefined;
}

/** Reads the state of the queue. */
export function queueStateOf(database: Database): QueueState {
  const [row] = query<{ looks: string; id: QueueFault["id"] | ""; message: string }>(
    database,
    "SELECT queue_looks AS looks, queue_fault_id AS id, queue_fault AS message FROM store",
  );
  const { looks = "", id = "", message = "" } = row ?? {};
  return { looks, fault: id === "" ? undefined : { id, message } };
}

/** Notes that the queue database was read completely. Writes only if it has changed. */
export function noteQueueLooks(database: Database, looks: string): void {
  database.prepare("UPDATE store SET queue_looks = :looks WHERE queue_looks <> :looks").run({ looks });
}

/** Notes why a source of events could not be read; undefined if all were. Writes only if it has changed. */
export function noteQueueFault(database: Database, fault: QueueFault | undefined): void {
  const { id = "", message = "" } = fault ?? {};
  database.prepare(
    `UPDATE store SET queue_fault_id = :id, queue_fault = :message
     WHERE queue_fault_id <> :id OR queue_fault <> :message`,
  ).run({ id, message });
}
