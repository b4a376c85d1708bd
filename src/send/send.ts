// `send`: delivers pending notifications as an unprivileged user, and exits. Only one runs at a time.

import type { Config } from "../config/config.ts";
import { readConfig } from "../config/read_config.ts";
import { ExitCode, Failure, messageOf } from "../failure.ts";
import { createLog, type Log, oneLine } from "../log.ts";
import { lookAt } from "../look.ts";
import { CONFIG_FILE, type StatePaths, statePaths } from "../paths.ts";
import { print } from "../print.ts";
import { sentence } from "../services/wording.ts";
import type { Database } from "../sqlite/open.ts";
import { Inbox } from "../intake/inbox.ts";
import { SourceError } from "../intake/record.ts";
import { backUpDaily, noteBackupFault } from "../store/backup.ts";
import { compact } from "../store/compact.ts";
import { pendingEvents } from "../store/events.ts";
import { lastResortFaults } from "../store/last_resort.ts";
import { takeOver } from "../store/legacy.ts";
import { pendingCount } from "../store/next.ts";
import { routesOf } from "../store/overview.ts";
import { openStore, type OpenStoreOptions, previewStore } from "../store/open_store.ts";
import { prune } from "../store/prune.ts";
import { fullDisks } from "../store/disk_space.ts";
import { noteHealth } from "../store/reports.ts";
import { setAside } from "../store/set_aside.ts";
import { isDamage } from "../sqlite/sqlite_error.ts";
import { explainStoreError, isPassingInQueue } from "../store/store_failure.ts";
import { systemClock } from "../clock.ts";
import { type Problem, routeProblems } from "../store/health.ts";
import { pingHeartbeat } from "./heartbeat.ts";
import { Intake } from "./intake.ts";
import { judgePending } from "./judge_pending.ts";
import { beginFullRun, idleUntilMs, noteIdle } from "./note_idle.ts";
import { lookUpPlaces } from "./places.ts";
import { redactor } from "./redact.ts";
import { announceReport, previewReport } from "./report.ts";
import { notificationOf } from "./render.ts";
import { nextTurn, run } from "./run.ts";
import { hadStore, markStore, takeLock } from "./take_lock.ts";
import { startTransport, transportOptions } from "../transport/transport.ts";

/** The options of `send`. */
export interface SendOptions {
  /** Shows what would be sent, without changes. */
  readonly dryRun: boolean;
  /** With `dryRun`: shows the report that would be made now instead. */
  readonly report?: boolean;
  /** Logs each step to stderr. */
  readonly verbose: boolean;
  /** Replaces the fixed state directory; for tests and the demo. */
  readonly stateDir?: string | undefined;
  readonly configFile?: string | undefined;
}

/**
 * Delivers pending notifications.
 *
 * @returns 0 if nothing is left to deliver, 75 if something is, 78 if a person must first correct something
 * @throws {Failure} if it cannot work at all
 */
export async function send(options: SendOptions): Promise<ExitCode> {
  const log = createLog(options);
  const paths = statePaths(options.stateDir);
  if (options.stateDir === undefined && Deno.uid() === 0) {
    throw new Failure("send must not run as root", {
      code: "send.as-root",
      exitCode: ExitCode.noPermission,
      hint: "run it as its own user: runuser -u ssh-session-notifier -- ssh-session-notifier send",
    });
  }
  using lock = takeLock(paths);
  if (lock === undefined) {
    // With --dry-run, no output would wrongly mean that nothing is pending.
    log(options.dryRun ? "warning" : "info", "another send is running and delivers the pending notifications");
    return options.dryRun ? ExitCode.tempFail : ExitCode.ok;
  }
  const work = { paths, configFile: options.configFile ?? CONFIG_FILE, log, lock };
  try {
    return options.dryRun ? await showPending(work, options) : await deliverPending(work);
  } catch (error) {
    if (isDamage(error) && !options.dryRun) throw explainStoreError(setAsideFor(error, paths), paths);
    throw explainStoreError(error, paths);
  }
}

/**
 * Sets the store aside after a run found it damaged. Requests in flight end with this process.
 *
 * @returns the error to report: the damage, or the reason why the store could not be set aside
 */
function setAsideFor(damage: unknown, paths: StatePaths): unknown {
  try {
    setAside(paths, Date.now());
    return damage;
  } catch (error) {
    return error;
  }
}

interface Work {
  readonly paths: StatePaths;
  readonly configFile: string;
  readonly log: Log;
  readonly lock: Deno.FsFile;
}

/** Opens the store with `opening`, and creates the reader of new events. */
function open(
  { paths, log, lock }: Work,
  opening: (options: OpenStoreOptions) => Database,
): { database: Database; intake: Intake } {
  const inbox = new Inbox(paths);
  const now = { nowMs: Date.now(), newestAtMs: () => newestAtMs(inbox) };
  const database = opening({ paths, log, hadStore: hadStore(lock), ...now });
  return { database, intake: new Intake({ database, inbox, paths, clock: systemClock, log }) };
}

function newestAtMs(inbox: Inbox): number | undefined {
  try {
    return inbox.newestAtMs();
  } catch (error) {
    if (!(error instanceof SourceError)) throw error;
    return undefined;
  }
}

/**
 * Does all steps of a run except sending, prints one line per delivery, and rolls the steps back, also if one fails.
 */
