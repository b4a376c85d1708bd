// Pings the heartbeat at the end of a run: its URL if the alarm works, else its URL for failures. A failure here does
// not affect the run.

import { messageOf } from "../failure.ts";
import { routeProblems } from "../store/health.ts";
import { routesOf } from "../store/overview.ts";
import { countPing } from "../store/pings.ts";
import type { RunContext } from "./run.ts";

/** What a ping needs. */
export interface HeartbeatContext extends RunContext {
  /** Other reasons why the alarm does not work on this host. */
  readonly hostProblems: () => readonly string[];
}

/** Pings the heartbeat, if it is configured and the last ping is long enough ago. Logs a failure and never throws. */
export async function pingHeartbeat(context: HeartbeatContext): Promise<void> {
  const { config: { heartbeat, routes }, database, intake, transport, clock, log, redact, hostProblems } = context;
  if (heartbeat === undefined) return;
  try {
    const nowMs = clock.nowMs();
    if (!countPing(database, nowMs)) return;
    const configured = routes.map(({ name }) => name);
    // `send` is running, so only check that this run could read every source, the routes, and the host.
    const problems = routeProblems({ configured, routes: routesOf(database), nowMs });
    const isWell = intake.fault === undefined && problems.length + hostProblems().length === 0;
    const { href: url } = isWell ? heartbeat.url : heartbeat.failUrl;
    const request = { kind: "http", method: "GET", url, headers: {}, body: "" } as const;
    const result = await transport(request, heartbeat.connection);
    const { ok, detail } = result.kind === "response"
      ? { ok: result.response.status >= 200 && result.response.status < 300, detail: `HTTP ${result.response.status}` }
      // The detail names the configuration key of a route.
      : { ok: false, detail: result.detail.replaceAll("ca_file", "heartbeat.ca_file") };
    if (ok) log("info", `pinged the heartbeat${isWell ? "" : ": events do not get through"}`);
    else log("warning", `cannot ping the heartbeat: ${redact(detail)}`);
  } catch (error) {
    log("warning", `cannot ping the heartbeat: ${redact(messageOf(error))}`);
  }
}
