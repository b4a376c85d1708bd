import assert from "node:assert/strict";
import { type Finding, Findings } from "../../../src/admin/check/finding.ts";
import { inspectRuns, inspectScheduler } from "../../../src/admin/check/scheduler.ts";
import { assertAllFound, idsOf, type LevelAndId } from "../../helpers/findings.ts";

const UNITS = "/usr/lib/systemd/system";
const OWN_UNITS = "/etc/systemd/system";
const CRON_FILE = "/etc/cron.d/ssh-session-notifier";
const CRON_LINE = "* * * * * ssh-session-notifier /usr/sbin/ssh-session-notifier send\n";
const SYSTEMD = [
  "/run/systemd/system",
  ...[".service", ".timer", ".path"].map((suffix) => `${UNITS}/ssh-session-notifier${suffix}`),
  `${OWN_UNITS}/timers.target.wants/ssh-session-notifier.timer`,
  `${OWN_UNITS}/multi-user.target.wants/ssh-session-notifier.path`,
];

function found(
  files: readonly string[],
  cronLine = files.includes(CRON_FILE) ? CRON_LINE : undefined,
): readonly Finding[] {
  const findings = new Findings();
  inspectScheduler({ isThere: (path) => files.includes(path), read: () => cronLine }, findings);
  return findings.all;
}

function without(part: string): string[] {
  return SYSTEMD.filter((path) => !path.includes(part));
}

Deno.test("inspectScheduler() passes enabled units, or cron", () => {
  assert.deepEqual(idsOf(found(SYSTEMD)), ["pass scheduler.timer", "pass scheduler.path"]);
  for (const cron of ["/usr/sbin/cron", "/usr/sbin/crond"]) {
    assert.deepEqual(idsOf(found([CRON_FILE, cron])), ["pass scheduler.cron"]);
  }
});

Deno.test("inspectScheduler() reports anything that keeps send from running", () => {
  assert.deepEqual(idsOf(found([])), ["fault scheduler.missing"]);
  assert.deepEqual(idsOf(found(["/usr/sbin/cron"])), ["fault scheduler.missing"]);
  assert.deepEqual(idsOf(found([CRON_FILE])), ["fault scheduler.cron-missing"]);
  for (const line of [`#${CRON_LINE}`, ` # ${CRON_LINE}`, "", CRON_LINE.replace("send", "status")]) {
    assertAllFound(found([CRON_FILE, "/usr/sbin/cron"], line), [["fault scheduler.cron-line", CRON_FILE]], line);
  }
  // Then systemd starts send.
  assert.deepEqual(idsOf(found([...SYSTEMD, CRON_FILE, "/usr/sbin/cron"], `#${CRON_LINE}`)), [
    "pass scheduler.timer",
    "pass scheduler.path",
  ]);
  const [service, timer, path] = [".service", ".timer", ".path"].map((suffix) => ` ssh-session-notifier${suffix}`);
  assertAllFound(found(["/run/systemd/system"]), [
    ["fault scheduler.unit-missing", `${service},${timer},${path} in ${UNITS} or ${OWN_UNITS}`],
  ]);
  assertAllFound(found(without("notifier.service")), [["fault scheduler.unit-missing", `${service} in ${UNITS} or `]]);
  assert.deepEqual(idsOf(found(without("timers.target.wants"))), ["fault scheduler.timer", "pass scheduler.path"]);
  assert.deepEqual(idsOf(found(without("multi-user"))), ["pass scheduler.timer", "warning scheduler.path"]);
});

Deno.test("inspectScheduler() accepts units in /etc/systemd/system, but warns if they replace those of a package", () => {
  const moved = SYSTEMD.map((path) => path.replace(UNITS, OWN_UNITS));
  assert.deepEqual(idsOf(found(moved)), ["pass scheduler.timer", "pass scheduler.path"]);
  const replaced = ["service", "path"].map((suffix) => `ssh-session-notifier.${suffix}`);
  assertAllFound(found([...SYSTEMD, ...replaced.map((unit) => `${OWN_UNITS}/${unit}`)]), [
    ["warning scheduler.unit-replaced", `${replaced.join(", ")} in ${OWN_UNITS} `, ` rm ${replaced.join(" ")} `],
    ["pass scheduler.timer"],
    ["pass scheduler.path"],
  ]);
});

Deno.test("inspectRuns() reports a scheduler that is set up but starts nothing", () => {
  const minutes = (count: number) => count * 60_000;
  const table: [lastRunAtMs: number | undefined, expected: [LevelAndId, ...string[]]][] = [
    [undefined, ["warning scheduler.never-run"]],
    [minutes(1_000), ["pass scheduler.last-run"]],
    // The clock was set back since.
    [minutes(2_000), ["pass scheduler.last-run"]],
    // 15 minutes, and 10 for the run itself.
    [minutes(1_000 - 25), ["pass scheduler.last-run", " 25 min ago"]],
    [minutes(1_000 - 26), ["fault scheduler.last-run", " 26 min ago"]],
  ];
  for (const [lastRunAtMs, expected] of table) {
    const findings = new Findings();
    inspectRuns({ lastRunAtMs, runDeadlineMs: minutes(10), nowMs: minutes(1_000) }, findings);
    assertAllFound(findings.all, [expected]);
  }
});
