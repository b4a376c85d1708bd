// Reports in complete runs of `send`.

import assert from "node:assert/strict";
import { noteHealth, wellSinceMs } from "../../src/store/reports.ts";
import { openToWrite } from "../../src/store/open.ts";
import { ALICE_KEY, HOSTILE_TEXTS } from "../helpers/fixtures.ts";
import { Installation, LOGIN } from "../helpers/program.ts";
import { DAY, DOWN, HOUR, MINUTE, response, routes, World } from "../helpers/world.ts";

const WEEKLY = '[report]\nschedule = "weekly"\n';

/** A world on a Monday at 9, so no report is due for a week. */
function monday(): World {
  const world = new World();
  world.clock.pass(9 * HOUR);
  return world;
}

/** The reports that were requested on a host. */
function reports(world: World, host = ""): string[] {
  return world.messages(host).filter((message) => message.startsWith("SSH report of example.com:\n"));
}

Deno.test("run() sends a report on every route, once a week, and none when it is set up", async () => {
  using world = monday();
  world.config = routes(["a", "b"], WEEKLY);
  world.login();
  await world.runRepeatedly(3 * 7 * DAY + HOUR, HOUR);
  assert.deepEqual([reports(world, "//a.").length, reports(world, "//b.").length], [3, 3]);
  const [first = "", second = ""] = reports(world, "//a.");
  assert.match(first, /\n1 login from \d{4}-\d\d-\d\d 08:00\+00:00 to \d{4}-\d\d-\d\d 08:00\+00:00\n/);
  assert.match(first, /\nUsers: alice 1\nFrom: 203\.0\.113\.7 1\nKeys: SHA256:\w{10} 1\nNothing was unexpected\n/);
  assert.match(first, /\nOpen sessions: \d+; .*, alice since /);
  assert.match(first, /\nThe alarm works$/);
  assert.match(second, /\n0 logins from /);
});

Deno.test("run() sends a report only on the routes that it names", async () => {
  using world = monday();
  world.config = routes(["a", "b"], `${WEEKLY}routes = ["b"]\n`);
  await world.runRepeatedly(8 * DAY, HOUR);
  assert.deepEqual([reports(world, "//a.").length, reports(world, "//b.").length], [0, 1]);
});

Deno.test("run() delivers the events before it makes a report, so that no history can delay them", async () => {
  using world = monday();
  world.config = routes(["a"], WEEKLY);
  await world.run();
  world.clock.pass(7 * DAY);
  world.login();
  await world.run();
  assert.match(
    world.messages("//a.").join("\n\n"),
    /^[^]* logged in to [^]*\n\nSSH report of example\.com:\n0 logins /,
  );
});

Deno.test("a report is delivered late rather than never, and with the content that it had", async () => {
  using world = monday();
  world.config = routes(["a"], WEEKLY);
  await world.run();
  world.login();
  world.answer = () => DOWN;
  await world.runRepeatedly(7 * DAY + 3 * HOUR, HOUR);
  const failed = reports(world);
  assert.ok(failed.length > 0);
  world.answer = () => response(200, { id: "1" });
  world.login();
  await world.runRepeatedly(2 * HOUR, 10 * MINUTE);
  assert.deepEqual(new Set(reports(world)), new Set(failed.slice(-1)));
  assert.equal(reports(world).length, failed.length + 1);
});

Deno.test("a report counts a tampered logout without a login as unexpected, and lists it", async () => {
  using world = monday();
  world.config = routes(["a"], WEEKLY);
  world.login("mallory", { type: "close", tampered: ["SSH_CONNECTION"] });
  await world.runRepeatedly(8 * DAY, HOUR);
  const [text = ""] = reports(world);
  assert.match(text, /\n0 logins from .*\nUnexpected: 1, the newest:\n- .* environment of mallory tampered with\n/);
});

Deno.test("a report that waits is not replaced by the next one", async () => {
  using world = monday();
  world.config = routes(["a"], WEEKLY);
  await world.run();
  // The route rests, so the first report is not attempted before the second one is made.
  world.login();
  world.answer = () => response(429, {}, { "retry-after": String(23 * 3600) });
  for (const _ of [1, 2]) {
    world.clock.pass(7 * DAY);
    world.database.prepare("UPDATE route SET rests_from_ms = ?, rests_until_ms = ?").run(
      world.clock.nowMs(),
      world.clock.nowMs() + HOUR,
    );
    await world.run();
  }
  world.answer = () => response(200, { id: "1" });
  world.clock.pass(2 * HOUR);
  await world.run();
  const spans = new Set(reports(world).map((text) => /\d logins? from (\S+)/.exec(text)?.[1]));
  assert.deepEqual([...spans], ["2026-11-23", "2026-11-30"]);
});

