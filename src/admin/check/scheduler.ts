// Checks what starts `send`: systemd units or cron. Only the last run of `send` shows whether they really work.

import { formatAgo } from "../../text.ts";
import { hasStopped, type HealthSources } from "../../store/health.ts";
import type { Findings } from "./finding.ts";

const NAME = "ssh-session-notifier";

/** Where packages install units, and where the administrator does; a unit in the second replaces one in the first. */
const [UNITS, OWN_UNITS] = ["/usr/lib/systemd/system", "/etc/systemd/system"];

/** The cron daemon, as distributions name it. */
const CRON_PROGRAMS = ["/usr/sbin/cron", "/usr/sbin/crond"];

/** Access to the files that {@link inspectScheduler} checks. */
export interface SchedulerFiles {
  /** Whether a file or a link exists. */
  readonly isThere: (path: string) => boolean;
  /** The text of a file; undefined if it does not exist. */
  readonly read: (path: string) => string | undefined;
}

/** A line in a crontab that starts `send` and is not a comment. */
const CRON_LINE = /^\s*[^#\s].*\bssh-session-notifier\s+send\b/m;

/** Checks how the scheduler is set up, and reports the findings. */
export function inspectScheduler({ isThere, read }: SchedulerFiles, findings: Findings): void {
  const cronFile = `/etc/cron.d/${NAME}`;
  const isForCron = CRON_LINE.test(read(cronFile) ?? "");
  if (isForCron && CRON_PROGRAMS.some(isThere)) {
    findings.pass("scheduler.cron", `cron is set up to run send (${cronFile})`);
  } else if (isThere("/run/systemd/system")) inspectUnits(isThere, findings);
  else if (isForCron) {
    const hint = "install cron and make sure that it runs";
    findings.fault("scheduler.cron-missing", "nothing runs send: cron is not installed", hint);
  } else if (isThere(cronFile)) {
    const message = `nothing runs send: no line in ${cronFile} does`;
    findings.fault("scheduler.cron-line", message, `uncomment the line, or: cp /usr/share/${NAME}/cron ${cronFile}`);
  } else {
    const message = "nothing runs send: neither systemd nor cron is set up";
    const hint = `without systemd, install cron, then: cp /usr/share/${NAME}/cron ${cronFile}`;
    findings.fault("scheduler.missing", message, hint);
  }
}

function inspectUnits(isThere: SchedulerFiles["isThere"], findings: Findings): void {
  const units = [".service", ".timer", ".path"].map((suffix) => NAME + suffix);
  const isIn = (directory: string) => (unit: string) => isThere(`${directory}/${unit}`);
  const own = units.filter(isIn(OWN_UNITS));
  const missing = units.filter((unit) => !own.includes(unit) && !isIn(UNITS)(unit));
  if (missing.length > 0) {
    const message = `cannot find ${missing.join(", ")} in ${UNITS} or ${OWN_UNITS}`;
    findings.fault("scheduler.unit-missing", message, "run install.sh, or reinstall the package");
    return;
  }
  const replaced = own.filter(isIn(UNITS));
  if (replaced.length > 0) {
    findings.warning(
      "scheduler.unit-replaced",
      `${replaced.join(", ")} in ${OWN_UNITS} replaces that in ${UNITS}, so upgrades do not change it`,
      `unless you want that: cd ${OWN_UNITS} && rm ${replaced.join(" ")} && systemctl daemon-reload`,
    );
  }
  if (isThere(`${OWN_UNITS}/timers.target.wants/${NAME}.timer`)) {
    findings.pass("scheduler.timer", `${NAME}.timer is enabled`);
  } else {
    const message = `${NAME}.timer is not enabled, so nothing is retried`;
    findings.fault("scheduler.timer", message, `systemctl enable --now ${NAME}.timer`);
  }
  if (isThere(`${OWN_UNITS}/multi-user.target.wants/${NAME}.path`)) {
    findings.pass("scheduler.path", `${NAME}.path is enabled`);
  } else {
    const message = `${NAME}.path is not enabled, so a notification waits up to a minute for the timer`;
    findings.warning("scheduler.path", message, `systemctl enable --now ${NAME}.path`);
  }
}

/** Checks whether `send` really runs, by the same rule as `status`. */
export function inspectRuns(
  { lastRunAtMs, ...times }: Pick<HealthSources, "lastRunAtMs" | "runDeadlineMs" | "nowMs">,
  findings: Findings,
): void {
  if (lastRunAtMs === undefined) {
    findings.warning("scheduler.never-run", "send has not run yet", "wait a minute, then run check again");
    return;
  }
  const since = `the last full run of send ended ${formatAgo(lastRunAtMs, times.nowMs)}`;
  if (!hasStopped({ lastRunAtMs, ...times })) findings.pass("scheduler.last-run", since);
  else {
    findings.fault(
      "scheduler.last-run",
      `${since}: nothing starts it, or it does not finish`,
      "make sure that cron or ssh-session-notifier.timer runs (systemctl list-timers), and read the log of send",
    );
  }
}
