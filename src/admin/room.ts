// Looks at the room that the disks of the state directory have.

import { isFull, type Room } from "../store/room.ts";
import type { Findings } from "./finding.ts";

const AREA = "disk";
const MEND = "make room";

/** With less than this, a person should make room while there is some. In bytes. */
const LOW_BYTES = 64 * 1024 * 1024;

/** Looks at the room that there is, and says what is found. */
export function inspectRoom(rooms: ReadonlyMap<string, Room>, findings: Findings): void {
  for (const [directory, room] of rooms) {
    const { bytes, files } = room;
    const left = `${Math.floor(bytes / 1024 / 1024)} MiB${files === undefined ? "" : ` and ${files} files`} are left`;
    if (isFull(room)) findings.fault(AREA, `there is no room in "${directory}": ${left}`, MEND);
    else if (bytes < LOW_BYTES) findings.warning(AREA, `there is little room in "${directory}": ${left}`, MEND);
    else findings.pass(AREA, `there is room in "${directory}"`);
  }
}
