// The rows of a damaged database are found wherever they still stand, and no content of a file makes it fail or hang.

import assert from "node:assert/strict";
import fc from "npm:fast-check@4.10.2";
import { type CarvedRow, carveRows } from "../../src/store/carve.ts";
import { type Database, openDatabase, pragma } from "../../src/sqlite/open.ts";
import { garbagePage } from "../helpers/fixtures.ts";

class Files implements Disposable {
  readonly directory = Deno.makeTempDirSync({ prefix: "carve-test-" });
  readonly path = `${this.directory}/test.db`;

  open(pageSize = 4096): Database {
    const database = openDatabase(this.path, { busyTimeoutMs: 0 });
    pragma(database, `page_size = ${pageSize}`);
    pragma(database, "journal_mode = WAL");
    pragma(database, "wal_autocheckpoint = 0");
    database.prepare("CREATE TABLE IF NOT EXISTS t (id INTEGER PRIMARY KEY, n INTEGER, s TEXT) STRICT").run();
    return database;
  }

  /** Copies the files as they are, while the database is open: what a crash would leave. */
  crashed(): Files {
    const files = new Files();
    for (const suffix of ["", "-wal"]) {
      try {
        Deno.copyFileSync(`${this.path}${suffix}`, `${files.path}${suffix}`);
      } catch {
        // It has no log.
      }
    }
    return files;
  }

  rows(): CarvedRow[] {
    return [...carveRows(this.path)].filter(({ values }) => values.length === 3);
  }

  overwrite(position: number, bytes: Uint8Array, suffix = ""): void {
    using file = Deno.openSync(`${this.path}${suffix}`, { write: true });
    file.seekSync(position, Deno.SeekMode.Start);
    file.writeSync(bytes);
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.directory, { recursive: true });
  }
}

const NUMBERS = [
  0,
  1,
  -1,
  127,
  -128,
  32_767,
  8_388_607,
  -8_388_608,
  2 ** 31,
  2 ** 47 - 1,
  -(2 ** 47),
  2 ** 53 - 1,
  null,
];

function fill(database: Database, count: number): Map<number, [number | null, string]> {
  const expected = new Map<number, [number | null, string]>();
  const insert = database.prepare("INSERT INTO t (id, n, s) VALUES (?, ?, ?)");
  database.prepare("BEGIN").run();
  for (let id = 1; id <= count; id++) {
    const length = id % 50 === 0 ? 20_000 : id % 97;
    const row: [number | null, string] = [NUMBERS[id % NUMBERS.length] ?? null, `${id} é `.padEnd(length, "x")];
    insert.run(id, ...row);
    expected.set(id, row);
  }
  database.prepare("COMMIT").run();
  return expected;
}

for (const pageSize of [512, 4096, 65_536]) {
  Deno.test(`carveRows() finds every row as it was, on pages of ${pageSize} bytes, in the database and in the log`, () => {
    using files = new Files();
    const database = files.open(pageSize);
    const expected = fill(database, 500);
    const inLog = files.crashed();
    pragma(database, "wal_checkpoint(TRUNCATE)");
    const inDatabase = files.crashed();
    database.close();
    for (const crashed of [inLog, inDatabase]) {
      using it = crashed;
      const rows = it.rows().map(({ rowid, values: [id, n, s] }) => [rowid, id, n, s]);
      assert.deepEqual(
        rows.toSorted((a, b) => Number(a[0]) - Number(b[0])),
        [...expected].map(([id, [n, s]]) => [id, null, n, s]),
      );
    }
  });
}

