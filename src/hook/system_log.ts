// The last place where an event is kept: a line of the system log, for when no disk takes it.

/** Severity `err` of syslog(3). */
const ERR = 3;

/**
 * systemd-journald's socket for streams, with the protocol of sd_journal_stream_fd(3). Other system logs take datagrams,
 * for which Deno needs its unstable net features; without the journal, pam_exec logs that the hook failed.
 */
const JOURNAL = "/run/systemd/journal/stdout";

const TAG = "ssh-session-notifier";

/** How long a login waits for a system log, in milliseconds. It takes what the socket's buffer takes, at once. */
const DEADLINE_MS = 250;

/** Tells whoever runs the hook by hand; pam_exec drops it, but for its option `log=`. */
export function say(message: string): void {
  try {
    Deno.stderr.writeSync(new TextEncoder().encode(`error: ${inAscii(message)}\n`));
  } catch {
    // Nobody listens.
  }
}

/**
 * Writes one line to the journal.
 *
 * @returns whether the journal accepted it
 */
export async function writeToSystemLog(message: string): Promise<boolean> {
  const late = new Promise<false>((resolve) => setTimeout(resolve, DEADLINE_MS, false));
  // Identifier, unit, priority, whether lines have a priority of their own, and three ways to forward them.
  const text = `${TAG}\n\n${ERR}\n0\n0\n0\n0\n${inAscii(message)}\n`;
  return await Promise.race([write(JOURNAL, text).catch(() => false), late]);
}

async function write(path: string, text: string): Promise<true> {
  using socket = await Deno.connect({ transport: "unix", path });
  for (let rest = new TextEncoder().encode(text); rest.length > 0;) rest = rest.subarray(await socket.write(rest));
  return true;
}

/** A text as one line of ASCII: whatever an attacker wrote into it, it is one entry, and looks like what it is. */
function inAscii(text: string): string {
  return text.replace(/[^ -~]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
}
