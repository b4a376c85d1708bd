// `send`: delivers what is pending, as an unprivileged user, and ends. One at a time.

import { readConfig } from "../config/read_config.ts";
import { ExitCode, Failure } from "../failure.ts";
import { createLog, type Log } from "../log.ts";
import { CONFIG_FILE, type StatePaths, statePaths } from "../paths.ts";
import { Deliveries } from "../store/deliveries.ts";
import { statIfThere } from "../store/files.ts";
import { Inbox } from "../store/inbox.ts";
import { isSqliteError, SQLITE_BUSY, SQLITE_FULL, SQLITE_IOERR, SQLITE_LOCKED } from "../store/sqlite_error.ts";
import { NewerSchemaError } from "../store/schema.ts";
import { systemClock } from "./clock.ts";
import { dryRun } from "./dry_run.ts";
import { Intake } from "./intake.ts";
import { judgeNew } from "./judge_new.ts";
import { print } from "./print.ts";
import { redactor } from "./redact.ts";
import { run } from "./run.ts";
import { startTransport, transportOptions } from "./transport.ts";

/** What `send` may be told. */
export interface SendOptions {
  /** Shows what would be sent, and changes nothing. */
  readonly dryRun: boolean;
  /** Says on stderr what it does. */
  readonly verbose: boolean;
  /** In place of the fixed ones, for tests and the demo. */
  readonly stateDir?: string | undefined;
  readonly configFile?: string | undefined;
}

/**
 * Delivers what is pending.
 *
 * @returns 0 if nothing is left to deliver, 75 if something is
 * @throws {Failure} where it can't work at all
 */
export async function send(options: SendOptions): Promise<ExitCode> {
  const log = createLog(options);
  const paths = statePaths(options.stateDir);
  if (options.stateDir === undefined && Deno.uid() === 0) {
    throw new Failure("send must not run as root", {
      exitCode: ExitCode.noPermission,
      mend: "run it as its own user: runuser -u ssh-session-notifier -- ssh-session-notifier send",
    });
  }
  using lock = takeLock(paths);
  if (lock === undefined) {
    // Asked what would be sent, silence would be an answer, and a wrong one.
    log(options.dryRun ? "warning" : "info", "another send is running, and delivers what is pending");
    return options.dryRun ? ExitCode.tempFail : ExitCode.ok;
  }
  const work = { paths, configFile: options.configFile ?? CONFIG_FILE, log };
  try {
    return options.dryRun ? showPending(work) : await deliverPending(work);
  } catch (error) {
    throw explained(error, paths);
  }
}

interface Work {
  readonly paths: StatePaths;
  readonly configFile: string;
  readonly log: Log;
}

/** Everything as in a real run, up to the sending, and none of it stays. */
function showPending({ paths, configFile, log }: Work): ExitCode {
  const config = readConfig(configFile);
  const deliveries = new Deliveries(
    statIfThere(paths.deliveriesDatabase) !== undefined ? paths.deliveriesDatabase : ":memory:",
  );
  const intake = new Intake({ deliveries, inbox: new Inbox(paths), log });
  const lines = deliveries.discarding(() => {
    intake.takeIn();
    judgeNew(config, { deliveries, clock: systemClock, log });
    return dryRun(config, deliveries);
  });
  deliveries.close();
  lines.forEach(print);
  return intake.fault === undefined ? ExitCode.ok : ExitCode.config;
}

async function deliverPending({ paths, configFile, log }: Work): Promise<ExitCode> {
  const deliveries = new Deliveries(paths.deliveriesDatabase);
  const intake = new Intake({ deliveries, inbox: new Inbox(paths), log });
  // Before the configuration is read: whatever is wrong with that, the events are safe here.
  intake.takeIn();
  const config = readConfig(configFile);
  const stop = new AbortController();
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    Deno.addSignalListener(signal, () => stop.abort());
  }
  await run(config, {
    deliveries,
    intake,
    transport: await startTransport(transportOptions(config)),
    print,
    clock: systemClock,
    random: Math.random,
    log,
    redact: redactor(config.secrets),
    signal: stop.signal,
  });
  const pending = deliveries.pendingCount();
  deliveries.close();
  if (pending > 0) {
    log(
      "info",
      `${pending} ${pending === 1 ? "delivery is" : "deliveries are"} left for a later run`,
    );
  }
  if (intake.fault !== undefined) return ExitCode.config;
  return pending > 0 ? ExitCode.tempFail : ExitCode.ok;
}

/** Takes the lock that only one run can have, and that the kernel frees however the run ends. */
function takeLock({ sendDir, sendLock }: StatePaths): Deno.FsFile | undefined {
  let file: Deno.FsFile;
  try {
    file = Deno.openSync(sendLock, { create: true, write: true });
  } catch (cause) {
    throw unusable(sendDir, cause);
  }
  if (file.tryLockSync(true)) return file;
  file.close();
  return undefined;
}

function unusable(directory: string, cause: unknown): Failure {
  if (cause instanceof Deno.errors.NotFound) {
    return new Failure(`There is no state directory "${directory}"`, {
      exitCode: ExitCode.config,
      mend: "run install.sh, which makes it",
      cause,
    });
  }
  const denied = cause instanceof Deno.errors.PermissionDenied || cause instanceof Deno.errors.NotCapable;
  return new Failure(
    `Cannot use the state directory "${directory}": ${denied ? "permission denied" : messageOf(cause)}`,
    {
      exitCode: denied ? ExitCode.noPermission : ExitCode.config,
      mend: "run send as the user ssh-session-notifier, and run install.sh if it still fails",
      cause,
    },
  );
}

/** What a person can do about an error of the store; any other error as it is. */
function explained(
  error: unknown,
  { deliveriesDatabase }: StatePaths,
): unknown {
  if (error instanceof NewerSchemaError) {
    return new Failure(
      `Cannot use "${deliveriesDatabase}": its ${error.message}`,
      {
        exitCode: ExitCode.config,
        mend: "install the newer ssh-session-notifier again that has written it",
        cause: error,
      },
    );
  }
  if (!isSqliteError(error)) return error;
  const passing = [SQLITE_BUSY, SQLITE_LOCKED, SQLITE_IOERR, SQLITE_FULL]
    .includes((error.errcode ?? 0) & 0xff);
  return new Failure(`Cannot use "${deliveriesDatabase}": ${error.message}`, {
    exitCode: passing ? ExitCode.tempFail : ExitCode.config,
    mend: passing
      ? "see that the disk has room and nothing else holds the file; the next run tries again"
      : "see that it belongs to ssh-session-notifier; if it is damaged, move it aside with its -wal and -shm: what is " +
        "queued is then sent again",
    cause: error,
  });
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
