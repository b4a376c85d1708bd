// Leaves the note from which idle.ts knows that nothing has changed since this run, and when the next one has work to do.

import deno from "../../deno.json" with { type: "json" };
import type { Config } from "../config/config.ts";
import { type Look, lookAt, textOf } from "../look.ts";
import type { StatePaths } from "../paths.ts";
import { removeIfThere } from "../sqlite/files.ts";
import type { Database } from "../sqlite/open.ts";
import { nextDueAtMs } from "../store/next.ts";
import { filesOfRun, type IdleNote, MAX_IDLE_MS } from "./idle.ts";
import { slotBefore } from "./report_slot.ts";

/**
 * Removes the note of an earlier run, so that a run that is killed is followed by a full one.
 *
 * @returns how the files that a run reads look now, apart from those that the configuration names
 */
export function beginFullRun(paths: StatePaths, configFile: string, nowMs: number): Look {
  try {
    removeIfThere(paths.idleNote);
  } catch {
    // What this run changes needs a full run after it anyway.
  }
  return lookAt(filesOfRun(paths, configFile), nowMs);
}

/**
 * When something may be due that no file shows, at the latest after {@link MAX_IDLE_MS}. With a heartbeat, that is now: each
 * run requests it.
 *
 * @param options.startedAtMs when the run began, which has sent the reports that were due before
 */
export function idleUntilMs(
  database: Database,
  { config, startedAtMs, nowMs }: {
    config: Pick<Config, "routes" | "host" | "report" | "heartbeat">;
    startedAtMs: number;
    nowMs: number;
  },
): number {
  const { routes, host: { timezone }, report, heartbeat } = config;
  if (heartbeat !== undefined) return nowMs;
  const latestMs = nowMs + MAX_IDLE_MS;
  const slot = report === undefined ? undefined : slotBefore(report, { nowMs: latestMs, timezone });
  return Math.min(
    latestMs,
    ...routes.map(({ name: route }) => nextDueAtMs(database, { route, nowMs }) ?? latestMs),
    slot !== undefined && slot.atMs > startedAtMs ? slot.atMs : latestMs,
  );
}

/**
 * Writes the note, if the next run could be idle. A failure only means that it will be a full run.
 *
 * @param options.before how the files looked when the run began, from {@link beginFullRun}
 * @param options.beside how `files` looked right after the run read them; an edit in between leaves them unsettled
 */
export function noteIdle(
  paths: StatePaths,
  { configFile, before, beside, nowMs, ...rest }:
    & { readonly configFile: string; readonly before: Look; readonly beside: Look; readonly nowMs: number }
    & Pick<IdleNote, "files" | "untilMs" | "exitCode">,
): void {
  if (rest.untilMs <= nowMs || !before.isSettled || !beside.isSettled) return;
  // After a run that has changed the store, for example, a note would be useless.
  if (lookAt(filesOfRun(paths, configFile), nowMs).text !== before.text) return;
  const note: IdleNote = { version: deno.version, writtenAtMs: nowMs, look: textOf([before, beside]), ...rest };
  try {
    Deno.writeTextFileSync(paths.idleNote, JSON.stringify(note), { createNew: true, mode: 0o600 });
  } catch {
    // The disk is full, or somebody has put something there.
  }
}
