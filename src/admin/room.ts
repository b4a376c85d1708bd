// Looks at the room that the disks of the state directory have.

import { isFull, type Room } from "../store/room.ts";
import type { Findings } from "./finding.ts";

const ID = "disk.room";
const HINT = "make room";

/** With less than this, a person should make room while there is some. In bytes. */
export const LOW_BYTES = 64 * 1024 * 1024;

/** Looks at the room that there is, and says what is found. */
export function inspectRoom(rooms: ReadonlyMap<string, Room>, findings: Findings): void {
  for (const [directory, room] of rooms) {
    const { bytes, files } = room;
    const left = `${Math.floor(bytes / 1024 / 1024)} MiB${files === undefined ? "" : ` and ${files} files`} are left`;
    if (isFull(room)) findings.fault(ID, `there is no room in "${directory}": ${left}`, HINT);
    else if (bytes < LOW_BYTES) findings.warning(ID, `there is little room in "${directory}": ${left}`, HINT);
    else findings.pass(ID, `there is room in "${directory}"`);
  }
}
