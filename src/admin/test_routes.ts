// `test`: sends a test notification on every route, and prints each result.

import { readConfig } from "../config/read_config.ts";
import type { Route } from "../config/routes.ts";
import { ExitCode, messageOf } from "../failure.ts";
import { createLog } from "../log.ts";
import { CONFIG_FILE, type StatePaths, statePaths } from "../paths.ts";
import { print } from "../print.ts";
import { attempt } from "../send/attempt.ts";
import { systemClock } from "../clock.ts";
import { redactor } from "../send/redact.ts";
import { testNotification } from "../send/render.ts";
import { startTransport, type Transport, transportOptions } from "../transport/transport.ts";
import type { Outcome } from "../services/service.ts";
import { statIfThere } from "../sqlite/files.ts";
import { openToRead, openToWrite } from "../store/open.ts";
import { noteTest } from "../store/refusals.ts";
import { becomeSender } from "./become_sender.ts";
import type { Places } from "./flags.ts";

/**
 * Sends a test notification on every route in parallel, and prints the results.
 *
 * @returns 0 if all were delivered, 78 if a route must be corrected, 75 if a failed route may work later
 * @throws {Failure} if the configuration cannot be used, or this user may not run `test`
 */
export async function testRoutes({ stateDir, configFile }: Places): Promise<ExitCode> {
  if (configFile === undefined) becomeSender(statePaths(), "test");
  const config = readConfig(configFile ?? CONFIG_FILE);
  const transport = await startTransport(transportOptions(config));
  const context = { transport, print, clock: systemClock, redact: redactor(config.secrets) };
  const message = { id: crypto.randomUUID(), notifications: [testNotification(Date.now(), config.host)] } as const;
  const outcomes = await Promise.all(config.routes.map(async (route) => {
    const outcome = await attempt(message, route, context);
    const warning = outcome.kind === "delivered" ? await warningOf(route, transport) : undefined;
    print(resultLine(route, outcome));
    if (warning !== undefined) print(`warning  route "${route.name}" (${route.service.name}): ${warning}`);
    return outcome;
  }));
  const passed = config.routes.filter((_, index) => outcomes[index]?.kind === "delivered");
  // The store describes only the installed configuration.
  if (configFile === undefined || stateDir !== undefined) note(passed, statePaths(stateDir));
  if (outcomes.some(needsCorrection)) return ExitCode.config;
  return outcomes.some(({ kind }) => kind === "retry") ? ExitCode.tempFail : ExitCode.ok;
}

/** The warning from the probe of a service; undefined if there is none, or no answer. */
async function warningOf({ service: { probe }, connection }: Route, transport: Transport): Promise<string | undefined> {
  if (probe === undefined) return undefined;
  const result = await transport(probe.request, connection);
  return result.kind === "response" ? probe.warning(result.response) : undefined;
}

/** Records in the store, for `send`, that a route works. If this fails, the test still passes. */
function note(passed: readonly Route[], { deliveriesDatabase }: StatePaths): void {
  if (passed.length === 0) return;
  try {
    // Only `send` migrates the store of an older release, with its lock held.
    const isThere = statIfThere(deliveriesDatabase) !== undefined;
    const readable = isThere ? openToRead(deliveriesDatabase) : undefined;
    readable?.close();
    if (isThere && readable === undefined) return;
    using database = openToWrite(deliveriesDatabase);
    for (const { name, service } of passed) {
      noteTest(database, { route: name, settings: service.fingerprint, nowMs: Date.now() });
    }
  } catch (error) {
    createLog()("warning", `cannot record in "${deliveriesDatabase}" that the test passed: ${messageOf(error)}`);
  }
}

function needsCorrection(outcome: Outcome): boolean {
  if (outcome.kind === "delivered") return outcome.warning !== undefined;
  return outcome.kind === "broken" || outcome.kind === "refused";
}

function resultLine({ name, service }: Route, outcome: Outcome): string {
  const route = `route "${name}" (${service.name})`;
  switch (outcome.kind) {
    case "delivered":
      return outcome.warning === undefined
        ? `pass     ${route}: delivered`
        : `fault    ${route}: delivered, but ${outcome.warning}; hint: correct its settings in ${CONFIG_FILE}, or make ` +
          "sure that the server is up, then test again";
    case "retry":
      return outcome.limitsRate
        ? `warning  ${route}: not now: ${outcome.reason}; hint: wait: the service limits the rate; send obeys ` +
          "the limit, so no event is lost"
        : `warning  ${route}: not now: ${outcome.reason}; hint: make sure that the service is up and that this host ` +
          "can reach it; send keeps trying, so no event is lost";
    case "broken":
      return outcome.at === "proxy"
        ? `fault    ${route}: ${outcome.reason}; hint: set user and password in "proxy" in ${CONFIG_FILE}`
        : `fault    ${route}: refused: ${outcome.reason}; hint: correct its settings in ${CONFIG_FILE}, ` +
          "then test again";
    case "refused":
      return `fault    ${route}: refused: ${outcome.reason}; hint: the settings are the likely cause: correct them ` +
        `in ${CONFIG_FILE}, then test again; no event is lost`;
  }
}
