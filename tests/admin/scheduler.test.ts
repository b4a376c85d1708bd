import assert from "node:assert/strict";
import { Findings } from "../../src/admin/finding.ts";
import { inspectRuns, inspectScheduler } from "../../src/admin/scheduler.ts";

const UNITS = "/etc/systemd/system";
const CRON_FILE = "/etc/cron.d/ssh-session-notifier";
const CRON_LINE = "* * * * * ssh-session-notifier /usr/sbin/ssh-session-notifier send\n";
const SYSTEMD = [
  "/run/systemd/system",
  ...[".service", ".timer", ".path"].map((suffix) => `${UNITS}/ssh-session-notifier${suffix}`),
  `${UNITS}/timers.target.wants/ssh-session-notifier.timer`,
  `${UNITS}/multi-user.target.wants/ssh-session-notifier.path`,
];

function found(files: readonly string[], cronLine = files.includes(CRON_FILE) ? CRON_LINE : undefined): string[] {
  const findings = new Findings();
  inspectScheduler({ isThere: (path) => files.includes(path), read: () => cronLine }, findings);
  return findings.all.map(({ level, message }) => `${level}: ${message}`);
}

function without(part: string): string[] {
  return SYSTEMD.filter((path) => !path.includes(part));
}

Deno.test("inspectScheduler() passes enabled units, or cron", () => {
  assert.deepEqual(found(SYSTEMD), [
    "pass: ssh-session-notifier.timer is enabled",
    "pass: ssh-session-notifier.path is enabled",
  ]);
  for (const cron of ["/usr/sbin/cron", "/usr/sbin/crond"]) {
    assert.match(found([CRON_FILE, cron]).join(), /^pass: cron is set up to run send/);
  }
});

Deno.test("inspectScheduler() faults what would leave events lying", () => {
  assert.match(found([]).join(), /^fault: nothing runs send: neither/);
  assert.match(found(["/usr/sbin/cron"]).join(), /^fault: nothing runs send: neither/);
  assert.match(found([CRON_FILE]).join(), /^fault: nothing runs send: there is no cron$/);
  for (const line of [`#${CRON_LINE}`, ` # ${CRON_LINE}`, "", CRON_LINE.replace("send", "status")]) {
    assert.match(
      found([CRON_FILE, "/usr/sbin/cron"], line).join(),
      /^fault: nothing runs send: no line of .* does$/,
      line,
    );
  }
  // Then systemd has it.
  assert.match(found([...SYSTEMD, CRON_FILE, "/usr/sbin/cron"], `#${CRON_LINE}`).join(), /^pass: .*timer is enabled/);
  assert.match(found(["/run/systemd/system"]).join(), /^fault: there is no ssh-session-notifier\.service, /);
  assert.match(found(without("notifier.service")).join(), /^fault: there is no ssh-session-notifier\.service in/);
  assert.match(found(without("timers.target.wants")).join(), /^fault: ssh-session-notifier\.timer is not enabled/);
  assert.match(found(without("multi-user")).join(), /warning: ssh-session-notifier\.path is not enabled/);
});

Deno.test("inspectRuns() faults a scheduler that is set up, but starts nothing", () => {
  const minutes = (count: number) => count * 60_000;
  const table: [lastRunAtMs: number | undefined, expected: RegExp][] = [
    [undefined, /^warning: send has not run yet$/],
    [minutes(1_000), /^pass: the last run of send ended /],
    // The clock was set back since.
    [minutes(2_000), /^pass: /],
    // 15 minutes, and 10 for the run itself.
    [minutes(1_000 - 25), /^pass: the last run of send ended 25 min ago$/],
    [minutes(1_000 - 26), /^fault: the last run of send ended 26 min ago: nothing starts it, /],
  ];
  for (const [lastRunAtMs, expected] of table) {
    const findings = new Findings();
    inspectRuns({ lastRunAtMs, runDeadlineMs: minutes(10), nowMs: minutes(1_000) }, findings);
    assert.match(findings.all.map(({ level, message }) => `${level}: ${message}`).join(), expected);
  }
});
