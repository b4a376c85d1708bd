// Explains the errors that the system and SQLite really report for a disk. See e2e/send_disk_faults.test.ts.

import assert from "node:assert/strict";
import { ExitCode, Failure } from "../../src/failure.ts";
import { explainStoreError, isPassing, isPassingInQueue } from "../../src/store/store_failure.ts";
import { SourceError } from "../../src/intake/record.ts";
import { openDatabase } from "../../src/sqlite/open.ts";

/** Errors as Deno and Node create them. */
function systemError(code: string | undefined, message: string): Error {
  return Object.assign(new Error(message), code === undefined ? {} : { code });
}

const FULL = systemError("ENOSPC", "No space left on device (os error 28)");
const BAD = systemError("EIO", "Input/output error (os error 5)");
// Deno has no error class for it.
const STALE = systemError(undefined, "Stale file handle (os error 116): lstat '/x'");

function thrownBy(work: () => unknown): unknown {
  try {
    work();
  } catch (error) {
    return error;
  }
  assert.fail("nothing was thrown");
}

Deno.test("isPassing() separates temporary errors from those that the administrator must fix", () => {
  const denied = thrownBy(() => Deno.readTextFileSync("/proc/self/root/etc/no-such-file"));
  for (const error of [FULL, BAD, STALE]) assert.equal(isPassing(error), true, error.message);
  for (const error of [denied, systemError("EROFS", "x"), new TypeError("x"), "x", undefined]) {
    assert.equal(isPassing(error), false, String(error));
  }
  // The root cause decides, not the message around it.
  const within = (cause: unknown) => new SourceError("Cannot read it (os error 13)", { cause });
  assert.equal(isPassing(within(new Error("the copy", { cause: FULL }))), true);
  assert.equal(isPassing(within(systemError("EACCES", "Permission denied (os error 13)"))), false);
  assert.deepEqual([isPassingInQueue(within(FULL)), isPassingInQueue(within(BAD))], [true, false]);
});

Deno.test("explainStoreError() explains every error of the disk, and returns bugs and explained errors unchanged", async () => {
  const directory = await Deno.makeTempDir({ prefix: "store-failure-test-" });
  const path = `${directory}/deliveries.db`;
  const explained = (error: unknown) => {
    const failure = explainStoreError(error, { deliveriesDatabase: path });
    assert.ok(failure instanceof Failure, String(error));
    return [failure.code, failure.exitCode];
  };
  for (const error of [FULL, BAD, STALE]) assert.deepEqual(explained(error), ["store.unavailable", ExitCode.tempFail]);
  for (const code of ["EROFS", "EACCES", "ENOENT"]) {
    assert.deepEqual(explained(systemError(code, "x")), ["store.refused", ExitCode.config]);
  }
  // SQLite does not report why it can't open a file.
  await Deno.mkdir(path);
  const unopened = thrownBy(() => openDatabase(path, { busyTimeoutMs: 0 }));
  assert.deepEqual(explained(unopened), ["store.refused", ExitCode.config]);
  await Deno.remove(path);
  assert.deepEqual(explained(unopened), ["store.unavailable", ExitCode.tempFail]);
  await Deno.remove(directory, { recursive: true });
  assert.deepEqual(explained(unopened), ["store.refused", ExitCode.config]);
  const failure = new Failure("x", { code: "state.unusable", exitCode: ExitCode.config, hint: "y", cause: BAD });
  for (const error of [new TypeError("x"), failure]) {
    assert.equal(explainStoreError(error, { deliveriesDatabase: path }), error);
  }
});
