// `test`: a test notification on every route at once, with what became of each.

import { readConfig } from "../config/read_config.ts";
import type { Route } from "../config/routes.ts";
import { ExitCode } from "../failure.ts";
import { CONFIG_FILE, statePaths } from "../paths.ts";
import { print } from "../print.ts";
import { attempt } from "../send/attempt.ts";
import { systemClock } from "../send/clock.ts";
import { redactor } from "../send/redact.ts";
import { testNotification } from "../send/render.ts";
import { startTransport, transportOptions } from "../send/transport.ts";
import type { Outcome } from "../services/service.ts";
import { becomeSender } from "./become_sender.ts";

/** What `test` may be told. */
export interface TestOptions {
  /** In place of the fixed one, for trying things out; any user may then run it. */
  readonly configFile?: string | undefined;
}

/**
 * Sends a test notification on every route at once, and prints what the services say.
 *
 * @returns 0 if all were delivered, 78 if a route needs a mend, 75 if it may work later
 * @throws {Failure} where it can't work at all
 */
export async function testRoutes({ configFile }: TestOptions): Promise<ExitCode> {
  if (configFile === undefined) becomeSender(statePaths(), "test");
  const config = readConfig(configFile ?? CONFIG_FILE);
  const transport = await startTransport(transportOptions(config));
  const context = { transport, print, clock: systemClock, redact: redactor(config.secrets) };
  const batch = { id: crypto.randomUUID(), notifications: [testNotification(Date.now(), config.host)] } as const;
  const outcomes = await Promise.all(config.routes.map(async (route) => {
    const outcome = await attempt(batch, { ...context, service: route.service, caCert: route.caCert });
    print(resultLine(route, outcome));
    return outcome;
  }));
  if (outcomes.some(({ kind }) => kind === "broken" || kind === "rejected")) return ExitCode.config;
  return outcomes.some(({ kind }) => kind === "retry") ? ExitCode.tempFail : ExitCode.ok;
}

function resultLine({ name, service }: Route, outcome: Outcome): string {
  const route = `route "${name}" (${service.name})`;
  switch (outcome.kind) {
    case "delivered":
      return `pass     ${route}: delivered`;
    case "retry":
      return `warning  ${route}: not now: ${outcome.reason}; to mend it: see that the service is up and this host ` +
        "reaches it; send keeps trying, so no event is lost";
    case "broken":
      return `fault    ${route}: refused: ${outcome.reason}; to mend it: compare its settings in ${CONFIG_FILE} with ` +
        "what the service says";
    case "rejected":
      return `fault    ${route}: the service refuses the message itself: ${outcome.reason}; to mend it: report it, ` +
        "with this line";
  }
}
