import assert from "node:assert/strict";
import { Findings } from "../../../src/admin/check/finding.ts";
import { inspectRoom } from "../../../src/admin/check/disk_space.ts";
import { type DiskSpace, diskSpace, isFull } from "../../../src/store/disk_space.ts";
import { statePaths } from "../../../src/paths.ts";
import { assertAllFound, type LevelAndId } from "../../helpers/findings.ts";

const MIB = 1024 * 1024;

Deno.test("inspectRoom() reports a full disk, and warns about an almost full one", () => {
  const table: [room: DiskSpace, expected: [LevelAndId, ...string[]]][] = [
    [{ bytes: 64 * MIB, files: 10 }, ["pass disk.room", '"/a"']],
    [{ bytes: 64 * MIB, files: undefined }, ["pass disk.room", '"/a"']],
    [{ bytes: 64 * MIB - 1, files: 10 }, ["warning disk.room", '"/a"', " 63 MiB", " 10 files"]],
    [{ bytes: MIB, files: undefined }, ["warning disk.room", " 1 MiB"]],
    [{ bytes: MIB - 1, files: undefined }, ["fault disk.room", '"/a"', " 0 MiB"]],
    [{ bytes: 0, files: 1_000 }, ["fault disk.room"]],
    [{ bytes: 64 * MIB, files: 9 }, ["fault disk.room", '"/a"', " 64 MiB", " 9 files"]],
  ];
  for (const [room, expected] of table) {
    const findings = new Findings();
    inspectRoom(new Map([["/a", room]]), findings);
    assertAllFound(findings.all, [expected]);
    assert.equal(findings.hasFault(), isFull(room));
  }
});

Deno.test("diskSpace() returns the free space for folders that exist", () => {
  const paths = statePaths(Deno.makeTempDirSync({ prefix: "room-test-" }));
  try {
    assert.deepEqual([...diskSpace(paths)], []);
    // A folder that cannot be read is not an error.
    assert.deepEqual([...diskSpace(statePaths("/dev/null"))], []);
    Deno.mkdirSync(paths.queueDir);
    const [[directory, room] = [], ...others] = diskSpace(paths);
    assert.deepEqual([directory, others], [paths.queueDir, []]);
    assert.ok(room !== undefined && room.bytes > 0);
  } finally {
    Deno.removeSync(paths.queueDir.replace(/\/queue$/, ""), { recursive: true });
  }
});
