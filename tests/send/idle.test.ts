// A run is idle only if every file looks as it did before the last full run read it, and nothing is due.

import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import deno from "../../deno.json" with { type: "json" };
import { lookAt } from "../../src/look.ts";
import { statePaths } from "../../src/paths.ts";
import { filesOfRun, idleExitCode, MAX_IDLE_MS } from "../../src/send/idle.ts";
import { beginFullRun, idleUntilMs, noteIdle } from "../../src/send/note_idle.ts";
import { Installation, LOGIN } from "../helpers/program.ts";
import { ntfyLike } from "../helpers/receivers.ts";
import { parseTrace, straceTo } from "../helpers/strace.ts";
import { waitFor } from "../helpers/wait_for.ts";
import { HOUR, MINUTE, response, routes, World } from "../helpers/world.ts";

/** Sets the times of a file, if there is one, to the year 2001. */
function makeOld(path: string): void {
  if (existsSync(path)) Deno.utimeSync(path, 1e9, 1e9);
}

/** A state directory and a configuration that names a file, with the note of a full run. */
class Noted implements Disposable {
  readonly directory = Deno.makeTempDirSync({ prefix: "ssh-session-notifier-" });
  readonly paths = statePaths(this.directory);
  readonly configFile = `${this.directory}/config.toml`;
  readonly secretFile = `${this.directory}/secret`;
  /** Long after the files were written, so that all of them count as settled. */
  readonly nowMs = Date.now() + 60_000;

  constructor() {
    const { databaseDir, queueDatabase, spoolDir, runSpoolDir, unrecordedFile, sendDir, deliveriesDatabase } =
      this.paths;
    for (const folder of [databaseDir, spoolDir, runSpoolDir, sendDir]) Deno.mkdirSync(folder, { recursive: true });
    const files = [queueDatabase, `${queueDatabase}-wal`, unrecordedFile, deliveriesDatabase];
    for (const path of [...files, this.configFile, this.secretFile]) Deno.writeTextFileSync(path, "content");
    // Otherwise a change in the same tick of the file system's clock would look the same.
    for (const path of [...filesOfRun(this.paths, this.configFile), this.secretFile]) makeOld(path);
    this.writeNote();
  }

  writeNote({ nowMs = this.nowMs, exitCode = 0, duringRun = () => {} } = {}): void {
    const { paths, configFile } = this;
    const files = [this.secretFile];
    const before = beginFullRun(paths, configFile, nowMs);
    const beside = lookAt(files, nowMs);
    duringRun();
    const untilMs = nowMs + MAX_IDLE_MS;
    noteIdle(paths, { configFile, before, beside, nowMs, files, untilMs, exitCode });
  }

  /** Replaces a part of the note. */
  editNote(part: Readonly<Record<string, unknown>>): void {
    const note = JSON.parse(Deno.readTextFileSync(this.paths.idleNote));
    Deno.writeTextFileSync(this.paths.idleNote, JSON.stringify({ ...note, ...part }));
  }

  run({ flags = [], afterMs = 1_000 }: { flags?: readonly string[]; afterMs?: number } = {}): number | undefined {
    const args = ["--state-dir", this.directory, "--config", this.configFile, ...flags];
    return idleExitCode(args, this.nowMs + afterMs);
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.directory, { recursive: true });
  }
}

Deno.test("idleExitCode() returns the exit code of the full run while nothing has changed", () => {
  using noted = new Noted();
  for (const afterMs of [0, 1_000, MAX_IDLE_MS - 1]) assert.equal(noted.run({ afterMs }), 0);
  for (const exitCode of [75, 78]) {
    noted.writeNote({ exitCode });
    assert.equal(noted.run(), exitCode);
  }
});

function append(path: string): void {
  Deno.writeTextFileSync(path, "more", { append: true });
}

function fifo(path: string): void {
  assert.ok(new Deno.Command("mkfifo", { args: [path] }).outputSync().success);
}

