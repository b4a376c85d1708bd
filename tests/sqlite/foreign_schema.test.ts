// A store that an attacker has created or changed does not make a command hang: it is rejected, and `send` moves it aside.

import assert from "node:assert/strict";
import { insertEvent } from "../../src/hook/insert.ts";
import { statePaths } from "../../src/paths.ts";
import { ForeignSchemaError } from "../../src/sqlite/foreign_schema.ts";
import { openDatabase, pragma } from "../../src/sqlite/open.ts";
import { faultOfQueueTable } from "../../src/sqlite/queue_table.ts";
import { assertSchema, expectedSchema, SCHEMA_VERSION } from "../../src/store/schema.ts";
import { sessionEvent } from "../helpers/fixtures.ts";
import { Installation, LOGIN } from "../helpers/program.ts";
import { unjudged } from "../../src/store/events.ts";
import { openToWrite } from "../../src/store/open.ts";

const ENDLESS = "WITH RECURSIVE r(x) AS (VALUES(1) UNION ALL SELECT x FROM r) SELECT count(*) FROM r";

function execute(path: string, sql: string): void {
  const database = openDatabase(path, { busyTimeoutMs: 1_000 });
  database.exec(sql);
  database.close();
}

const HOSTILE: Record<string, (path: string) => unknown> = {
  "a FIFO": (path) => (Deno.removeSync(path), new Deno.Command("mkfifo", { args: [path] }).outputSync()),
  "a FIFO as its log": (path) => new Deno.Command("mkfifo", { args: [`${path}-wal`] }).outputSync(),
  "a FIFO as its journal": (path) => new Deno.Command("mkfifo", { args: [`${path}-journal`] }).outputSync(),
  "a directory": (path) => (Deno.removeSync(path), Deno.mkdirSync(path)),
  "a link": (path) => (Deno.renameSync(path, `${path}.real`), Deno.symlinkSync(`${path}.real`, path)),
  "an endless view": (path) => execute(path, `DROP TABLE inbox; CREATE VIEW inbox AS ${ENDLESS}`),
  "an endless trigger": (path) => execute(path, `CREATE TRIGGER t BEFORE INSERT ON event BEGIN ${ENDLESS}; END`),
  "a trigger on a notice": (path) => execute(path, `CREATE TRIGGER t AFTER UPDATE ON route BEGIN ${ENDLESS}; END`),
  "another table": (path) => execute(path, "CREATE TABLE other (a)"),
  "an older version, with a view": (path) =>
    execute(path, `CREATE VIEW v AS ${ENDLESS}; PRAGMA user_version = ${SCHEMA_VERSION - 1}`),
};

Deno.test("every command rejects a store with a foreign schema at once, and send creates a new one", async () => {
  for (const [what, spoil] of Object.entries(HOSTILE)) {
    await using installation = await Installation.create();
    await installation.writeConfig('[notification]\nservice = "stdout"\n');
    await installation.queue(LOGIN);
    assert.equal((await installation.send()).code, 0);
    spoil(statePaths(installation.stateDir).deliveriesDatabase);
    const commands = {
      history: () => installation.history(),
      explain: () => installation.explain("--user", "alice"),
      retry: () => installation.retry(),
      "a dry run": () => installation.send("--dry-run"),
    };
    for (const [command, run] of Object.entries(commands)) {
      const { code, stderr } = await run();
      assert.equal(code, 78, `${what}, ${command}: ${stderr}`);
    }
    const status = await installation.status();
    assert.match(status.stdout, /some of the state cannot be read/, what);
    await installation.queue({ ...LOGIN, PAM_USER: "bob" });
    const sent = await installation.send();
    assert.equal(sent.code, 0, `${what}: ${sent.stderr}`);
    assert.match(sent.stdout, /'bob'/, what);
    assert.equal((await installation.history()).code, 0, what);
  }
});

Deno.test("assertSchema() accepts each version of the store, also after a migration", () => {
  const directory = Deno.makeTempDirSync();
  try {
    const path = `${directory}/deliveries.db`;
    openToWrite(path).close();
    const database = openDatabase(path, { busyTimeoutMs: 0 });
    assert.equal(assertSchema(database), SCHEMA_VERSION);
    pragma(database, "user_version = 1");
    assert.throws(() => assertSchema(database), ForeignSchemaError);
    database.close();
  } finally {
    Deno.removeSync(directory, { recursive: true });
  }
});

Deno.test("a store of the previous version is migrated to this one, with all its rows", () => {
  const directory = Deno.makeTempDirSync();
  try {
    const path = `${directory}/deliveries.db`;
    const before = openDatabase(path, { busyTimeoutMs: 0 });
    const rows: string[][] = JSON.parse(expectedSchema(1));
    const byTable = rows.toSorted(([a = ""], [b = ""]) => b.localeCompare(a));
    for (const [, , , sql] of byTable) if (typeof sql === "string") before.exec(sql);
    before.exec(`PRAGMA user_version = 1;
      INSERT INTO notice VALUES (7, 'n', 'a', 'b', 'broken', 0, 'why', 5, 2, 3);
      INSERT INTO event (uuid, occurred_at_ms, type, user, remote_host, terminal, service, connection, auth_info, parent_pid,
        tampered) VALUES ('e', 1, 'open', 'alice', '', '', '', '', '', 0, '')`);
    before.close();
    const database = openToWrite(path);
    assert.equal(assertSchema(database), SCHEMA_VERSION);
    const [notice] = database.prepare("SELECT * FROM notice").all();
    assert.deepEqual(Object.values(notice ?? {}), [7, "n", "a", "b", "broken", 0, "why", 5, 2, 3, null]);
    assert.deepEqual(unjudged(database, 2).map(({ uuid, isUnrecorded }) => [uuid, isUnrecorded]), [["e", undefined]]);
    database.close();
  } finally {
    Deno.removeSync(directory, { recursive: true });
  }
});

Deno.test("faultOfQueueTable() accepts only a database that the hook has created", () => {
  const directory = Deno.makeTempDirSync();
  try {
    const database = insertEvent(`${directory}/queue.db`, sessionEvent());
    assert.equal(faultOfQueueTable(database), undefined);
    database.exec("CREATE INDEX i ON event (record)");
    assert.equal(faultOfQueueTable(database), "its schema is not that of a queue");
    database.close();
  } finally {
    Deno.removeSync(directory, { recursive: true });
  }
});
