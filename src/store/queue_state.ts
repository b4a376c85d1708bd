// What `send` knows about the queue, so that other commands need not read it. Every function is one statement.

import type { Id } from "../ids.ts";
import type { Database } from "../sqlite/open.ts";

/** Why a source of events could not be read. */
export interface QueueFault {
  readonly id: Extract<Id, "queue.not-readable" | "queue.unavailable" | "queue.read-only">;
  readonly message: string;
}

/** The queue as `send` last saw it. */
export interface QueueState {
  /** The state of the database when it was last read completely; empty before that. */
  readonly looks: string;
  /** Undefined if all sources could be read in the last pass. */
  readonly fault: QueueFault | undefined;
}

const FAULTS = ["queue.not-readable", "queue.unavailable", "queue.read-only"] as const;

/** Reads the state. */
export function queueStateOf(database: Database): QueueState {
  const row = database.prepare("SELECT queue_looks, queue_fault, queue_fault_id FROM store").get();
  const id = FAULTS.find((id) => id === row?.["queue_fault_id"]);
  const fault = id === undefined ? undefined : { id, message: String(row?.["queue_fault"]) };
  return { looks: String(row?.["queue_looks"] ?? ""), fault };
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
