// `check` and `status` warn about what `send` noted, and suggest to delete only what `repair` has moved aside.

import assert from "node:assert/strict";
import { warningsOf } from "../../src/admin/warnings.ts";
import { SourceError } from "../../src/intake/record.ts";
import { statePaths } from "../../src/paths.ts";

const OVERVIEW = { queue: { looks: "x", fault: undefined }, routes: [] };

function withState(test: (paths: ReturnType<typeof statePaths>) => void): void {
  const directory = Deno.makeTempDirSync({ prefix: "warnings-test-" });
  try {
    Deno.mkdirSync(`${directory}/queue`);
    test(statePaths(directory));
  } finally {
    Deno.removeSync(directory, { recursive: true });
  }
}

Deno.test("warningsOf() reports a damaged queue database that send could not read, until it is deleted", () => {
  withState((paths) => {
    const folder = `${paths.queueDir}/damaged-20261123T000000Z-2`;
    Deno.mkdirSync(folder);
    const overview = { ...OVERVIEW, unreadQueues: [{ folder, fault: "Input/output error" }] };
    const [warning, ...more] = warningsOf(paths, overview);
    assert.deepEqual([warning?.id, more], ["queue.damaged-unread", []]);
    assert.ok(warning?.message.includes(`"${folder}": Input/output error`));
    assert.ok(warning?.hint.endsWith(`: rm -r ${folder}`));
    Deno.removeSync(folder);
    assert.deepEqual(warningsOf(paths, overview), []);
    assert.deepEqual(warningsOf(paths, undefined), []);
  });
});

Deno.test("warningsOf() suggests to delete no other directory that a forged store names", () => {
  withState((paths) => {
    const { queueDir } = paths;
    Deno.mkdirSync(`${queueDir}/damaged-x;reboot`);
    Deno.mkdirSync(`${queueDir}/db`);
    Deno.symlinkSync("/etc", `${queueDir}/damaged-link`);
    const forged = ["/etc", "", queueDir, `${queueDir}/`, `${queueDir}/db`, `${queueDir}/damaged-x;reboot`];
    forged.push(`${queueDir}/damaged-link`, `${queueDir}/damaged-1/../db`, `/etc/damaged-1`);
    const unreadQueues = forged.map((folder) => ({ folder, fault: "x" }));
    assert.deepEqual(warningsOf(paths, { ...OVERVIEW, unreadQueues }), []);
  });
});

Deno.test("warningsOf() says which directory it cannot examine", () => {
  const paths = statePaths("/etc/passwd");
  const folder = `${paths.queueDir}/damaged-1`;
  const overview = { ...OVERVIEW, unreadQueues: [{ folder, fault: "x" }] };
  assert.throws(
    () => warningsOf(paths, overview),
    (error) => error instanceof SourceError && error.message.includes(`"${folder}"`),
  );
});

Deno.test("warningsOf() reports why the daily backup fails", () => {
  withState((paths) => {
    const [warning, ...more] = warningsOf(paths, { ...OVERVIEW, backupFault: "database or disk is full" });
    assert.deepEqual([warning?.id, more], ["store.backup-failing", []]);
    assert.ok(warning?.message.includes(`"${paths.deliveriesBackup}" of its store: database or disk is full`));
  });
});
