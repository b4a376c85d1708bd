// Logins in the file of the last resort are read once, whatever it contains. One that the hook also recorded is dropped.

import assert from "node:assert/strict";
import { NO_PLACE } from "../../src/session/place.ts";
import { judgePending } from "../../src/send/judge_pending.ts";
import { HOOK_COULD_NOT_RUN } from "../../src/session/judge.ts";
import { parseConfig } from "../../src/config/config.ts";
import { beginStore } from "../../src/store/read_again.ts";
import { MAX_UNRECORDED_BYTES, readUnrecorded, UNRECORDED_START } from "../../src/intake/unrecorded.ts";
import { announceQueueProblems } from "../../src/store/unreadable.ts";
import { FakeClock } from "../helpers/fake_clock.ts";
import { parsedEvent, sessionEvent } from "../helpers/fixtures.ts";
import { takeIn, takeInUnrecorded, unrecordedPosition } from "../../src/store/take_in.ts";
import { pendingEvents, unjudged } from "../../src/store/events.ts";
import { openToWrite } from "../../src/store/open.ts";

const HEADER = "*** Sat Nov 28 21:53:36 2026\n";

/** An entry as `env -0` writes it, with pam_exec's own variables last. */
function body(user = "alice", { port = 50_022, before = "" } = {}): string {
  return `${before}PATH=/usr/bin\0SSH_CONNECTION=203.0.113.7 ${port} 192.0.2.1 22\0PAM_SERVICE=sshd\0` +
    `PAM_RHOST=203.0.113.7\0PAM_USER=${user}\0PAM_TTY=ssh\0PAM_TYPE=open_session\0`;
}

class LastResort implements Disposable {
  readonly directory = Deno.makeTempDirSync({ prefix: "unrecorded-test-" });
  readonly path = `${this.directory}/unrecorded`;
  readonly database = openToWrite(":memory:");
  readonly clock = new FakeClock();

  constructor() {
    beginStore(this.database, { origin: "first", nowMs: this.clock.nowMs() });
  }

  append(text: string | Uint8Array): void {
    const bytes = typeof text === "string" ? new TextEncoder().encode(text) : text;
    Deno.writeFileSync(this.path, bytes, { append: true });
    const seconds = this.clock.nowMs() / 1000;
    Deno.utimeSync(this.path, seconds, seconds);
  }

  /** Reads to the end, as a pass does; returns the users of the new events. */
  takeIn(): string[] {
    const before = this.users().length;
    for (let pages = 0;; pages++) {
      assert.ok(pages < 1_000, "it does not end");
      const position = unrecordedPosition(this.database) ?? UNRECORDED_START;
      const page = readUnrecorded(this.path, { position, upTo: Infinity });
      takeInUnrecorded(this.database, page);
      if (page.position.file === position.file && page.position.offset === position.offset) break;
    }
    return this.users().slice(before);
  }

  users(): string[] {
    return this.database.prepare("SELECT user FROM event ORDER BY id").all().map((row) => String(row["user"]));
  }

  untold(): number {
    this.clock.pass(2 * 60 * 60 * 1000);
    return announceQueueProblems(this.database, [], this.clock.nowMs()).unreadable;
  }

  [Symbol.dispose](): void {
    this.database.close();
    Deno.removeSync(this.directory, { recursive: true });
  }
}

Deno.test("readUnrecorded() reads each entry once, and continues where it stopped", () => {
  using file = new LastResort();
  assert.deepEqual(file.takeIn(), []);
  file.append(`${HEADER}${body("alice")}`);
  assert.deepEqual(file.takeIn(), ["alice"]);
  assert.deepEqual(file.takeIn(), []);
  file.append(`${HEADER}${body("bob")}${HEADER}${body("carol")}`);
  assert.deepEqual(file.takeIn(), ["bob", "carol"]);
  const [event] = unjudged(file.database, 1);
  assert.deepEqual({ ...event, uuid: "", id: 0 }, {
    ...parsedEvent({ uuid: "", connection: "203.0.113.7 50022 192.0.2.1 22", authInfo: "" }),
    id: 0,
    occurredAtMs: file.clock.nowMs(),
    parentPid: 0,
    isUnrecorded: true,
  });
});

Deno.test("readUnrecorded() reads entries whose headers are out of order", () => {
  using file = new LastResort();
  file.append(`${HEADER}${HEADER}${body("alice")}${body("bob")}${HEADER}${HEADER}${HEADER}${body("carol")}`);
  assert.deepEqual(file.takeIn(), ["alice", "bob", "carol"]);
  assert.equal(file.untold(), 0);
});

Deno.test("readUnrecorded() waits for the rest of an entry, at every byte", () => {
  const text = `${HEADER}${body("alice")}`;
  for (let cut = 1; cut < text.length; cut += 7) {
    using file = new LastResort();
    file.append(text.slice(0, cut));
    assert.deepEqual(file.takeIn(), [], `${cut}`);
    file.append(text.slice(cut));
    assert.deepEqual(file.takeIn(), ["alice"], `${cut}`);
    assert.equal(file.untold(), 0, `${cut}`);
  }
});

Deno.test("readUnrecorded() counts an entry that stays truncated, and reads the entries after it", () => {
  const text = `${HEADER}${body("alice")}`;
  for (let cut = HEADER.length + 3; cut < text.length - 1; cut += 7) {
    using file = new LastResort();
    file.append(text.slice(0, cut));
    assert.deepEqual(file.takeIn(), []);
    file.append(`${HEADER}${body("bob")}`);
    assert.deepEqual(file.takeIn(), ["bob"], `${cut}`);
    assert.deepEqual(unjudged(file.database, 1)[0]?.tampered, [], `${cut}`);
    assert.equal(file.untold(), 1, `${cut}`);
  }
});

