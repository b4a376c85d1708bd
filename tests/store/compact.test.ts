// Unused space in the store goes back to the disk. See send/kill_steps.test.ts for a run that is killed meanwhile.

import assert from "node:assert/strict";
import type { Severity } from "../../src/log.ts";
import { statePaths } from "../../src/paths.ts";
import { compact } from "../../src/store/compact.ts";
import { unjudged } from "../../src/store/events.ts";
import { openToWrite } from "../../src/store/open.ts";
import { restoreStore } from "../../src/store/backup.ts";
import { certificate } from "../helpers/fixtures.ts";
import { fillOldStore } from "../helpers/old_store.ts";

const MIB = 1024 * 1024;

/** An old store with 1,000 certificates of 12 KB of extensions each, and what was logged. */
async function withFatStore(test: (context: ReturnType<typeof contextOf>) => void | Promise<void>): Promise<void> {
  const directory = Deno.makeTempDirSync({ prefix: "compact-test-" });
  try {
    await test(contextOf(directory));
  } finally {
    Deno.removeSync(directory, { recursive: true });
  }
}

function contextOf(directory: string) {
  const paths = statePaths(directory);
  Deno.mkdirSync(paths.sendDir);
  const path = paths.deliveriesDatabase;
  const { line } = certificate({ id: "alice", serial: 1n, extensions: "x".repeat(12_000) });
  fillOldStore(path, Array(1_000).fill(`publickey ${line}`.slice(0, 16_383)));
  const logged: [Severity, string][] = [];
  const log = (...entry: [Severity, string]) => void logged.push(entry);
  return { paths, path, log, logged, size: () => Deno.statSync(path).size };
}

Deno.test("compact() gives the space of an earlier release's raw texts back, once", () =>
  withFatStore(async ({ paths, path, log, logged, size }) => {
    assert.ok(size() > 15 * MIB);
    openToWrite(path).close();
    assert.ok(size() > 15 * MIB, "a run that was killed before it gave the space back");
    {
      using database = openToWrite(path);
      await compact(database, { paths, log });
      await compact(database, { paths, log });
      assert.deepEqual(logged.map(([severity]) => severity), ["info"]);
      assert.match(logged[0]?.[1] ?? "", /^gave 1\d MiB of unused space in the store back to the disk$/);
      assert.equal(unjudged(database, 2_000).length, 1_000);
    }
    assert.ok(size() < MIB);
  }));

Deno.test("compact() gives space back in a run that has written so much that its log was folded", () =>
  withFatStore(async ({ paths, path, log, logged }) => {
    using database = openToWrite(path);
    database.exec("INSERT INTO salvaged VALUES ('much', hex(zeroblob(2500000)), '')");
    await compact(database, { paths, log });
    assert.match(logged.join(), /^info,gave /);
  }));

Deno.test("compact() leaves a store with a little unused space as it is, and one that is locked", () =>
  withFatStore(async ({ paths, path, log, logged, size }) => {
    using database = openToWrite(path);
    {
      using other = openToWrite(path);
      other.exec("BEGIN IMMEDIATE");
      database.exec("PRAGMA busy_timeout = 0");
      await compact(database, { paths, log });
    }
    assert.match(logged.splice(0).join(), /^info,cannot give unused space .*: database is locked$/);
    await compact(database, { paths, log });
    assert.equal(logged.splice(0).length, 1);
    const before = size();
    database.exec("DELETE FROM event WHERE id > 1");
    await compact(database, { paths, log });
    assert.deepEqual([logged, size()], [[], before]);
  }));

for (
  const [look, expected] of [[1, /^info,cannot give .*: another command has written/], [2, /^info,gave /]] as const
) {
  Deno.test(`compact() loses nothing that another command writes after its look ${look} at who has written`, () =>
    withFatStore(async ({ paths, path, log, logged }) => {
      using database = openToWrite(path);
      using other = openToWrite(path);
      other.exec("PRAGMA busy_timeout = 0");
      const prepare = database.prepare.bind(database);
      let looks = 0;
      let written = 0;
      database.prepare = (sql) => {
        const statement = prepare(sql);
        if (sql !== "PRAGMA data_version" || ++looks !== look) return statement;
        const value = statement.get();
        try {
          other.exec("UPDATE unreadable SET untold = untold + 1");
          written++;
        } catch {
          // The store is locked: the command waits until it is replaced.
        }
        return Object.assign(statement, { get: () => value });
      };
      await compact(database, { paths, log });
      assert.equal(prepare("SELECT untold FROM unreadable").get()?.["untold"], written);
      assert.match(logged.join(), expected);
      assert.equal(looks, 2);
    }));
}

Deno.test("restoreStore() migrates the backup of an earlier release", () =>
  withFatStore(({ paths, path }) => {
    Deno.renameSync(path, paths.deliveriesBackup);
    assert.ok(restoreStore({ paths, nowMs: 0, newestAtMs: undefined }));
    using database = openToWrite(path);
    assert.equal(unjudged(database, 1)[0]?.auth[0]?.key?.certificate?.id, "alice");
  }));