Deno.test("a report is sent once, however the clock, the time zone and the schedule change", async () => {
  using world = monday();
  world.config = routes(["a"], WEEKLY);
  await world.runRepeatedly(8 * DAY, HOUR);
  assert.equal(reports(world).length, 1);
  // Daylight saving time and other zones move the hour, not the date.
  for (const zone of ["Pacific/Auckland", "Pacific/Honolulu", "Europe/Berlin", "Etc/UTC"]) {
    world.config = routes(["a"], `${WEEKLY}[host]\ntimezone = "${zone}"\n`);
    await world.run();
  }
  world.clock.jump(-DAY);
  await world.run();
  assert.equal(reports(world).length, 1);
  // A jump ahead makes the report of that time due; back in the present, none is due before the next date.
  world.clock.jump(365 * DAY);
  await world.run();
  world.clock.jump(-365 * DAY);
  await world.run();
  assert.equal(reports(world).length, 2);
  await world.runRepeatedly(8 * DAY, HOUR);
  assert.equal(reports(world).length, 3);
});

Deno.test("a report fits one message and cannot be forged, whatever the names of users and hosts", async () => {
  using world = monday();
  world.config = routes(["a"], `${WEEKLY}[allowlist]\nips = ["203.0.113.7"]\n`);
  await world.run();
  for (const text of HOSTILE_TEXTS) world.login(text.replaceAll("\0", ""), { remoteHost: text, terminal: text });
  for (let count = 0; count < 60; count++) world.login(`user${count}${"x".repeat(200)}`, { authInfo: "" });
  await world.runRepeatedly(8 * DAY, HOUR);
  const [text = ""] = reports(world);
  assert.equal(reports(world).length, 1);
  assert.ok(new TextEncoder().encode(text).length < 4096);
  assert.match(text.split("\n")[1] ?? "", /^\d+ logins from /);
  assert.doesNotMatch(text.replaceAll("\n", ""), /[\p{Cc}\p{Cf}]/u);
  assert.match(text, / and \d+ more\n/);
});

Deno.test("a report that cannot be made does not end the run", async () => {
  using world = monday();
  world.config = routes(["a"], WEEKLY);
  world.login();
  await world.run();
  world.database.prepare("UPDATE event SET reasons = 'not JSON'").run();
  world.clock.pass(8 * DAY);
  world.login("bob");
  await world.run();
  assert.ok(world.messages("//a.").some((message) => message.includes("'bob'")));
  assert.deepEqual(reports(world), []);
  assert.ok(world.logged.some(([, line]) => line.startsWith("cannot make the report: ")), String(world.logged));
});

Deno.test("noteHealth() knows since when every run found that the alarm works", () => {
  const database = openToWrite(":memory:");
  const at = (hours: number) => Date.UTC(2026, 10, 23) + hours * HOUR;
  const note = (hours: number, isWell: boolean, lastRun = hours) => {
    database.prepare("UPDATE store SET last_run_at_ms = ?").run(at(lastRun));
    noteHealth(database, { isWell, nowMs: at(hours), runDeadlineMs: 10 * MINUTE });
    return wellSinceMs(database);
  };
  database.prepare(
    "INSERT OR IGNORE INTO store (one, repeats_before_ms, history_before_ms, last_run_at_ms) VALUES (1, 0, 0, 0)",
  ).run();
  assert.equal(note(1, true), at(1));
  assert.equal(note(2, true), at(1));
  assert.equal(note(3, false), undefined);
  assert.equal(note(4, false), undefined);
  assert.equal(note(5, true), at(5));
  // send did not run for a while, so nothing is known about the time between.
  assert.equal(note(9, true, 6), at(9));
  // The rule of status: send has stopped if the last run ended more than 25 minutes ago.
  assert.equal(note(10, true, 9.75), at(9));
  assert.equal(note(10, true, 9.5), at(10));
  // The clock was set back.
  assert.equal(note(7, true), at(7));
  database.close();
});

Deno.test("send --dry-run --report shows the report that would be made now, and changes nothing", async () => {
  await using installation = await Installation.create();
  await installation.writeConfig(
    `[host]\nname = "h"\n[notification]\nservice = "stdout"\n[key_names]\n"${ALICE_KEY.fingerprint}" = "work laptop"\n`,
  );
  await installation.queue({ ...LOGIN, SSH_AUTH_INFO_0: `publickey ${ALICE_KEY.public}` });
  for (let run = 0; run < 2; run++) {
    const { code, stdout, stderr } = await installation.send("--dry-run", "--report");
    assert.deepEqual([code, stderr], [0, ""]);
    assert.match(
      stdout,
      /^SSH report of h:\n1 login from .*\nUsers: alice 1\n.*\nKeys: work laptop 1\nUnexpected: 1, the newest:\n- .* first login of alice/,
    );
  }
  const { code, stderr } = await installation.send("--report");
  assert.deepEqual([code, stderr.split("\n")[0]], [64, "error: --report requires --dry-run"]);
});