Deno.test("readUnrecorded() uses the last of duplicate variables, and marks the entry as tampered with", () => {
  using file = new LastResort();
  file.append(
    `${HEADER}${body("alice", { before: "PAM_USER=root\0PAM_RHOST=192.0.2.99\0SSH_AUTH_INFO_0=password\0" })}`,
  );
  file.takeIn();
  const [event] = unjudged(file.database, 1);
  assert.deepEqual([event?.user, event?.remoteHost, event?.auth], ["alice", "203.0.113.7", []]);
  assert.deepEqual(event?.tampered, ["PAM_USER", "PAM_RHOST"]);
});

Deno.test("readUnrecorded() finds the real login even if the user sets a variable that ends an entry", () => {
  using file = new LastResort();
  file.append(`${HEADER}${body("alice", { before: "PAM_USER=root\0PAM_TYPE=open_session\0" })}`);
  assert.deepEqual(file.takeIn(), ["root", "alice"]);
});

Deno.test("readUnrecorded() terminates for any bytes, and counts them", () => {
  using file = new LastResort();
  const noise = crypto.getRandomValues(new Uint8Array(60_000));
  for (let part = 0; part < 35; part++) file.append(noise);
  file.takeIn();
  // One that is too long: only its last variables are read.
  file.append(`${HEADER}${body("mallory", { before: `A=${"x".repeat(2_000_000)}\0` })}`);
  file.append(`${HEADER}${body("alice")}`);
  assert.deepEqual(file.takeIn().slice(-2), ["mallory", "alice"]);
  assert.ok(file.untold() > 0);
  file.append("PAM_TYPE=open_session\0".repeat(500));
  assert.deepEqual(file.takeIn(), []);
  assert.equal(file.untold(), 500);
});

Deno.test("readUnrecorded() reads another file from its start, even if it has the same inode and is longer", () => {
  using file = new LastResort();
  file.append(`${HEADER}${body("alice")}`);
  file.takeIn();
  // As after a boot. Written in place, so that even the inode is the same.
  const later = HEADER.replace("28", "29");
  Deno.truncateSync(file.path, 0);
  file.append(`${later}${body("bob")}${later}${body("carol")}`);
  assert.deepEqual(file.takeIn(), ["bob", "carol"]);
  Deno.truncateSync(file.path, 0);
  assert.deepEqual(file.takeIn(), []);
  // The same login at the same offset, on another day.
  file.append(`${HEADER.replace("28", "30")}${body("alice")}`);
  assert.deepEqual(file.takeIn(), ["alice"]);
});

Deno.test("readUnrecorded() returns the same events again if the position was lost", () => {
  using file = new LastResort();
  file.append(`${HEADER}${body("alice")}${HEADER}${body("bob")}`);
  assert.deepEqual(file.takeIn(), ["alice", "bob"]);
  file.database.exec("DELETE FROM unrecorded");
  assert.deepEqual(file.takeIn(), []);
});

Deno.test("readUnrecorded() rejects a FIFO, a directory and a link at once", () => {
  for (const make of [["mkfifo"], ["mkdir"], ["ln", "-s", "/etc/passwd"]]) {
    using file = new LastResort();
    const [command = "", ...args] = make;
    new Deno.Command(command, { args: [...args, file.path] }).outputSync();
    assert.throws(() => file.takeIn(), /Cannot read ".*unrecorded": .* is not a plain file/);
  }
});

Deno.test("takeInUnrecorded() drops a login that the hook also recorded, and no other", () => {
  const recorded = { connection: "203.0.113.7 50022 192.0.2.1 22" };
  const cases: [string, Parameters<typeof sessionEvent>[0], string[]][] = [
    ["the same login", recorded, []],
    ["another connection", { connection: "203.0.113.7 50023 192.0.2.1 22" }, ["alice"]],
    ["another user", { ...recorded, user: "bob" }, ["alice"]],
    ["a logout", { ...recorded, type: "close" }, ["alice"]],
    ["an hour before", { ...recorded, occurredAtMs: Date.UTC(2026, 10, 22, 23) }, ["alice"]],
  ];
  for (const [what, overrides, expected] of cases) {
    using file = new LastResort();
    const event = sessionEvent({ occurredAtMs: file.clock.nowMs() - 20_000, ...overrides });
    takeIn(file.database, { events: [event], position: { lastId: 1, lastUuid: "" } });
    file.append(`${HEADER}${body()}`);
    assert.deepEqual(file.takeIn(), expected, what);
  }
});

Deno.test("a login of the last resort is urgent, has a reason, and is never allowlisted", () => {
  using file = new LastResort();
  const config = parseConfig(
    `[notification]\nservice = "stdout"\n[[allowlist.rules]]\nreason = "x"\nusers = ["alice"]\n`,
    { hostName: () => "h" },
  );
  file.append(`${HEADER}${body()}`);
  file.takeIn();
  judgePending({ config, database: file.database, clock: file.clock, log: () => {}, lookUpPlace: () => NO_PLACE });
  const [event] = pendingEvents(file.database, "default");
  assert.deepEqual([event?.urgent, event?.reasons], [true, [HOOK_COULD_NOT_RUN, "first login of alice"]]);
});

Deno.test("takeInUnrecorded() reports a full file once", () => {
  using file = new LastResort();
  const untold = () => announceQueueProblems(file.database, [], file.clock.nowMs()).isFull;
  file.append(`${HEADER}${body()}`);
  file.takeIn();
  assert.equal(untold(), false);
  file.append("x".repeat(MAX_UNRECORDED_BYTES));
  file.takeIn();
  assert.deepEqual([untold(), untold()], [true, false]);
  file.takeIn();
  assert.equal(untold(), false);
});