Deno.test("carveRows() takes the newest version of a page, and none that was not committed", () => {
  using files = new Files();
  const database = files.open();
  fill(database, 10);
  pragma(database, "wal_checkpoint(TRUNCATE)");
  database.prepare("UPDATE t SET s = 'newer' WHERE id = 3").run();
  pragma(database, "cache_size = 1");
  pragma(database, "cache_spill = 1");
  database.prepare("BEGIN").run();
  const insert = database.prepare("INSERT INTO t (s) VALUES (?)");
  for (let row = 0; row < 500; row++) insert.run("not committed".padEnd(1000));
  using crashed = files.crashed();
  assert.ok(Deno.statSync(`${crashed.path}-wal`).size > 100_000, "nothing was spilled");
  database.prepare("ROLLBACK").run();
  database.close();
  const rows = crashed.rows();
  assert.equal(rows.length, 10);
  assert.equal(rows.find(({ rowid }) => rowid === 3)?.values[2], "newer");
});

Deno.test("carveRows() leaves out the pages that the database has put by", () => {
  using files = new Files();
  const database = files.open();
  fill(database, 2_000);
  database.prepare("DELETE FROM t WHERE id > 5").run();
  assert.ok(Number(pragma(database, "freelist_count")) > 20);
  database.close();
  assert.deepEqual(files.rows().map(({ rowid }) => rowid), [1, 2, 3, 4, 5]);
});

Deno.test("carveRows() finds all that stands on other pages than the damaged ones", () => {
  for (const damage of ["header", "root", "leaf", "log header", "cut"] as const) {
    using files = new Files();
    const database = files.open();
    fill(database, 3_000);
    if (damage !== "log header") pragma(database, "wal_checkpoint(TRUNCATE)");
    const root = Number(database.prepare("SELECT rootpage FROM sqlite_schema WHERE name = 't'").get()?.["rootpage"]);
    using it = files.crashed();
    database.close();
    const size = Deno.statSync(it.path).size;
    const garbage = garbagePage();
    if (damage === "header") it.overwrite(0, garbage);
    if (damage === "root") it.overwrite((root - 1) * 4096, garbage);
    if (damage === "leaf") it.overwrite(leafOf(it.path) * 4096, garbage);
    if (damage === "log header") it.overwrite(0, garbage.subarray(0, 32), "-wal");
    if (damage === "cut") Deno.truncateSync(it.path, size - 3 * 4096 - 100);
    const found = new Set(it.rows().map(({ rowid }) => rowid)).size;
    const lost = { header: 0, root: 0, leaf: 200, "log header": 0, cut: 400 }[damage];
    assert.ok(found <= 3_000 && found >= 3_000 - lost, `${damage}: ${found} rows`);
    if (damage === "leaf" || damage === "cut") assert.ok(found < 3_000, "nothing was damaged");
  }
});

/** A page of rows, in the middle, counted from 0. */
function leafOf(path: string): number {
  const bytes = Deno.readFileSync(path);
  for (let page = 40;; page++) if (bytes[page * 4096] === 0x0d) return page;
}

Deno.test("carveRows() answers nothing where there is no file, or something else than one", () => {
  using files = new Files();
  assert.deepEqual(files.rows(), []);
  Deno.mkdirSync(files.path);
  new Deno.Command("mkfifo", { args: [`${files.path}-wal`] }).outputSync();
  assert.deepEqual(files.rows(), []);
});

Deno.test("carveRows() ends on whatever a file holds", () => {
  using source = new Files();
  const database = source.open();
  fill(database, 400);
  pragma(database, "wal_checkpoint(TRUNCATE)");
  database.close();
  const good = Deno.readFileSync(source.path);
  const garbled = fc.record({
    at: fc.array(fc.nat(good.length - 1), { minLength: 1, maxLength: 200 }),
    bytes: fc.uint8Array({ minLength: 200, maxLength: 200 }),
    cut: fc.nat(good.length),
  });
  using files = new Files();
  fc.assert(
    fc.property(garbled, fc.uint8Array({ maxLength: 9_000 }), ({ at, bytes, cut }, wal) => {
      const garbage = good.slice(0, good.length - cut);
      at.forEach((position, index) => garbage[position] = bytes[index] ?? 0);
      Deno.writeFileSync(files.path, garbage);
      Deno.writeFileSync(`${files.path}-wal`, wal);
      for (const { values } of carveRows(files.path)) assert.ok(Array.isArray(values));
    }),
    { numRuns: 300 },
  );
});
