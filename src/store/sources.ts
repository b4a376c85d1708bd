// Notes about the sources of events: which were read completely, so that no run and no other command reads them again,
// and which could not be read. Every function is one statement.

import type { Database } from "../sqlite/open.ts";
import { query } from "../sqlite/prepared.ts";
import type { queueFaultId } from "./store_failure.ts";

/** A source that is read once. `looks`: its state when it was read. */
export interface ReadSource {
  readonly name: string;
  readonly looks: string;
}

/** Whether a source was read completely, and has not changed since. */
export function isRead(database: Database, { name, looks }: ReadSource): boolean {
  return database.prepare("SELECT looks FROM salvaged WHERE name = ?").get(name)?.["looks"] === looks;
}

/** Notes that a source was read completely. */
export function noteRead(database: Database, { name, looks }: ReadSource): void {
  database.prepare("INSERT OR REPLACE INTO salvaged (name, looks) VALUES (?, ?)").run(name, looks);
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
