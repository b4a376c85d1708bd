// Checks the record of the last resort, a fault for one day, and the spool in /run, a fault until it is empty.

import assert from "node:assert/strict";
import { Findings } from "../../../src/admin/check/finding.ts";
import { inspectLastResort } from "../../../src/admin/check/delivery.ts";
import { lastResortFaults } from "../../../src/store/last_resort.ts";
import { statePaths } from "../../../src/paths.ts";
import { MAX_UNRECORDED_BYTES } from "../../../src/intake/unrecorded.ts";
import { assertAllFound } from "../../helpers/findings.ts";

const NOW = Date.UTC(2026, 10, 23);
const DID_NOT_RUN = [["fault hook.did-not-run", 'unrecorded" (100 bytes)']] as const;
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
    const problems = lastResortFaults(sources);
    const faults = findings.all.filter(({ level }) => level === "fault");
    assert.equal(faults.length, problems.length);
    return faults;
  } finally {
    Deno.removeSync(directory, { recursive: true });
  }
}

function write(path: string, { bytes = 100, agoMs = 0 } = {}): void {
  Deno.writeFileSync(path, new Uint8Array(bytes));
  Deno.utimeSync(path, (NOW - agoMs) / 1000, (NOW - agoMs) / 1000);
}

Deno.test("inspectLastResort() reports the record for 24 hours, and until send has read it", () => {
  assert.deepEqual(found(() => {}), []);
  assert.deepEqual(found(({ unrecordedFile }) => write(unrecordedFile, { bytes: 0 })), []);
  assertAllFound(found(({ unrecordedFile }) => write(unrecordedFile)), DID_NOT_RUN);
  assertAllFound(found(({ unrecordedFile }) => write(unrecordedFile, { agoMs: 23 * HOUR })), DID_NOT_RUN);
  assert.deepEqual(found(({ unrecordedFile }) => write(unrecordedFile, { agoMs: 25 * HOUR })), []);
  assertAllFound(
    found(({ unrecordedFile }) => write(unrecordedFile, { agoMs: 25 * HOUR }), NOW - 30 * HOUR),
    DID_NOT_RUN,
  );
  // The clock was set back since.
  assertAllFound(found(({ unrecordedFile }) => write(unrecordedFile, { agoMs: -99 * HOUR })), DID_NOT_RUN);
});

Deno.test("inspectLastResort() reports a full record at any time", () => {
  const full = { bytes: MAX_UNRECORDED_BYTES, agoMs: 1_000 * HOUR };
  assertAllFound(found(({ unrecordedFile }) => write(unrecordedFile, full)), [[
    "fault hook.record-full",
    "unrecorded",
  ]]);
});

Deno.test("inspectLastResort() reports a record that is not a plain file", () => {
  assertAllFound(found(({ unrecordedFile }) => Deno.symlinkSync("/etc/passwd", unrecordedFile)), [
    ["fault hook.record-unusable", 'unrecorded"'],
  ]);
});

Deno.test("inspectLastResort() reports the spool in /run until it is empty", () => {
  assertAllFound(found(({ runSpoolDir }) => write(`${runSpoolDir}/a.json`)), [
    ["fault hook.run-spooled", "1 event", 'spool"'],
  ]);
  assert.deepEqual(found(({ runSpoolDir }) => write(`${runSpoolDir}/a.unfinished`)), []);
});
