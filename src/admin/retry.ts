// `retry`: brings back what was given up, makes what waits due now, or moves it to another route. A `send` that is
// running sees it at once: each change is one transaction.

import { suggestion } from "../config/config_error.ts";
import { readConfig } from "../config/read_config.ts";
import { ExitCode, Failure } from "../failure.ts";
import { oneLine } from "../log.ts";
import { CONFIG_FILE, type StatePaths, statePaths } from "../paths.ts";
import { plural } from "../plural.ts";
import { print } from "../print.ts";
import { quotedForShell } from "../shell.ts";
import { Deliveries } from "../store/deliveries.ts";
import { readOverview } from "../store/overview.ts";
import { explainingStore } from "../store/store_failure.ts";
import { becomeSender } from "./become_sender.ts";

/** What `retry` may be told. */
export interface RetryOptions {
  /** The only route to look at. */
  readonly route?: string | undefined;
  /** The route to move everything to. */
  readonly to?: string | undefined;
  /** In place of the fixed ones, for tests; any user may then run it. */
  readonly stateDir?: string | undefined;
  readonly configFile?: string | undefined;
}

/**
 * Brings back what was given up, and says what it did.
 *
 * @throws {Failure} with 64 for a route that there is not, and where it can't work at all
 */
export function retry(options: RetryOptions): ExitCode {
  const paths = statePaths(options.stateDir);
  if (options.stateDir === undefined) becomeSender(paths, "retry");
  for (const line of explainingStore(paths, () => retryIn(paths, options))) print(oneLine(line));
  return ExitCode.ok;
}

function retryIn(paths: StatePaths, { route, to, configFile = CONFIG_FILE }: RetryOptions): string[] {
  const configured = configuredRoutes(configFile, { isNeeded: to !== undefined });
  // First read only: `send` alone makes the store, or migrates it.
  const overview = readOverview(paths.deliveriesDatabase);
  const names = (overview?.routes ?? []).map(({ name }) => name);
  if (route !== undefined) requireRoute(route, [...new Set([...names, ...configured ?? []])], "--route");
  if (to !== undefined) requireRoute(to, configured ?? [], "--to");
  if (overview === undefined) return ["nothing to retry: send has not run yet, or not since an upgrade"];
  const deliveries = new Deliveries(paths.deliveriesDatabase);
  try {
    const lines = route !== undefined && to !== undefined
      ? [moved(deliveries, { from: route, to })]
      : (route === undefined ? names : [route]).map((name) => revived(deliveries, { route: name, configured }));
    return lines.length > 0 ? lines : ["nothing to retry"];
  } finally {
    deliveries.close();
  }
}

/** The routes that the configuration has; undefined where it can't be read, and need not be. */
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
  throw new Failure(`There is no route "${name}"${suggestion(name, known)}`, {
    code: "retry.unknown-route",
    exitCode: ExitCode.usage,
    hint: `name one of them with ${flag}; ssh-session-notifier status shows them all`,
  });
}

function revived(
  deliveries: Deliveries,
  { route, configured }: { route: string; configured: readonly string[] | undefined },
): string {
  const { dead, pending, notices } = deliveries.revive({ route, nowMs: Date.now() });
  const what = [
    ...dead > 0 ? [`brought back ${plural(dead, "notification")} that had been given up`] : [],
    ...pending > 0 ? [`made ${plural(pending, "notification")} due now that waited`] : [],
    ...notices > 0 ? [`made ${plural(notices, "notice")} due now`] : [],
  ];
  const name = `route "${route}"`;
  if (what.length === 0) return `${name}: nothing was given up, and nothing waits`;
  const then = configured?.includes(route) === false
    ? `it is not in the configuration, so nothing is sent: move it with --route ${quotedForShell(route)} --to NAME`
    : "send delivers at its next run";
  return `${name}: ${what.join(", ")}; ${then}`;
}

function moved(deliveries: Deliveries, { from, to }: { from: string; to: string }): string {
  if (from === to) {
    throw new Failure(`Cannot move from route "${from}" to itself`, {
      code: "retry.same-route",
      exitCode: ExitCode.usage,
      hint: "leave --to out to try again on the same route",
    });
  }
  const { moved, dropped } = deliveries.move({ from, to, nowMs: Date.now() });
  const rest = dropped > 0 ? `; ${plural(dropped, "notification")} needed no move, as route "${to}" has the same` : "";
  const what = `moved ${plural(moved, "notification")} from route "${from}" to route "${to}"`;
  return `${what}${rest}; send delivers at its next run`;
}