const CHANGES: Readonly<Record<string, (noted: Noted) => void>> = {
  "an event": ({ paths }) => append(`${paths.queueDatabase}-wal`),
  "a checkpoint of the queue": ({ paths }) => append(paths.queueDatabase),
  "a queue that was set aside": ({ paths }) => Deno.renameSync(paths.databaseDir, `${paths.queueDir}/damaged-1`),
  "a folder of a damaged queue": ({ paths }) => Deno.mkdirSync(`${paths.queueDir}/damaged-1`),
  "a queue that is gone": ({ paths }) => Deno.removeSync(paths.queueDatabase),
  "a spooled event": ({ paths }) => append(`${paths.spoolDir}/a.json`),
  "an event spooled in /run": ({ paths }) => append(`${paths.runSpoolDir}/a.json`),
  "a login for which the hook could not run": ({ paths }) => append(paths.unrecordedFile),
  "a boot, which empties /run": ({ paths }) => Deno.truncateSync(paths.unrecordedFile),
  "an edit of the configuration": ({ configFile }) => append(configFile),
  "a configuration that is gone": ({ configFile }) => Deno.removeSync(configFile),
  "another file of the same size": ({ configFile, directory }) => {
    Deno.writeTextFileSync(`${directory}/new`, "CONTENT");
    Deno.renameSync(`${directory}/new`, configFile);
  },
  "a file that the configuration names": ({ secretFile }) => append(secretFile),
  "a store that another command has changed": ({ paths }) => append(paths.deliveriesDatabase),
  "a store that another command is changing": ({ paths }) => append(`${paths.deliveriesDatabase}-wal`),
  "a store that is gone": ({ paths }) => Deno.removeSync(paths.deliveriesDatabase),
  "a database of the Go program": ({ paths }) => append(paths.legacyDatabase),
  "a link that leads in a circle": ({ paths }) => {
    Deno.removeSync(paths.unrecordedFile);
    Deno.symlinkSync(paths.unrecordedFile, paths.unrecordedFile);
  },
  "an upgrade": (noted) => noted.editNote({ version: `${deno.version}-next` }),
  "something that is due at once": (noted) => noted.editNote({ untilMs: noted.nowMs + 1_000 }),
  "a note that claims to be from the future": (noted) => noted.editNote({ writtenAtMs: noted.nowMs + 1_001 }),
  "a note that never ends": (noted) => noted.editNote({ writtenAtMs: 0, untilMs: 9e15 }),
  "a note with another exit code": (noted) => noted.editNote({ exitCode: 1 }),
  "a note with an exit code of another type": (noted) => noted.editNote({ exitCode: "0" }),
  "a note about other files": (noted) => noted.editNote({ files: [] }),
  "a note without a list of files": (noted) => noted.editNote({ files: 5 }),
  "a note without times": (noted) => noted.editNote({ writtenAtMs: null, untilMs: null }),
  "a truncated note": ({ paths }) => Deno.truncateSync(paths.idleNote, 100),
  "an empty note": ({ paths }) => Deno.truncateSync(paths.idleNote),
  "a note that is too large": ({ paths }) =>
    Deno.writeTextFileSync(paths.idleNote, " ".repeat(64 * 1024), { append: true }),
  "a note that is null": ({ paths }) => Deno.writeTextFileSync(paths.idleNote, "null"),
  "no note": ({ paths }) => Deno.removeSync(paths.idleNote),
  "a link to the note": ({ paths, directory }) => {
    Deno.renameSync(paths.idleNote, `${directory}/note`);
    Deno.symlinkSync(`${directory}/note`, paths.idleNote);
  },
  "a FIFO": ({ paths }) => {
    Deno.removeSync(paths.idleNote);
    fifo(paths.idleNote);
  },
  "a directory": ({ paths }) => {
    Deno.removeSync(paths.idleNote);
    Deno.mkdirSync(paths.idleNote);
  },
};

for (const [what, change] of Object.entries(CHANGES)) {
  Deno.test(`idleExitCode() asks for a full run after ${what}`, () => {
    using noted = new Noted();
    assert.equal(noted.run(), 0);
    change(noted);
    assert.equal(noted.run(), undefined);
  });
}

Deno.test("idleExitCode() asks for a full run if the clock has jumped, after ten minutes, and for any option", () => {
  using noted = new Noted();
  for (const afterMs of [-1, -9e9, MAX_IDLE_MS, 9e9]) assert.equal(noted.run({ afterMs }), undefined, `${afterMs}`);
  for (const flag of ["--verbose", "--dry-run", "--help", "--config", "x"]) {
    assert.equal(noted.run({ flags: [flag] }), undefined, flag);
  }
  assert.equal(noted.run({ flags: ["--config", noted.secretFile] }), undefined);
});

Deno.test("idleExitCode() follows the links in the path of the configuration", () => {
  using noted = new Noted();
  const { directory, configFile } = noted;
  for (const version of ["1", "2"]) {
    Deno.mkdirSync(`${directory}/${version}`);
    Deno.copyFileSync(configFile, `${directory}/${version}/config.toml`);
  }
  Deno.symlinkSync(`${directory}/1`, `${directory}/current`);
  Deno.removeSync(configFile);
  Deno.symlinkSync(`${directory}/current/config.toml`, configFile);
  noted.writeNote();
  assert.equal(noted.run(), 0);
  append(`${directory}/1/config.toml`);
  assert.equal(noted.run(), undefined);
  noted.writeNote();
  assert.equal(noted.run(), 0);
  Deno.removeSync(`${directory}/current`);
  Deno.symlinkSync(`${directory}/2`, `${directory}/current`);
  assert.equal(noted.run(), undefined);
});

