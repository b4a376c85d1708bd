// The findings of `check`: one line each, with a hint.

import type { Area, Id } from "../../ids.ts";

/** `fault`: events can be lost, forged or not notified until it is fixed. `warning`: less safe than it could be. */
export type Level = "pass" | "warning" | "fault";

/** The result of one check. */
export interface Finding {
  readonly level: Level;
  /** What was found, or for a pass, what was checked. */
  readonly id: Id;
  /** The part of the id before the dot. */
  readonly area: Area;
  readonly message: string;
  /** What to do about it; a sentence without a period. Empty for a pass. */
  readonly hint: string;
}

/** Collects findings. */
export class Findings {
  readonly #all: Finding[];
  readonly #prefix: string;

  constructor(all: Finding[] = [], prefix = "") {
    this.#all = all;
    this.#prefix = prefix;
  }

  /** Collects into the same list, with a prefix before each message. */
  withPrefix(prefix: string): Findings {
    return new Findings(this.#all, prefix);
  }

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
    this.#all.push({ level, id, area: id.split(".", 1)[0] as Area, message: this.#prefix + message, hint });
  }

  /** Whether there is a fault, in one area or in all. */
  hasFault(area?: Area): boolean {
    return this.#all.some((finding) => finding.level === "fault" && (area ?? finding.area) === finding.area);
  }
}

/** Maximum length of an id, in characters. */
const ID_WIDTH = 24;

/** Formats a finding for people. */
export function findingLine({ level, id, message, hint }: Finding): string {
  return `${level.padEnd(7)}  ${id.padEnd(ID_WIDTH)}  ${message}${hint === "" ? "" : `; hint: ${hint}`}`;
}
