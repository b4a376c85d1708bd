// Events in the spool are read once. No file that an attacker puts there stops this, or goes uncounted.

import assert from "node:assert/strict";
import { statePaths } from "../../src/paths.ts";
import { SourceError } from "../../src/intake/record.ts";
import { Spool } from "../../src/intake/spool.ts";
import type { SessionEvent } from "../../src/event.ts";
import { HOSTILE_TEXTS, sessionEvent } from "../helpers/fixtures.ts";
import { shortestMs } from "../helpers/shortest.ts";

class Folder implements Disposable {
  readonly directory = Deno.makeTempDirSync({ prefix: "spool-test-" });
  readonly paths = statePaths(this.directory);
  readonly known = new Set<string>();

  constructor() {
    Deno.mkdirSync(this.paths.spoolDir, { recursive: true });
  }

  path(name: string): string {
    return `${this.paths.spoolDir}/${name}`;
  }

  put(overrides: Partial<SessionEvent> = {}): SessionEvent {
    const event = sessionEvent({ uuid: crypto.randomUUID(), ...overrides });
    Deno.writeTextFileSync(this.path(`${event.uuid}.json`), JSON.stringify(event));
    return event;
  }

  read(spool = new Spool(this.paths.spoolDir), limit = 1_000): SessionEvent[] {
    return [...spool.read({ limit, knows: (uuid) => this.known.has(uuid) }).events];
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.directory, { recursive: true });
  }
}

Deno.test("Spool.read() returns events as they were written, whatever their text", () => {
  using folder = new Folder();
  const events = HOSTILE_TEXTS.map((text) => folder.put({ user: text.slice(0, 100), tampered: ["PAM_USER"] }));
  const byUuid = (a: SessionEvent, b: SessionEvent) => a.uuid < b.uuid ? -1 : 1;
  assert.deepEqual(folder.read().sort(byUuid), events.sort(byUuid));
});

Deno.test("Spool.read() returns each event once in a run, and none that the store knows", () => {
  using folder = new Folder();
  const [first, second] = [folder.put(), folder.put()];
  folder.known.add(first.uuid);
  const spool = new Spool(folder.paths.spoolDir);
  assert.deepEqual(folder.read(spool), [second]);
  const third = folder.put();
  assert.deepEqual(folder.read(spool), [third]);
  assert.deepEqual(folder.read(spool), []);
});

Deno.test("Spool.read() returns events in pages", () => {
  using folder = new Folder();
  const uuids = Array.from({ length: 7 }, () => folder.put().uuid).sort();
  const spool = new Spool(folder.paths.spoolDir);
  const parts = [3, 3, 3, 3].map((limit) => folder.read(spool, limit).map(({ uuid }) => uuid));
  assert.deepEqual(parts.map(({ length }) => length), [3, 3, 1, 0]);
  assert.deepEqual(parts.flat(), uuids);
});

Deno.test("Spool.read() skips incomplete files, and returns nothing if there is no spool", () => {
  using folder = new Folder();
  Deno.writeTextFileSync(folder.path(`${crypto.randomUUID()}.unfinished`), "{");
  assert.deepEqual(folder.read(), []);
  Deno.removeSync(folder.paths.spoolDir, { recursive: true });
  assert.deepEqual(folder.read(), []);
});

Deno.test("Spool.read() counts all other files, without blocking on a FIFO or following a link", () => {
  using folder = new Folder();
  const uuid = crypto.randomUUID();
  Deno.writeTextFileSync(`${folder.directory}/secret`, JSON.stringify(sessionEvent({ uuid, user: "secret" })));
  const odd: Record<string, (path: string) => unknown> = {
    "empty": (path) => Deno.writeTextFileSync(path, ""),
    "no JSON": (path) => Deno.writeTextFileSync(path, "{".repeat(100_000)),
    "deep": (path) => Deno.writeTextFileSync(path, "[".repeat(100_000)),
    "no event": (path) => Deno.writeTextFileSync(path, `{"uuid": 1}`),
    "another event": (path) =>
      Deno.writeTextFileSync(path, JSON.stringify(sessionEvent({ uuid: crypto.randomUUID() }))),
    "100 MB": (path) => Deno.truncateSync((Deno.writeTextFileSync(path, "x"), path), 100_000_000),
    "a directory": (path) => Deno.mkdirSync(path),
    "a FIFO": (path) => new Deno.Command("mkfifo", { args: [path] }).outputSync(),
    "a link": (path) => Deno.symlinkSync(`${folder.directory}/secret`, path),
    "a link to nothing": (path) => Deno.symlinkSync("/nonexistent", path),
    "a link to a device": (path) => Deno.symlinkSync("/dev/zero", path),
    "a socket": (path) => Deno.listen({ transport: "unix", path }).close(),
  };
  const names: string[] = [];
  for (const [what, make] of Object.entries(odd)) {
    const name = what === "a link" ? `${uuid}.json` : `${crypto.randomUUID()}.json`;
    make(folder.path(name));
    names.push(name);
  }
  for (const name of ["x.json", ".json", `${"n".repeat(250)}.json`, "\x1b[2J\n.json"]) {
    Deno.writeTextFileSync(folder.path(name), "{}");
    names.push(name);
  }
  const startedAtMs = performance.now();
  const spool = new Spool(folder.paths.spoolDir);
  const events = folder.read(spool);
  assert.ok(performance.now() - startedAtMs < 5_000);
  // Closing a socket deletes its name.
  const expected = names.filter((name) => [...Deno.readDirSync(folder.paths.spoolDir)].some((e) => e.name === name));
  assert.deepEqual(events, []);
  assert.deepEqual([...spool.unreadable].sort(), expected.sort());
  // A repaired file no longer counts.
  for (const name of expected.slice(1)) Deno.removeSync(folder.path(name), { recursive: true });
  folder.read(spool);
  assert.deepEqual(spool.unreadable, expected.slice(0, 1));
});

