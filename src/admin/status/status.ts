// `status`: shows pending and given-up notifications, and unread events. Changes nothing.

import { readConfig } from "../../config/read_config.ts";
import { ExitCode, Failure } from "../../failure.ts";
import { jsonText } from "../../text.ts";
import { oneLine } from "../../log.ts";
import { CONFIG_FILE, statePaths } from "../../paths.ts";
import { print } from "../../print.ts";
import { SourceError } from "../../intake/record.ts";
import { lastResortFaults } from "../../store/last_resort.ts";
import { readOverview } from "../../store/overview.ts";
import { fullDisks } from "../../store/disk_space.ts";
import { Spool } from "../../intake/spool.ts";
import { explainingStore } from "../../store/store_failure.ts";
import { becomeQueueReader } from "../become_sender.ts";
import type { Places } from "../flags.ts";
import { statusJson } from "./status_json.ts";
import { statusLines } from "./status_lines.ts";
import { statusMetrics } from "./status_metrics.ts";
import { statusOf } from "./status_data.ts";
import { readUnread } from "../unread.ts";
import { warningsOf } from "../warnings.ts";

/** Options of `status`. */
export interface StatusOptions extends Places {
  /** The output format for programs; by default, lines for people. */
  readonly json: boolean;
  readonly prometheus: boolean;
}

/**
 * Prints the status.
 *
 * @returns 0, even if there are problems
 * @throws {Failure} if this user may not run `status`
 */
export function status({ json, prometheus, stateDir, configFile = CONFIG_FILE }: StatusOptions): ExitCode {
  const paths = statePaths(stateDir);
  const faults: string[] = [];
  // Read while this is root: becomeQueueReader() gives up the group that may read it.
  const config = attempt(() => readConfig(configFile), faults);
  if (stateDir === undefined) becomeQueueReader(paths, "status");
  const overview = attempt(() => explainingStore(paths, () => readOverview(paths.deliveriesDatabase)), faults);
  const faultsElsewhere = faults.length;
  if (overview?.queue.fault !== undefined) faults.push(overview.queue.fault.message);
  const unread = attempt(() => readUnread(paths, overview), faults);
  const isQueueReadable = faults.length === faultsElsewhere;
  const spooled = attempt(() => new Spool(paths.spoolDir).inspect(), faults);
  const warnings = attempt(() => warningsOf(paths, overview), faults) ?? [];
  const nowMs = Date.now();
  const others = lastResortFaults({ paths, lastRunAtMs: overview?.lastRunAtMs, nowMs }).map(({ short }) => short);
  const found = statusOf({
    others,
    config,
    overview,
    unread,
    isQueueReadable,
    spooled,
    withoutRoom: fullDisks(paths),
    faults,
    warnings,
    nowMs,
  });
  if (json) print(jsonText(statusJson(found), { indent: 2 }));
  else for (const line of prometheus ? statusMetrics(found) : statusLines(found).map(oneLine)) print(line);
  return ExitCode.ok;
}

/** Records the error of a part that cannot be read, and lets the others continue. */
function attempt<T>(read: () => T, faults: string[]): T | undefined {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof Failure || error instanceof SourceError)) throw error;
    faults.push(...error.message.split("\n"));
    return undefined;
  }
}