Deno.test("idleExitCode() notices a change that keeps size and modification time", async () => {
  using noted = new Noted();
  const log = `${noted.paths.queueDatabase}-wal`;
  const { mtime } = Deno.statSync(log);
  const isNoticed = () => {
    Deno.writeTextFileSync(log, "CONTENT");
    Deno.utimeSync(log, mtime ?? 0, mtime ?? 0);
    return noted.run() === undefined;
  };
  // The time of change counts seconds; a real note is only written about files that have not changed for longer.
  await waitFor(isNoticed, { what: "the change is noticed" });
});

Deno.test("idleExitCode() ignores the empty log that a reader of the store leaves", () => {
  using noted = new Noted();
  Deno.writeTextFileSync(`${noted.paths.deliveriesDatabase}-wal`, "");
  assert.equal(noted.run(), 0);
});

Deno.test("noteIdle() writes nothing if a file has just changed, whose next change may look the same", () => {
  using noted = new Noted();
  const changedAtMs = Deno.statSync(noted.secretFile).ctime?.getTime() ?? 0;
  noted.writeNote({ nowMs: changedAtMs + 1_000 });
  assert.throws(() => Deno.statSync(noted.paths.idleNote), Deno.errors.NotFound);
});

Deno.test("noteIdle() writes nothing after a run in which a file has changed", () => {
  using noted = new Noted();
  noted.writeNote({ duringRun: () => append(noted.paths.deliveriesDatabase) });
  assert.throws(() => Deno.statSync(noted.paths.idleNote), Deno.errors.NotFound);
});

Deno.test("noteIdle() follows no link, and no run fails because of what is in the place of the note", () => {
  using noted = new Noted();
  const { paths: { idleNote }, directory } = noted;
  noted.writeNote({ duringRun: () => Deno.symlinkSync(`${directory}/target`, idleNote) });
  assert.throws(() => Deno.statSync(`${directory}/target`), Deno.errors.NotFound);
  noted.writeNote({ duringRun: () => fifo(idleNote) });
  noted.writeNote({ duringRun: () => Deno.mkdirSync(`${idleNote}/full`, { recursive: true }) });
  noted.writeNote();
  assert.equal(noted.run(), undefined);
});

Deno.test("beginFullRun() removes the note, so a run that is killed is followed by a full one", () => {
  using noted = new Noted();
  beginFullRun(noted.paths, noted.configFile, noted.nowMs);
  assert.equal(noted.run(), undefined);
});

Deno.test("idleUntilMs() is when a delivery or a report is due, or after ten minutes; with a heartbeat, at once", async () => {
  using world = new World();
  const until = () => {
    const nowMs = world.clock.nowMs();
    return idleUntilMs(world.database, { config: world.config, startedAtMs: nowMs, nowMs }) - nowMs;
  };
  assert.equal(until(), MAX_IDLE_MS);

  world.login();
  world.answer = () => response(429, {}, { "retry-after": "300" });
  await world.run();
  assert.ok(until() > 4 * MINUTE && until() <= 5 * MINUTE, `${until()}`);
  world.answer = () => response(200, { id: "1" });
  await world.runRepeatedly(10 * MINUTE);
  assert.equal(until(), MAX_IDLE_MS);

  // The clock stands at some minute of an hour; the report is due at the next full one.
  const toFullHourMs = HOUR - world.clock.nowMs() % HOUR;
  const hour = new Date(world.clock.nowMs() + toFullHourMs).getUTCHours();
  world.config = routes(["chat"], `[report]\nschedule = "daily"\nhour = ${hour}\n`);
  world.clock.pass(toFullHourMs - 9 * MINUTE);
  assert.equal(until(), 9 * MINUTE);
  world.clock.pass(10 * MINUTE);
  assert.equal(until(), MAX_IDLE_MS);

  world.config = routes(["chat"], '[heartbeat]\nurl = "https://heartbeat.example"\n');
  assert.equal(until(), 0);
});

/** Runs `send` until it has left a note, which it does once all files have been unchanged for some seconds. */
async function becomeIdle(installation: Installation, exitCode = 0): Promise<void> {
  const { idleNote } = statePaths(installation.stateDir);
  await waitFor(async () => {
    assert.equal((await installation.send()).code, exitCode);
    return await Deno.stat(idleNote).then(() => true, () => false);
  }, { what: "send is idle" });
}

