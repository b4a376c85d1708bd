// Ends a run of `send` at once if nothing has changed since the last full run and nothing is due. Compares what stat(2)
// says about each file that a run reads with a note that the last full run left; in doubt, a full run follows.

import deno from "../../deno.json" with { type: "json" };
import { lookAt, textOf } from "../look.ts";
import { CONFIG_FILE, type StatePaths, statePaths } from "../paths.ts";
import { enterSandbox } from "../sandbox.ts";

/**
 * The longest time until the next full run, in milliseconds: it also prunes, makes the backup, and looks at the disks. Well
 * below the time after which `check` reports that `send` has stopped.
 */
export const MAX_IDLE_MS = 10 * 60 * 1000;

/** The largest note that is read, in bytes. */
const MAX_NOTE_BYTES = 64 * 1024;

/** What a full run leaves for the next run. Times are in milliseconds since the epoch. */
export interface IdleNote {
  /** Of this program. */
  readonly version: string;
  readonly writtenAtMs: number;
  /** Something may be due at this time. */
  readonly untilMs: number;
  /** 0, 75 or 78. */
  readonly exitCode: number;
  /** The files that the configuration names. */
  readonly files: readonly string[];
  /** How all files looked before the full run read them, from {@link textOf}. */
  readonly look: string;
}

/**
 * Runs an idle `send`, with the permissions of `send`.
 *
 * @param args the arguments after `send`
 * @returns its exit code; undefined if a full run is needed
 */
export function runIdle(args: readonly string[]): number | undefined {
  enterSandbox("send");
  return idleExitCode(args, Date.now());
}

/** Does the work of {@link runIdle}. */
export function idleExitCode(args: readonly string[], nowMs: number): number | undefined {
  const { stateDir, configFile = CONFIG_FILE, isOther } = parseArguments(args);
  // A full run refuses to run as root.
  if (isOther || (stateDir === undefined && Deno.uid() === 0)) return undefined;
  try {
    const paths = statePaths(stateDir);
    const note = readNote(paths);
    if (note === undefined || note.version !== deno.version) return undefined;
    const { writtenAtMs, untilMs, exitCode, files, look } = note;
    const isFresh = writtenAtMs <= nowMs && nowMs < untilMs && nowMs < writtenAtMs + MAX_IDLE_MS;
    if (!isFresh || ![0, 75, 78].includes(exitCode)) return undefined;
    const looks = [filesOfRun(paths, configFile), files].map((paths) => lookAt(paths, nowMs));
    return textOf(looks) === look ? exitCode : undefined;
  } catch {
    return undefined;
  }
}

/** The two options that a scheduler may use. `isOther`: there is something else, which command_line.ts handles. */
function parseArguments(args: readonly string[]) {
  const options: { stateDir?: string; configFile?: string; isOther?: true } = {};
  for (let index = 0; index < args.length; index += 2) {
    const [flag, value] = args.slice(index, index + 2);
    if (flag === "--state-dir" && value !== undefined) options.stateDir = value;
    else if (flag === "--config" && value !== undefined) options.configFile = value;
    else options.isOther = true;
  }
  return options;
}

function readNote({ idleNote }: StatePaths): IdleNote | undefined {
  const { isFile, size } = Deno.lstatSync(idleNote);
  return isFile && size <= MAX_NOTE_BYTES ? JSON.parse(Deno.readTextFileSync(idleNote)) : undefined;
}

/**
 * The files whose change needs a full run, apart from those that the configuration names. The look of a directory changes
 * if a name is added or removed.
 */
export function filesOfRun(paths: StatePaths, configFile: string): string[] {
  const { queueDir, databaseDir, queueDatabase, spoolDir, runSpoolDir, unrecordedFile } = paths;
  const { deliveriesDatabase, legacyDatabase } = paths;
  const databases = [queueDatabase, deliveriesDatabase].flatMap((path) => [path, `${path}-wal`]);
  const sources = [queueDir, databaseDir, spoolDir, runSpoolDir, unrecordedFile, legacyDatabase];
  return [...databases, ...sources, configFile];
}