async function showPending(work: Work, { report = false }: Pick<SendOptions, "report">): Promise<ExitCode> {
  const { paths, configFile, log } = work;
  const config = readConfig(configFile);
  const lookUpPlace = await lookUpPlaces(config, log);
  const { database: opened, intake } = open(work, previewStore);
  using database = opened;
  database.prepare("BEGIN").run();
  takeOver(database, { paths, log, keep: true });
  while (intake.takeIn() || intake.takeInDamaged());
  while (judgePending({ config, database, clock: systemClock, log, lookUpPlace }));
  const problems = () => problemsNow(database, { paths, config, intake }).texts;
  const lines = report
    ? sentence(previewReport({ config, database, nowMs: Date.now(), problems })).split("\n")
    : config.routes.flatMap(({ name, service, templates }) =>
      pendingEvents(database, name).map((event) =>
        `${name} (${service.name}): ${sentence(notificationOf(event, { ...config.host, templates }))}`
      )
    );
  database.prepare("ROLLBACK").run();
  for (const line of lines) print(oneLine(line));
  return exitCodeOf(intake, { pending: 0, problems: [] });
}

async function deliverPending(work: Work): Promise<ExitCode> {
  const { paths, configFile, log, lock } = work;
  const startedAtMs = Date.now();
  const before = beginFullRun(paths, configFile, startedAtMs);
  const { database, intake } = open(work, openStore);
  markStore(lock);
  const stop = new AbortController();
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    Deno.addSignalListener(signal, () => stop.abort());
  }
  takeOver(database, { paths, log, keep: false });
  let config: Config;
  try {
    config = readConfig(configFile);
  } catch (error) {
    // Store the events even if the configuration is wrong.
    while (!stop.signal.aborted && intake.takeIn()) await nextTurn();
    throw error;
  }
  const beside = lookAt(config.files);
  const context = {
    config,
    database,
    intake,
    transport: await startTransport(transportOptions(config)),
    print,
    clock: systemClock,
    lookUpPlace: await lookUpPlaces(config, log),
    random: Math.random,
    log,
    redact: redactor(config.secrets),
    signal: stop.signal,
  };
  const problems = () => problemsNow(database, { paths, config, intake });
  const isComplete = await run({
    ...context,
    report: () => announceReport({ config, database, nowMs: Date.now(), problems: () => problems().texts }),
    atEnd: () => pingHeartbeat({ ...context, isWell: () => problems().texts.length === 0 }),
  });
  const { ofRoutes, texts } = problems();
  noteHealth(database, { isWell: texts.length === 0, nowMs: Date.now(), runDeadlineMs: config.runDeadlineMs });
  const pruned = prune(database, { retentionDays: config.retentionDays, nowMs: Date.now() });
  if (pruned > 0) log("info", `deleted ${pruned} events that are older than ${config.retentionDays} days`);
  await compact(database, work);
  await backUp(database, work);
  const pending = pendingCount(database);
  const nowMs = Date.now();
  const untilMs = idleUntilMs(database, { config, startedAtMs, nowMs });
  database.close();
  if (pending > 0) {
    log(
      "info",
      `${pending} ${pending === 1 ? "delivery is" : "deliveries are"} left for a later run`,
    );
  }
  const exitCode = exitCodeOf(intake, { pending, problems: ofRoutes });
  // A source that cannot be read is tried again, and reported, in every run.
  if (isComplete && intake.fault === undefined && !intake.isWaiting) {
    noteIdle(paths, { configFile, before, beside, nowMs, files: config.files, untilMs, exitCode });
  }
  return exitCode;
}

/** Why the alarm does not work, as far as a run can tell: the queue, the routes, and the host, a few words each. */
function problemsNow(
  database: Database,
  { paths, config, intake }: { paths: StatePaths; config: Config; intake: Intake },
): { readonly ofRoutes: readonly Problem[]; readonly texts: readonly string[] } {
  const nowMs = Date.now();
  const configured = config.routes.map(({ name }) => name);
  const ofRoutes = routeProblems({ configured, routes: routesOf(database), nowMs });
  const texts = [
    ...intake.fault === undefined ? [] : ["send cannot read all events"],
    ...ofRoutes.map(({ text }) => text),
    ...fullDisks(paths),
    ...lastResortFaults({ paths, lastRunAtMs: nowMs, nowMs }).map(({ short }) => short),
  ];
  return { ofRoutes, texts };
}

/** Makes the daily backup. A failure must not affect the run: the next one tries again. Logs each reason once. */
async function backUp(database: Database, { paths, log }: Work): Promise<void> {
  let fault = "";
  try {
    await backUpDaily(database, { paths, nowMs: Date.now() });
  } catch (error) {
    fault = messageOf(error);
  }
  const isNew = noteBackupFault(database, fault);
  if (isNew && fault !== "") log("warning", `cannot back up the store to "${paths.deliveriesBackup}": ${fault}`);
}

/** Faults that a person must correct take precedence over those that may be gone at the next run. */
function exitCodeOf(
  { fault }: Intake,
  { pending, problems }: { pending: number; problems: readonly Problem[] },
): ExitCode {
  if (fault !== undefined && !isPassingInQueue(fault)) return ExitCode.config;
  if (problems.some(({ kind }) => kind === "broken")) return ExitCode.config;
  return fault !== undefined || pending + problems.length > 0 ? ExitCode.tempFail : ExitCode.ok;
}
