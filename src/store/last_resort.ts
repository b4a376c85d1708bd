// Checks two places that should be empty: the file of logins for which the hook could not run, and the spool in /run,
// which holds events that could not be written to the disk. `send` delivers them, but the cause must be fixed.

import { DAY_MS, formatAgo, plural } from "../text.ts";
import { messageOf } from "../failure.ts";
import type { Id } from "../ids.ts";
import type { StatePaths } from "../paths.ts";
import { statIfThere } from "../sqlite/files.ts";
import { Spool } from "../intake/spool.ts";
import { MAX_UNRECORDED_BYTES } from "../intake/unrecorded.ts";

/**
 * How long a login for which the hook could not run is a fault, in milliseconds; longer if `send` has not run since. A
 * full file is a fault until the next boot.
 */
export const FAULT_MS = DAY_MS;

/** A problem in one sentence and in a few words, and what to do. */
export interface LastResortFault {
  readonly id: Id;
  readonly message: string;
  readonly short: string;
  readonly hint: string;
}

/** The places to check, and what the caller knows already. */
export interface LastResortSources {
  readonly paths: Pick<StatePaths, "unrecordedFile" | "runSpoolDir">;
  /** When the last run of `send` ended; undefined before the first one. */
  readonly lastRunAtMs: number | undefined;
  readonly nowMs: number;
}

/** The faults; empty if there are none. */
export function lastResortFaults(sources: LastResortSources): LastResortFault[] {
  const { unrecordedFile, runSpoolDir } = sources.paths;
  return [
    ...orUnreadable(unrecordedFile, "hook.record-unusable", () => problemsOfFile(sources)),
    ...orUnreadable(runSpoolDir, "hook.run-spool-unusable", () => problemsOfSpool(sources)),
  ];
}

function orUnreadable(path: string, id: Id, look: () => LastResortFault[]): LastResortFault[] {
  try {
    return look();
  } catch (error) {
    const message = `"${path}" cannot be examined: ${messageOf(error)}`;
    return [{ id, message, short: message, hint: "run install.sh, or reinstall the package" }];
  }
}

function problemsOfFile(
  { paths: { unrecordedFile: path }, lastRunAtMs = -Infinity, nowMs }: LastResortSources,
): LastResortFault[] {
  const info = statIfThere(path);
  if (info === undefined || info.size === 0) return [];
  if (!info.isFile) throw new Error("it is not a plain file");
  const writtenAtMs = info.mtime?.getTime() ?? nowMs;
  if (info.size >= MAX_UNRECORDED_BYTES) {
    return [{
      id: "hook.record-full",
      message: `"${path}" is full: later logins for which the hook could not run are missing`,
      short: "logins may be missing: the hook could not run, and the file for such logins is full",
      hint:
        "find out why the hook could not run (memory, processes, SELinux, the binary), then reboot, which empties the file",
    }];
  }
  if (nowMs - writtenAtMs > FAULT_MS && lastRunAtMs > writtenAtMs) return [];
  const when = formatAgo(writtenAtMs, nowMs);
  return [{
    id: "hook.did-not-run",
    message: `the hook could not run at the logins in "${path}" (${info.size} bytes), the last one ${when}`,
    short: `the hook could not run at a login, ${when}`,
    hint: "find out why (memory, processes, SELinux, the binary): journalctl -t sshd; it is reported for 24 hours",
  }];
}

function problemsOfSpool({ paths: { runSpoolDir }, nowMs }: LastResortSources): LastResortFault[] {
  const { count, oldestAtMs = nowMs } = new Spool(runSpoolDir).inspect();
  if (count === 0) return [];
  const what = `${plural(count, "event")} in "${runSpoolDir}", because the queue could not be written to disk`;
  return [{
    id: "hook.run-spooled",
    message: `${what}, the oldest from ${formatAgo(oldestAtMs, nowMs)}`,
    short: what,
    hint: "check that the disk works and has room, then run ssh-session-notifier repair, which moves them to the queue",
  }];
}
