// The last place where an event is kept: a line of the system log, for when no disk takes it.

/** Severity `err` and facility `auth` of syslog(3). */
const ERR = 3;
const AUTH = 4;

/** systemd-journald's socket for streams, with the protocol of sd_journal_stream_fd(3). It knows no facility. */
const JOURNAL = "/run/systemd/journal/stdout";

/**
 * The socket of other system logs. Only one that takes streams will do, such as that of syslog-ng: for datagrams, Deno
 * wants its unstable net features, which cost each start 1.4 ms of CPU on 2.7.11. Where none will, pam_exec itself
 * writes to the system log that the hook failed.
 */
const DEV_LOG = "/dev/log";

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
 * Writes one line to the system log.
 *
 * @returns whether one took it
 */
export async function writeToSystemLog(message: string): Promise<boolean> {
  const line = inAscii(message);
  // Identifier, unit, priority, whether lines have a priority of their own, and three ways to forward them.
  return await isWritten(JOURNAL, `${TAG}\n\n${ERR}\n0\n0\n0\n0\n${line}\n`) ||
    await isWritten(DEV_LOG, `<${AUTH * 8 + ERR}>${localTime()} ${TAG}[${Deno.pid}]: ${line}\n`);
}

async function isWritten(path: string, text: string): Promise<boolean> {
  const late = new Promise<false>((resolve) => setTimeout(resolve, DEADLINE_MS, false));
  return await Promise.race([write(path, text).catch(() => false), late]);
}

async function write(path: string, text: string): Promise<true> {
  using socket = await Deno.connect({ transport: "unix", path });
  for (let rest = new TextEncoder().encode(text); rest.length > 0;) rest = rest.subarray(await socket.write(rest));
  return true;
}

/** Now, as syslog(3) has it: `Nov  4 09:05:01`. */
function localTime(): string {
  const [, month, day = "", , time] = new Date().toString().split(" ");
  return `${month} ${day.replace(/^0/, " ")} ${time}`;
}

/** A text as one line of ASCII: whatever an attacker wrote into it, it is one entry, and looks like what it is. */
function inAscii(text: string): string {
  return text.replace(/[^ -~]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
}
