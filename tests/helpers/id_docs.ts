// The IDs of findings and errors in ssh-session-notifier(8), generated from src/ids.ts.

import { IDS } from "../../src/ids.ts";
import { paragraph } from "./mdoc.ts";

/** Every ID with its meaning, as mdoc. */
export function idLines(): string[] {
  return [
    ".Bl -tag -width Ds",
    ...Object.entries(IDS).flatMap(([id, meaning]) => [`.It Sy ${id.replaceAll("-", "\\-")}`, ...paragraph(meaning)]),
    ".El",
  ];
}