Deno.test("Spool.read() reports what is wrong with the directory itself", () => {
  using folder = new Folder();
  Deno.removeSync(folder.paths.spoolDir);
  Deno.writeTextFileSync(folder.paths.spoolDir, "");
  assert.throws(() => folder.read(), SourceError);
  Deno.removeSync(folder.paths.spoolDir);
  Deno.symlinkSync("/etc", folder.paths.spoolDir);
  assert.throws(() => folder.read(), SourceError);
});

Deno.test("Spool.read() continues if files disappear meanwhile", () => {
  using folder = new Folder();
  const events = Array.from({ length: 20 }, () => folder.put());
  const spool = new Spool(folder.paths.spoolDir);
  const read = spool.read({
    limit: 100,
    knows: (uuid) => {
      // As a hook does that can write to the database again.
      const index = events.findIndex((event) => event.uuid === uuid);
      if (index % 2 === 0) Deno.removeSync(folder.path(`${uuid}.json`));
      return false;
    },
  });
  assert.equal(read.events.length, 10);
  assert.deepEqual(spool.unreadable, []);
});

Deno.test("Spool.read() opens none of 5,000 files that it has read in this run", () => {
  using folder = new Folder();
  for (let file = 0; file < 5_000; file++) folder.put();
  const spool = new Spool(folder.paths.spoolDir);
  const reading = (expected: number) => () => assert.equal(folder.read(spool, 10_000).length, expected);
  const openedMs = shortestMs(reading(5_000), 1);
  const knownMs = shortestMs(reading(0));
  assert.ok(knownMs < openedMs / 3, `${openedMs} ms, then ${knownMs} ms`);
});

Deno.test("Spool.inspect() counts the files, and returns the time of the oldest", () => {
  using folder = new Folder();
  assert.deepEqual(new Spool(folder.paths.spoolDir).inspect(), { count: 0 });
  const { uuid } = folder.put();
  folder.put();
  Deno.utimeSync(folder.path(`${uuid}.json`), 1_000, 1_000);
  assert.deepEqual(new Spool(folder.paths.spoolDir).inspect(), { count: 2, oldestAtMs: 1_000_000 });
});

Deno.test("Spool.read() lists a large directory once for all its pages, and then finds what was added", () => {
  using folder = new Folder();
  const spool = new Spool(folder.paths.spoolDir);
  const put = (digit: string) => folder.put({ uuid: `${digit}0000000-0000-4000-8000-000000000000` }).uuid;
  const [b, c] = ["b", "c"].map(put);
  assert.deepEqual(folder.read(spool, 1).map(({ uuid }) => uuid), [b]);
  const a = put("a");
  assert.deepEqual(folder.read(spool, 1).map(({ uuid }) => uuid), [c]);
  assert.deepEqual(folder.read(spool, 1).map(({ uuid }) => uuid), [a]);
});

Deno.test("Spool refuses to list a directory that is too large", () => {
  // Each name adds to the size of a directory: 20 bytes in a tmpfs, elsewhere more.
  const folder = Deno.makeTempDirSync();
  try {
    const fill = 'i=0; while [ $i -lt 110000 ]; do echo "$i.json"; i=$((i + 1)); done | xargs touch';
    new Deno.Command("sh", { args: ["-c", fill], cwd: folder }).outputSync();
    const spool = new Spool(folder);
    assert.throws(() => spool.read({ limit: 1, knows: () => false }), /has, or had, too many files/);
    assert.throws(() => spool.inspect(), SourceError);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});
