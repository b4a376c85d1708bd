// Checks what starts `send`: systemd units or cron. Only the last run of `send` shows whether they really work.

import { formatAgo } from "../../duration.ts";
import { hasStopped } from "../../store/health.ts";
import type { Findings } from "./finding.ts";

const NAME = "ssh-session-notifier";
const UNITS = "/etc/systemd/system";

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
    return;
  }
  if (!isThere("/run/systemd/system")) {
    if (isForCron) {
      findings.fault(
        "scheduler.cron-missing",
        "nothing runs send: cron is not installed",
        "install cron and make sure that it runs",
      );
    } else if (isThere(cronFile)) {
      findings.fault(
        "scheduler.cron-line",
        `nothing runs send: no line in ${cronFile} does`,
        "uncomment the line, or run install.sh",
      );
    } else {findings.fault(
        "scheduler.missing",
        "nothing runs send: neither systemd nor cron is set up",
        "run install.sh",
      );}
    return;
  }
  const missing = [".service", ".timer", ".path"].filter((suffix) => !isThere(`${UNITS}/${NAME}${suffix}`));
  if (missing.length > 0) {
    const units = missing.map((suffix) => NAME + suffix).join(", ");
    findings.fault("scheduler.unit-missing", `cannot find ${units} in ${UNITS}`, "run install.sh");
    return;
  }
  if (!isThere(`${UNITS}/timers.target.wants/${NAME}.timer`)) {
    findings.fault(
      "scheduler.timer",
      `${NAME}.timer is not enabled, so nothing is retried`,
      `systemctl enable --now ${NAME}.timer`,
    );
  } else findings.pass("scheduler.timer", `${NAME}.timer is enabled`);
  if (!isThere(`${UNITS}/multi-user.target.wants/${NAME}.path`)) {
    findings.warning(
      "scheduler.path",
      `${NAME}.path is not enabled, so a notification waits up to a minute for the timer`,
      `systemctl enable --now ${NAME}.path`,
    );
  } else findings.pass("scheduler.path", `${NAME}.path is enabled`);
}

/** The runs of `send`. */
export interface Runs {
  /** When the last run ended; undefined if none has. */
  readonly lastRunAtMs: number | undefined;
  /** How long a run may take, in milliseconds. */
  readonly runDeadlineMs: number;
  readonly nowMs: number;
}

/** Checks whether `send` really runs, by the same rule as `status`. */
export function inspectRuns({ lastRunAtMs, runDeadlineMs, nowMs }: Runs, findings: Findings): void {
  if (lastRunAtMs === undefined) {
    findings.warning("scheduler.never-run", "send has not run yet", "wait a minute, then run check again");
    return;
  }
  const since = `the last run of send ended ${formatAgo(lastRunAtMs, nowMs)}`;
  if (!hasStopped({ nowMs, lastRunAtMs, runDeadlineMs })) findings.pass("scheduler.last-run", since);
  else {
    findings.fault(
      "scheduler.last-run",
      `${since}: nothing starts it, or it does not finish`,
      "make sure that cron or ssh-session-notifier.timer runs (systemctl list-timers), and read the log of send",
    );
  }
}
