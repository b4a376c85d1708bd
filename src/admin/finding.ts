// What `check` finds: one line each, with what to do about it.

import type { Area, Id } from "../ids.ts";

/** `fault`: events can be lost, forged, or go unseen until it is mended. `warning`: less safe than it could be. */
export type Level = "pass" | "warning" | "fault";

/** One thing that was looked at. */
export interface Finding {
  readonly level: Level;
  /** What was found; what was examined, where nothing is wrong with it. */
  readonly id: Id;
  /** Where to look: the first part of the id. */
  readonly area: Area;
  readonly message: string;
  /** What to do about it; a sentence without a period. Empty for a pass. */
  readonly hint: string;
}

/** Collects what is found. */
export class Findings {
  readonly #all: Finding[] = [];

  get all(): readonly Finding[] {
    return this.#all;
  }

  pass(id: Id, message: string): void {
    this.#add("pass", id, message, "");
  }

  warning(id: Id, message: string, hint: string): void {
    this.#add("warning", id, message, hint);
  }

  fault(id: Id, message: string, hint: string): void {
    this.#add("fault", id, message, hint);
  }

  #add(level: Level, id: Id, message: string, hint: string): void {
    this.#all.push({ level, id, area: id.split(".", 1)[0] as Area, message, hint });
  }

  /** Whether anything is at fault, of one area or of all. */
  hasFault(area?: Area): boolean {
    return this.#all.some((finding) => finding.level === "fault" && (area ?? finding.area) === finding.area);
  }
}

/** The longest id, in characters. */
const ID_WIDTH = 24;

/** A finding as a person reads it. */
export function findingLine({ level, id, message, hint }: Finding): string {
  return `${level.padEnd(7)}  ${id.padEnd(ID_WIDTH)}  ${message}${hint === "" ? "" : `; hint: ${hint}`}`;
}