/** The exit code of an idle run; undefined if `send` opens its lock, as every full run does. */
async function idleRun(installation: Installation): Promise<number | undefined> {
  const trace = `${installation.directory}/trace`;
  const { code, stdout, stderr } = await installation.sendUnder(straceTo(trace));
  const opened = parseTrace(await Deno.readTextFile(trace)).some(({ name, args }) =>
    name === "openat" && args.includes("/send.lock")
  );
  if (!opened) assert.deepEqual([stdout, stderr], ["", ""]);
  return opened ? undefined : code;
}

Deno.test("an idle send ends at once, and the next run delivers what came since, or what retry brings back", async () => {
  await using installation = await Installation.create();
  await using ntfy = ntfyLike();
  const config = `[notification]\nservice = "ntfy"\nntfy.topic_url = "${ntfy.topicUrl}"`;
  await installation.writeConfig(config);
  await installation.queue(LOGIN);
  await becomeIdle(installation);
  assert.equal(await idleRun(installation), 0);
  assert.equal(ntfy.accepted.length, 1);

  // A full run that finds nothing does not write to the store either.
  const { idleNote } = statePaths(installation.stateDir);
  await Deno.remove(idleNote);
  const trace = `${installation.directory}/trace`;
  assert.equal((await installation.sendUnder([...straceTo(trace), "--decode-fds=path"])).code, 0);
  const calls = parseTrace(await Deno.readTextFile(trace)).filter(({ args }) =>
    /^\d+<[^>]*\/deliveries\.db/.test(args)
  );
  const written = calls.filter(({ name, args }) => /sync|^p?write/.test(name) && !args.includes("-shm>"));
  assert.ok(calls.length > 0);
  assert.deepEqual(written, []);

  await installation.queue({ ...LOGIN, PAM_USER: "bob" });
  assert.equal((await installation.send()).code, 0);
  assert.equal(ntfy.accepted.length, 2);

  ntfy.intercept = () => new Response(null, { status: 503, headers: { "retry-after": "3600" } });
  await installation.queue({ ...LOGIN, PAM_USER: "carol" });
  await becomeIdle(installation, 75);
  assert.equal(await idleRun(installation), 75);
  ntfy.intercept = () => undefined;
  assert.equal((await installation.retry()).code, 0);
  assert.equal((await installation.send()).code, 0);
  assert.equal(ntfy.accepted.length, 3);

  await becomeIdle(installation);
  await installation.writeConfig(`${config}\n[host]\nname = 5`);
  assert.equal((await installation.send()).code, 78);
  await installation.writeConfig(config);
  await installation.spool("dave");
  assert.equal((await installation.send()).code, 0);
  assert.equal(ntfy.accepted.length, 4);
});

/** Makes a file look as if a hook were writing to it, until it is disposed of. */
function writingTo(path: string): Disposable {
  // Less than 10 s ahead, so that it looks so for longer if this process is stopped for a while.
  const timer = setInterval(() => Deno.utimeSync(path, new Date(), new Date(Date.now() + 9_000)), 500);
  return { [Symbol.dispose]: () => clearInterval(timer) };
}

Deno.test("send is never idle while it cannot read the queue, waits to read a damaged one, or has a heartbeat", async () => {
  await using installation = await Installation.create();
  await using ntfy = ntfyLike();
  const { idleNote, queueDatabase, queueDir, databaseDir } = statePaths(installation.stateDir);
  await installation.writeConfig(
    `[notification]\nservice = "stdout"\n[heartbeat]\nurl = "${ntfy.topicUrl}"`,
  );
  const isSettled = () => lookAt(filesOfRun(statePaths(installation.stateDir), installation.configFile)).isSettled;
  const runsFully = async (code: number) => {
    await waitFor(isSettled, { what: "the files have not changed for some seconds" });
    assert.equal((await installation.send()).code, code);
    await assert.rejects(Deno.stat(idleNote), Deno.errors.NotFound);
  };
  assert.equal((await installation.send()).code, 0);
  await runsFully(0);
  await installation.writeConfig('[notification]\nservice = "stdout"');
  await installation.queue(LOGIN);
  await Deno.rename(databaseDir, `${queueDir}/damaged-1`);
  await Deno.mkdir(databaseDir);
  const touched = `${queueDir}/damaged-1/session_events.db`;
  {
    using _hook = writingTo(touched);
    assert.equal((await installation.send()).stdout, "");
    await waitFor(isSettled, { what: "the files have not changed for some seconds" });
    assert.equal((await installation.send()).stdout, "");
  }
  await assert.rejects(Deno.stat(idleNote), Deno.errors.NotFound);
  await Deno.utime(touched, 1, 1);
  await Deno.utime(`${touched}-wal`, 1, 1);
  assert.match((await installation.send()).stdout, /alice/);
  await Deno.writeTextFile(queueDatabase, "garbage".repeat(1_000));
  assert.equal((await installation.send()).code, 78);
  await runsFully(78);
});
