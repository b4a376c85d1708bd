// Compares the table of ids with the code that uses them. tests/man/pages.test.ts compares the manual with the table.

import assert from "node:assert/strict";
import { LOW_BYTES } from "../src/admin/check/disk_space.ts";
import { OLD_MS } from "../src/admin/check/places.ts";
import { MAX_CONFIG_BYTES } from "../src/config/read_config.ts";
import { type Id, IDS } from "../src/ids.ts";
import { OVERDUE_AFTER_MS, UNREAD_AFTER_MS } from "../src/store/health.ts";
import { FAULT_MS } from "../src/store/last_resort.ts";
import { FULL_BYTES, FULL_FILES } from "../src/store/disk_space.ts";
import { MAX_UNRECORDED_BYTES } from "../src/intake/unrecorded.ts";
import { ROOT } from "../.ci/compile.ts";

/** The texts of all modules in a folder except the table itself. */
async function sourceTexts(directory: string): Promise<string[]> {
  const texts: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(directory)) {
    const path = `${directory}/${name}`;
    if (isDirectory) texts.push(...await sourceTexts(path));
    else if (path !== `${ROOT}/src/ids.ts`) texts.push(await Deno.readTextFile(path));
  }
  return texts;
}

const source = (await sourceTexts(`${ROOT}/src`)).join("\n");

// The compiler checks the opposite: every id in use is in the table.
Deno.test("every id in the table is used", () => {
  assert.deepEqual(Object.keys(IDS).filter((id) => !source.includes(`"${id}"`)), []);
});

Deno.test("an id is an area and a name in kebab case, short enough for its column, with one sentence", () => {
  for (const [id, meaning] of Object.entries(IDS)) {
    assert.match(id, /^[a-z]+\.[a-z0-9]+(-[a-z0-9]+)*$/);
    assert.ok(id.length <= 24, id);
    // Text in backticks, such as a path, may contain a period.
    assert.match(meaning.replaceAll(/`[^`]*`/g, "X"), /^[^.|]+\.$/, id);
  }
  assert.equal(new Set(Object.values(IDS)).size, Object.keys(IDS).length);
});

Deno.test("the table has the same limits as the code", () => {
  const [minutes, hours, mib] = [60_000, 3_600_000, 1024 * 1024];
  const table: [id: Id, ...limits: string[]][] = [
    ["scheduler.last-run", `${OVERDUE_AFTER_MS / minutes} minutes plus`],
    ["delivery.overdue", `${OVERDUE_AFTER_MS / minutes} minutes`],
    ["delivery.waiting", `${OVERDUE_AFTER_MS / minutes} minutes`],
    ["delivery.unread", `${UNREAD_AFTER_MS / minutes} minutes`],
    ["delivery.spool-unread", `${UNREAD_AFTER_MS / minutes} minutes`],
    ["disk.room", `${FULL_BYTES / mib} MiB or ${FULL_FILES} files`, `${LOW_BYTES / mib} MiB`],
    ["hook.last-resort", `${FAULT_MS / hours} hours`],
    ["hook.did-not-run", `${FAULT_MS / hours} hours`],
    ["hook.record-full", `${MAX_UNRECORDED_BYTES / mib} MiB`],
    ["place.database-old", `${OLD_MS / (24 * hours)} days`],
    ["config.not-a-file", `${MAX_CONFIG_BYTES / mib} MiB`],
  ];
  for (const [id, ...limits] of table) {
    for (const limit of limits) assert.ok(new RegExp(`\\b${limit}`).test(IDS[id]), `${id}: ${limit}`);
  }
  const held = table.map(([id]) => id);
  const numbered = Object.entries(IDS).filter(([, meaning]) => /\d+ (?:min|sec|hour|MiB|files)/.test(meaning));
  assert.deepEqual(numbered.map(([id]) => id).filter((id) => !held.some((known) => known === id)), []);
});
