// `retry`: makes given-up and pending notifications due now, or moves them to another route. Each change is one
// transaction, so a running `send` sees it at once.

import { suggestion } from "../config/config_error.ts";
import { readConfig } from "../config/read_config.ts";
import { ExitCode, Failure } from "../failure.ts";
import { oneLine } from "../log.ts";
import { CONFIG_FILE, type StatePaths, statePaths } from "../paths.ts";
import { plural, quotedForShell } from "../text.ts";
import { print } from "../print.ts";
import type { Database } from "../sqlite/open.ts";
import { openToWrite } from "../store/open.ts";
import { readOverview } from "../store/overview.ts";
import { move, revive } from "../store/revive.ts";
import { explainingStore } from "../store/store_failure.ts";
import { becomeSender } from "./become_sender.ts";
import type { Places } from "./flags.ts";

/** Options of `retry`. */
export interface RetryOptions extends Places {
  /** The route to retry; all routes by default. */
  readonly route?: string | undefined;
  /** The route to move everything to. */
  readonly to?: string | undefined;
}

/**
 * Retries notifications, and prints what it did.
 *
 * @throws {Failure} with exit code 64 if a route does not exist; if the store or the configuration cannot be used
 */
export function retry(options: RetryOptions): ExitCode {
  const paths = statePaths(options.stateDir);
  if (options.stateDir === undefined) becomeSender(paths, "retry");
  for (const line of explainingStore(paths, () => retryIn(paths, options))) print(oneLine(line));
  return ExitCode.ok;
}

function retryIn(paths: StatePaths, { route, to, configFile = CONFIG_FILE }: RetryOptions): string[] {
  const configured = configuredRoutes(configFile, { isNeeded: to !== undefined });
  // Read-only at first: only `send` creates or migrates the store.
  const overview = readOverview(paths.deliveriesDatabase);
  const names = (overview?.routes ?? []).map(({ name }) => name);
  if (route !== undefined) requireRoute(route, [...new Set([...names, ...configured ?? []])], "--route");
  if (to !== undefined) requireRoute(to, configured ?? [], "--to");
  if (overview === undefined) return ["nothing to retry: send has not run yet, or not since an upgrade"];
  using database = openToWrite(paths.deliveriesDatabase);
  const lines = route !== undefined && to !== undefined
    ? [moved(database, { from: route, to })]
    : (route === undefined ? names : [route]).map((name) => revived(database, { route: name, configured }));
  return lines.length > 0 ? lines : ["nothing to retry"];
}

/** The routes in the configuration; undefined if it cannot be read and is not needed. */
function configuredRoutes(configFile: string, { isNeeded }: { isNeeded: boolean }): string[] | undefined {
  try {
    return readConfig(configFile).routes.map(({ name }) => name);
  } catch (error) {
    if (isNeeded || !(error instanceof Failure)) throw error;
    return undefined;
  }
}

function requireRoute(name: string, known: readonly string[], flag: string): void {
  if (known.includes(name)) return;
  throw new Failure(`Route "${name}" does not exist${suggestion(name, known)}`, {
    code: "retry.unknown-route",
    exitCode: ExitCode.usage,
    hint: `pass an existing route to ${flag}; ssh-session-notifier status lists the routes`,
  });
}

function revived(
  database: Database,
  { route, configured }: { route: string; configured: readonly string[] | undefined },
): string {
  const { dead, pending, notices } = revive(database, { route, nowMs: Date.now() });
  const what = [
    ...dead > 0 ? [`restored ${plural(dead, "given-up notification")}`] : [],
    ...pending > 0 ? [`made ${plural(pending, "pending notification")} due now`] : [],
    ...notices > 0 ? [`made ${plural(notices, "notice")} due now`] : [],
  ];
  const name = `route "${route}"`;
  if (what.length === 0) return `${name}: nothing to retry`;
  const then = configured?.includes(route) === false
    ? `the route is not in the configuration, so move them: --route ${quotedForShell(route)} --to NAME`
    : "the next run of send delivers";
  return `${name}: ${what.join(", ")}; ${then}`;
}

function moved(database: Database, { from, to }: { from: string; to: string }): string {
  if (from === to) {
    throw new Failure(`Cannot move notifications from route "${from}" to itself`, {
      code: "retry.same-route",
      exitCode: ExitCode.usage,
      hint: "omit --to to retry on the same route",
    });
  }
  const { moved, dropped } = move(database, { from, to, nowMs: Date.now() });
  const rest = dropped > 0 ? `; dropped ${plural(dropped, "notification")} that route "${to}" already has` : "";
  const what = `moved ${plural(moved, "notification")} from route "${from}" to route "${to}"`;
  return `${what}${rest}; the next run of send delivers`;
}
