// Tells the outside after a run that the notifier is alive, or by `/fail` that events don't get through. Whatever
// happens here, the run stays as it was.

import type { Config } from "../config/config.ts";
import { messageOf } from "../failure.ts";
import type { Log } from "../log.ts";
import type { Deliveries } from "../store/deliveries.ts";
import { routesOf } from "../store/overview.ts";
import { countPing } from "../store/pings.ts";
import type { Clock } from "./clock.ts";
import { routeProblems } from "./health.ts";
import type { Intake } from "./intake.ts";
import type { Transport } from "./transport.ts";

/** What a ping needs. */
export interface HeartbeatContext {
  readonly deliveries: Deliveries;
  readonly intake: Pick<Intake, "fault">;
  readonly transport: Transport;
  readonly clock: Clock;
  readonly log: Log;
  /** Takes the secrets out of a text. */
  readonly redact: (text: string) => string;
  /** What else keeps the alarm from working on this host. */
  readonly hostProblems: () => readonly string[];
}

/** Pings the heartbeat, if there is one and it may be pinged again. Never throws; a failure is one warning. */
export async function pingHeartbeat(
  { heartbeat, routes }: Pick<Config, "heartbeat" | "routes">,
  { deliveries, intake, transport, clock, log, redact, hostProblems }: HeartbeatContext,
): Promise<void> {
  if (heartbeat === undefined) return;
  try {
    const nowMs = clock.nowMs();
    if (!countPing(deliveries.database, nowMs)) return;
    const configured = routes.map(({ name }) => name);
    // `send` runs, as this shows; what remains to check is whether this run could read everything, the routes, and the host.
    const problems = routeProblems({ configured, routes: routesOf(deliveries.database), nowMs });
    const isWell = intake.fault === undefined && problems.length + hostProblems().length === 0;
    const url = isWell ? heartbeat.url.href : failUrl(heartbeat.url);
    const request = { kind: "http", method: "GET", url, headers: {}, body: "" } as const;
    const result = await transport(request, { caCert: heartbeat.caCert });
    const { ok, detail } = result.kind === "response"
      ? { ok: result.response.status >= 200 && result.response.status < 300, detail: `HTTP ${result.response.status}` }
      // The advice names the key of a route.
      : { ok: false, detail: result.detail.replaceAll("ca_file", "heartbeat.ca_file") };
    if (ok) log("info", `pinged the heartbeat${isWell ? "" : ": events do not get through"}`);
    else log("warning", `cannot ping the heartbeat: ${redact(detail)}`);
  } catch (error) {
    log("warning", `cannot ping the heartbeat: ${redact(messageOf(error))}`);
  }
}

/** As healthchecks.io has it: `/fail` behind the path, before what follows a question mark. */
export function failUrl(heartbeat: URL): string {
  const url = new URL(heartbeat);
  url.pathname = `${url.pathname.replace(/\/$/, "")}/fail`;
  return url.href;
}
