// Checks two places that should be empty: the file of logins for which the hook could not run, and the spool in /run
// for events that the disk could not take. `send` delivers what is in them, but the cause has to be repaired.

import { DAY_MS, formatAgo } from "../duration.ts";
import { messageOf } from "../failure.ts";
import type { Id } from "../ids.ts";
import type { StatePaths } from "../paths.ts";
import { plural } from "../plural.ts";
import { statIfThere } from "./files.ts";
import { Spool } from "./spool.ts";
import { MAX_UNRECORDED_BYTES } from "./unrecorded.ts";

/** How long it is a fault after the last such login, in milliseconds. A full file is a fault until the next boot. */
export const FAULT_MS = DAY_MS;

/** A problem in one sentence and in a few words, and what to do. */
export interface LastResortFault {
  readonly id: Id;
  readonly message: string;
  readonly short: string;
  readonly hint: string;
}

/** Where to look, and what is known already. */
export interface LastResortSources {
  readonly paths: Pick<StatePaths, "unrecordedFile" | "runSpoolDir">;
  /** When the last run of `send` ended; undefined where none has yet. */
  readonly lastRunAtMs: number | undefined;
  readonly nowMs: number;
}

/** The same problems in a few words each; empty if nothing is wrong. */
export function lastResortProblems(sources: LastResortSources): string[] {
  return lastResortFaults(sources).map(({ short }) => short);
}

/** The problems; none if nothing is wrong. */
export function lastResortFaults(sources: LastResortSources): LastResortFault[] {
  const { unrecordedFile, runSpoolDir } = sources.paths;
  return [
    ...orUnreadable({ path: unrecordedFile, id: "hook.record-unusable" }, () => problemsOfFile(sources)),
    ...orUnreadable({ path: runSpoolDir, id: "hook.run-spool-unusable" }, () => problemsOfSpool(sources)),
  ];
}

function orUnreadable({ path, id }: { path: string; id: Id }, look: () => LastResortFault[]): LastResortFault[] {
  try {
    return look();
  } catch (error) {
    const message = `"${path}" can't be looked at: ${messageOf(error)}`;
    return [{ id, message, short: message, hint: "run install.sh, which makes it as it should be" }];
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
    const what = "is full: later logins for which the hook could not run are missing";
    return [{
      id: "hook.record-full",
      message: `"${path}" ${what}`,
      short: "logins may be missing: the hook could not run, and the file for such logins is full",
      hint:
        "find out why the hook could not run (memory, processes, SELinux, the binary), then reboot, which empties it",
    }];
  }
  if (nowMs - writtenAtMs > FAULT_MS && lastRunAtMs > writtenAtMs) return [];
  const when = formatAgo(writtenAtMs, nowMs);
  return [{
    id: "hook.did-not-run",
    message: `the hook could not run, and such logins were written to "${path}" (${info.size} bytes), the last ${when}`,
    short: `the hook could not run at a login, ${when}`,
    hint: "find out why (memory, processes, SELinux, the binary): journalctl -t sshd; it is a fault for 24 hours",
  }];
}

function problemsOfSpool({ paths: { runSpoolDir }, nowMs }: LastResortSources): LastResortFault[] {
  const { count, oldestAtMs = nowMs } = new Spool({ spoolDir: runSpoolDir }).inspect();
  if (count === 0) return [];
  const what = `${plural(count, "event")} in "${runSpoolDir}", since the disk of the queue took nothing`;
  return [{
    id: "hook.run-spooled",
    message: `${what}, the oldest from ${formatAgo(oldestAtMs, nowMs)}`,
    short: `${what}`,
    hint: "see that the disk works and has room, then run ssh-session-notifier repair, which moves them to the queue",
  }];
}
