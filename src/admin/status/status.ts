// `status`: shows pending and given-up notifications, and unread events. Changes nothing.

import { readConfig } from "../../config/read_config.ts";
import { ExitCode, Failure } from "../../failure.ts";
import { jsonText } from "../../json_text.ts";
import { oneLine } from "../../log.ts";
import { CONFIG_FILE, statePaths } from "../../paths.ts";
import { print } from "../../print.ts";
import { InboxError } from "../../intake/inbox.ts";
import { lastResortFaults } from "../../store/last_resort.ts";
import { readOverview } from "../../store/overview.ts";
import { fullDisks } from "../../store/disk_space.ts";
import { Spool, SpoolError } from "../../intake/spool.ts";
import { explainingStore } from "../../store/store_failure.ts";
import { becomeQueueReader } from "../become_sender.ts";
import { statusJson } from "./status_json.ts";
import { statusLines } from "./status_lines.ts";
import { statusMetrics } from "./status_metrics.ts";
import { type Status, statusOf } from "./status_data.ts";
import { readUnread } from "../unread.ts";

/** The output format: `text` for people, `json` and `prometheus` for programs. */
export type StatusForm = "text" | "json" | "prometheus";

/** Options of `status`. */
export interface StatusOptions {
  readonly form: StatusForm;
  /** Override the fixed paths, for tests; any user may then run it. */
  readonly stateDir?: string | undefined;
  readonly configFile?: string | undefined;
}

/**
 * Prints the status.
 *
 * @returns 0, even if there are problems
 * @throws {Failure} if this user may not run `status`
 */
export function status({ form, stateDir, configFile = CONFIG_FILE }: StatusOptions): ExitCode {
  const paths = statePaths(stateDir);
  const faults: string[] = [];
  // Read while this is root: becomeQueueReader() gives up the group that may read it.
  const config = attempt(() => readConfig(configFile), faults);
  if (stateDir === undefined) becomeQueueReader(paths, "status");
  const overview = attempt(() => explainingStore(paths, () => readOverview(paths.deliveriesDatabase)), faults);
  const faultsElsewhere = faults.length;
  const unread = attempt(() => readUnread(paths, { overview, command: "status" }), faults);
  const isQueueReadable = faults.length === faultsElsewhere;
  const spooled = attempt(() => new Spool(paths).inspect(), faults);
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
    nowMs,
  });
  for (const line of shown(found, form)) print(line);
  return ExitCode.ok;
}

function shown(found: Status, form: StatusForm): readonly string[] {
  switch (form) {
    case "text":
      return statusLines(found).map(oneLine);
    case "json":
      return [jsonText(statusJson(found), { indent: 2 })];
    case "prometheus":
      return statusMetrics(found);
  }
}

/** Records the error of a part that cannot be read, and lets the others continue. */
function attempt<T>(read: () => T, faults: string[]): T | undefined {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof Failure || error instanceof InboxError || error instanceof SpoolError)) throw error;
    faults.push(...error.message.split("\n"));
    return undefined;
  }
}
