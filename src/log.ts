// Logs to stderr: in colour on a terminal, with a `<N>` priority under systemd, otherwise plain.
// An entry is always one line, even if an attacker controls its text. Loads no package.

/** The severities, with their numbers in syslog(3). */
export const PRIORITIES = { error: 3, hint: 3, warning: 4, info: 6 } as const;

/** The severity of an entry. */
export type Severity = keyof typeof PRIORITIES;

/** Writes one entry. */
export type Log = (severity: Severity, message: string) => void;

/** The format of entries: `terminal` has colours, `journal` is described in sd-daemon(3). */
export type LogFormat = "terminal" | "journal" | "plain";

const COLOURS: Partial<Record<Severity, string>> = { error: "\x1b[31m", warning: "\x1b[33m" };

/**
 * Control characters, line and paragraph separators, and characters that are invisible or change the direction of text.
 * An attacker could use them to break a line of the log, or to make one line look like another.
 */
export const UNSEEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Default_Ignorable_Code_Point}]/gu;

/**
 * Makes text safe for one line of a log or a terminal by escaping invisible characters as `\u{…}`.
 *
 * @param text untrusted text
 */
export function oneLine(text: string): string {
  return text.replace(UNSEEN, (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`);
}

/** Formats an entry as one line, without the newline. */
export function formatEntry(severity: Severity, message: string, format: LogFormat): string {
  const line = oneLine(message);
  if (format === "journal") return `<${PRIORITIES[severity]}>${severity === "hint" ? "hint: " : ""}${line}`;
  const text = severity === "info" ? line : `${severity}: ${line}`;
  const colour = COLOURS[severity];
  return format === "terminal" && colour !== undefined ? `${colour}${text}\x1b[0m` : text;
}

/** The parts of `Deno` that the log uses. */
export interface LogSurroundings {
  readonly env: Pick<Deno.Env, "get">;
  readonly stderr: Pick<typeof Deno.stderr, "isTerminal" | "writeSync">;
}

/**
 * Creates a log that writes to stderr.
 *
 * @param options.verbose whether to write `info` entries
 */
export function createLog(options: { verbose?: boolean } = {}, surroundings: LogSurroundings = Deno): Log {
  const { stderr } = surroundings;
  const format = formatFor(surroundings);
  const encoder = new TextEncoder();
  return (severity, message) => {
    if (severity === "info" && options.verbose !== true) return;
    try {
      stderr.writeSync(encoder.encode(`${formatEntry(severity, message, format)}\n`));
    } catch {
      // A closed pipe or a full disk must not stop the work.
    }
  };
}

function formatFor({ env, stderr }: LogSurroundings): LogFormat {
  try {
    if (env.get("JOURNAL_STREAM") !== undefined) return "journal";
    return stderr.isTerminal() && !env.get("NO_COLOR") ? "terminal" : "plain";
  } catch {
    // Deno.env throws if a variable is not valid UTF-8, and the user can set such a variable for the hook.
    return "plain";
  }
}
