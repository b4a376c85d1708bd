// The last place to record an event if all writes to disk and memory fail: one line in the system log.

/** Severity `err` of syslog(3). */
const ERR = 3;

/**
 * The stream socket of systemd-journald; it uses the protocol of sd_journal_stream_fd(3). Other system logs need
 * datagrams, an unstable feature of Deno. Without the journal, pam_exec logs that the hook failed.
 */
const JOURNAL = "/run/systemd/journal/stdout";

const TAG = "ssh-session-notifier";

/** How long a login waits for the system log, in milliseconds. A write that fits the socket buffer returns at once. */
const DEADLINE_MS = 250;

/** Prints an error to stderr for a manual run. pam_exec discards it unless its option `log=` is set. */
export function say(message: string): void {
  try {
    Deno.stderr.writeSync(new TextEncoder().encode(`error: ${inAscii(message)}\n`));
  } catch {
    // stderr is closed.
  }
}

/**
 * Writes one line to the journal.
 *
 * @returns whether the journal accepted it
 */
export async function writeToSystemLog(message: string): Promise<boolean> {
  const late = new Promise<false>((resolve) => setTimeout(resolve, DEADLINE_MS, false));
  // Identifier, unit, priority, whether lines begin with a priority, three forwarding options; then the line itself.
  const text = `${TAG}\n\n${ERR}\n0\n0\n0\n0\n${inAscii(message)}\n`;
  return await Promise.race([write(JOURNAL, text).catch(() => false), late]);
}

async function write(path: string, text: string): Promise<true> {
  using socket = await Deno.connect({ transport: "unix", path });
  for (let rest = new TextEncoder().encode(text); rest.length > 0;) rest = rest.subarray(await socket.write(rest));
  return true;
}

/** Escapes a text into one line of ASCII, so an attacker cannot add a log entry or hide characters. */
function inAscii(text: string): string {
  return text.replace(/[^ -~]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
}
