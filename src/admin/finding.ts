// What `check` finds: one line each, with what to do about it.

/** `fault`: events can be lost, forged, or go unseen until it is mended. `warning`: less safe than it could be. */
export type Level = "pass" | "warning" | "fault";

/** One thing that was looked at. */
export interface Finding {
  readonly level: Level;
  /** Where to look, such as `binary`, `config`, `files`, `pam`, `delivery`. */
  readonly area: string;
  readonly message: string;
  /** What to do about it; a sentence without a period. Empty for a pass. */
  readonly mend: string;
}

/** Collects what is found. */
export class Findings {
  readonly #all: Finding[] = [];

  get all(): readonly Finding[] {
    return this.#all;
  }

  pass(area: string, message: string): void {
    this.#all.push({ level: "pass", area, message, mend: "" });
  }

  warning(area: string, message: string, mend: string): void {
    this.#all.push({ level: "warning", area, message, mend });
  }

  fault(area: string, message: string, mend: string): void {
    this.#all.push({ level: "fault", area, message, mend });
  }

  /** Whether anything is at fault, of one area or of all. */
  hasFault(area?: string): boolean {
    return this.#all.some((finding) => finding.level === "fault" && (area ?? finding.area) === finding.area);
  }
}

/** A finding as a person reads it. */
export function findingLine({ level, area, message, mend }: Finding): string {
  return `${level.padEnd(7)}  ${area.padEnd(9)}  ${message}${mend === "" ? "" : `; to mend it: ${mend}`}`;
}
