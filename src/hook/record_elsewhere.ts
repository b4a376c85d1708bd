// Where an event goes that the queue database can't take: to a spool, or to the system log as one line. It is a file of
// its own, in the binary too, because parsing it at each login would cost 0.1 ms.

import type { SessionEvent } from "../event.ts";
import { writeToRunSpool, writeToSpool } from "./spool.ts";

export { moveIntoDatabase } from "./spool.ts";

/**
 * The stream socket of systemd-journald; it uses the protocol of sd_journal_stream_fd(3). Other system logs need
 * datagrams, an unstable feature of Deno. Without the journal, pam_exec logs that the hook failed.
 */
const JOURNAL = "/run/systemd/journal/stdout";
/** Severity `err` of syslog(3). */
const ERR = 3;
/** How long a login waits for the system log, in milliseconds. A write that fits the socket buffer returns at once. */
const DEADLINE_MS = 250;

const HINT = "hint: run ssh-session-notifier check";

/**
 * Records an event that the database could not take because of `error`: on disk, else in memory, else in the system log.
 *
 * @returns the exit code: 0 if the event is recorded, 1 if it is lost
 */
export async function recordElsewhere(
  event: SessionEvent,
  [spool, runSpool]: readonly [string, string],
  error: unknown,
): Promise<0 | 1> {
  const reasons = [messageOf(error)];
  for (const [place, write] of [[spool, writeToSpool], [runSpool, writeToRunSpool]] as const) {
    try {
      write(place, event);
      say(`Cannot write a session event to the queue database, saved in ${place}: ${reasons.join("; ")}; ${HINT}`);
      return 0;
    } catch (error) {
      reasons.push(messageOf(error));
    }
  }
  return await recordInLog(event, reasons.join("; "));
}

/** Records an event in the system log. Writes no file, so it may run as root. Returns the exit code. */
export async function recordInLog(event: SessionEvent, reason: unknown): Promise<0 | 1> {
  const message = `Cannot record a session event: ${messageOf(reason)}; ${HINT}`;
  say(message);
  // The system log may truncate the line, so `authInfo`, which may be long, comes last.
  const { authInfo, ...rest } = event;
  const line = inAscii(`${message}; the event: ${JSON.stringify({ ...rest, authInfo })}`);
  // Identifier, unit, priority, whether lines begin with a priority, three forwarding options; then the line itself.
  const written = write(JOURNAL, `ssh-session-notifier\n\n${ERR}\n0\n0\n0\n0\n${line}\n`).catch(() => 1 as const);
  return await Promise.race([written, new Promise<1>((resolve) => setTimeout(resolve, DEADLINE_MS, 1))]);
}

async function write(path: string, text: string): Promise<0> {
  using socket = await Deno.connect({ transport: "unix", path });
  for (let rest = new TextEncoder().encode(text); rest.length > 0;) rest = rest.subarray(await socket.write(rest));
  return 0;
}

/** Prints an error to stderr for a manual run. pam_exec discards it unless its option `log=` is set. */
function say(message: string): void {
  try {
    Deno.stderr.writeSync(new TextEncoder().encode(`error: ${inAscii(message)}\n`));
  } catch {
    // stderr is closed.
  }
}

/** Escapes a text into one line of ASCII, so an attacker cannot add a log entry or hide characters. */
function inAscii(text: string): string {
  return text.replace(/[^ -~]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
