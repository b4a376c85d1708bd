import assert from "node:assert/strict";
import { Findings } from "../../src/admin/finding.ts";
import { inspectRoom } from "../../src/admin/room.ts";
import { isFull, type Room, roomsOf } from "../../src/store/room.ts";
import { statePaths } from "../../src/paths.ts";

const MIB = 1024 * 1024;

Deno.test("inspectRoom() faults a disk without room for an event, and warns before", () => {
  const table: [room: Room, expected: RegExp][] = [
    [{ bytes: 64 * MIB, files: 10 }, /^pass: there is room in "\/a"$/],
    [{ bytes: 64 * MIB, files: undefined }, /^pass/],
    [{ bytes: 64 * MIB - 1, files: 10 }, /^warning: there is little room in "\/a": 63 MiB and 10 files are left$/],
    [{ bytes: MIB, files: undefined }, /^warning: .*: 1 MiB are left$/],
    [{ bytes: MIB - 1, files: undefined }, /^fault: there is no room in "\/a": 0 MiB are left$/],
    [{ bytes: 0, files: 1_000 }, /^fault/],
    [{ bytes: 64 * MIB, files: 9 }, /^fault: there is no room in "\/a": 64 MiB and 9 files are left$/],
  ];
  for (const [room, expected] of table) {
    const findings = new Findings();
    inspectRoom(new Map([["/a", room]]), findings);
    assert.match(findings.all.map(({ level, message }) => `${level}: ${message}`).join(), expected);
    assert.equal(findings.hasFault(), isFull(room));
  }
});

Deno.test("roomsOf() tells the room of what is there, and nothing of what is not", () => {
  const paths = statePaths(Deno.makeTempDirSync({ prefix: "room-test-" }));
  try {
    assert.deepEqual([...roomsOf(paths)], []);
    // What can't be looked at ends nothing.
    assert.deepEqual([...roomsOf(statePaths("/dev/null"))], []);
    Deno.mkdirSync(paths.queueDir);
    const [[directory, room] = [], ...others] = roomsOf(paths);
    assert.deepEqual([directory, others], [paths.queueDir, []]);
    assert.ok(room !== undefined && room.bytes > 0);
  } finally {
    Deno.removeSync(paths.queueDir.replace(/\/queue$/, ""), { recursive: true });
  }
});
