// Pings the heartbeat at the end of a run: its URL if the alarm works, else its URL for failures. A failure here does
// not affect the run.

import { messageOf } from "../failure.ts";
import { countPing } from "../store/pings.ts";
import type { RunContext } from "./run.ts";

/** What a ping needs. */
export interface HeartbeatContext extends RunContext {
  /** Whether the alarm works. */
  readonly isWell: () => boolean;
}

/** Pings the heartbeat, if it is configured and the last ping is long enough ago. Logs a failure and never throws. */
export async function pingHeartbeat(context: HeartbeatContext): Promise<void> {
  const { config: { heartbeat }, database, transport, clock, log, redact } = context;
  if (heartbeat === undefined) return;
  try {
    const nowMs = clock.nowMs();
    if (!countPing(database, nowMs)) return;
    const isWell = context.isWell();
    const { href: url } = isWell ? heartbeat.url : heartbeat.failUrl;
    const request = { kind: "http", method: "GET", url, headers: {}, body: "" } as const;
    const result = await transport(request, heartbeat.connection);
    const { ok, detail } = result.kind === "response"
      ? { ok: result.response.status >= 200 && result.response.status < 300, detail: `HTTP ${result.response.status}` }
      // The detail names the configuration key of a route.
      : { ok: false, detail: result.kind === "failed" ? result.detail.replaceAll("ca_file", "heartbeat.ca_file") : "" };
    if (ok) log("info", `pinged the heartbeat${isWell ? "" : ": events do not get through"}`);
    else log("warning", `cannot ping the heartbeat: ${redact(detail)}`);
  } catch (error) {
    log("warning", `cannot ping the heartbeat: ${redact(messageOf(error))}`);
  }
}
