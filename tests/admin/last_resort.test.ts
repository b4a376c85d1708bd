// Places that should be empty are a fault while they are not; the file of the last resort for a day.

import assert from "node:assert/strict";
import { Findings } from "../../src/admin/finding.ts";
import { inspectLastResort } from "../../src/admin/last_resort.ts";
import { lastResortProblems } from "../../src/store/last_resort.ts";
import { statePaths } from "../../src/paths.ts";
import { MAX_UNRECORDED_BYTES } from "../../src/store/unrecorded.ts";

const NOW = Date.UTC(2026, 10, 23);
const HOUR = 60 * 60 * 1000;

function found(prepare: (paths: ReturnType<typeof statePaths>) => void, lastRunAtMs: number | undefined = NOW) {
  const directory = Deno.makeTempDirSync({ prefix: "last-resort-test-" });
  try {
    const paths = statePaths(directory);
    Deno.mkdirSync(paths.runSpoolDir, { recursive: true });
    prepare(paths);
    const sources = { paths, lastRunAtMs, nowMs: NOW };
    const findings = new Findings();
    inspectLastResort(sources, findings);
    const problems = lastResortProblems(sources);
    assert.equal(findings.hasFault(), problems.length > 0);
    return problems.join();
  } finally {
    Deno.removeSync(directory, { recursive: true });
  }
}

function write(path: string, { bytes = 100, agoMs = 0 } = {}): void {
  Deno.writeFileSync(path, new Uint8Array(bytes));
  Deno.utimeSync(path, (NOW - agoMs) / 1000, (NOW - agoMs) / 1000);
}

Deno.test("the file of the last resort is a fault for 24 hours, and until send has read it", () => {
  assert.equal(found(() => {}), "");
  assert.equal(found(({ unrecordedFile }) => write(unrecordedFile, { bytes: 0 })), "");
  assert.match(found(({ unrecordedFile }) => write(unrecordedFile)), /^the hook could not run at a login/);
  assert.match(found(({ unrecordedFile }) => write(unrecordedFile, { agoMs: 23 * HOUR })), /could not run/);
  assert.equal(found(({ unrecordedFile }) => write(unrecordedFile, { agoMs: 25 * HOUR })), "");
  assert.match(
    found(({ unrecordedFile }) => write(unrecordedFile, { agoMs: 25 * HOUR }), NOW - 30 * HOUR),
    /could not/,
  );
  // A clock that was set back since.
  assert.match(found(({ unrecordedFile }) => write(unrecordedFile, { agoMs: -99 * HOUR })), /could not run/);
});

Deno.test("the file of the last resort stays a fault once it is full", () => {
  const full = { bytes: MAX_UNRECORDED_BYTES, agoMs: 1_000 * HOUR };
  assert.match(found(({ unrecordedFile }) => write(unrecordedFile, full)), /^logins may be missing/);
});

Deno.test("anything but a plain file in its place is a fault", () => {
  assert.match(found(({ unrecordedFile }) => Deno.symlinkSync("/etc/passwd", unrecordedFile)), /not a plain file/);
});

Deno.test("the spool in /run is a fault while there is anything in it", () => {
  assert.match(found(({ runSpoolDir }) => write(`${runSpoolDir}/a.json`)), /^1 event in ".*", since the disk/);
  assert.equal(found(({ runSpoolDir }) => write(`${runSpoolDir}/a.unfinished`)), "");
});
