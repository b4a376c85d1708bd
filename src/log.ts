// Says what happened, on stderr: coloured on a terminal, with a `<N>` priority under systemd, else plain.
// One entry is one line, whatever an attacker put into it. Loads no package.

/** The severities in use, with the numbers of syslog(3). */
export const PRIORITIES = { error: 3, hint: 3, warning: 4, info: 6 } as const;

/** How bad it is. */
export type Severity = keyof typeof PRIORITIES;

/** Writes one entry. */
export type Log = (severity: Severity, message: string) => void;

/** How entries look: `terminal` has colours, `journal` is what sd-daemon(3) describes. */
export type LogFormat = "terminal" | "journal" | "plain";

const COLOURS: Record<Severity, string> = {
  error: "\x1b[31m",
  hint: "",
  warning: "\x1b[33m",
  info: "",
};

/**
 * Controls, line and paragraph separators, and what changes the direction of text or can't be seen: none may break a line
 * of the log, or let one pass for another.
 */
export const UNSEEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Default_Ignorable_Code_Point}]/gu;

/**
 * Makes any text fit for one line of a log or a terminal: what would not be seen is written as `\u{…}`.
 *
 * @param text hostile text
 */
export function oneLine(text: string): string {
  return text.replace(UNSEEN, (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`);
}

/** One entry as the bytes that go out, without the newline. */
export function formatEntry(
  severity: Severity,
  message: string,
  format: LogFormat,
): string {
  const line = `${severity === "hint" ? "hint: " : ""}${oneLine(message)}`;
  if (format === "journal") return `<${PRIORITIES[severity]}>${line}`;
  const text = severity === "error" || severity === "warning" ? `${severity}: ${line}` : line;
  const colour = COLOURS[severity];
  return format === "terminal" && colour !== "" ? `${colour}${text}\x1b[0m` : text;
}

/** What the log wants to know of its surroundings; the real one is `Deno`. */
export interface LogSurroundings {
  readonly env: Pick<Deno.Env, "get">;
  readonly stderr: {
    isTerminal(): boolean;
    writeSync(bytes: Uint8Array): number;
  };
}

/**
 * A log on stderr.
 *
 * @param options.verbose whether `info` is written at all
 */
export function createLog(
  options: { verbose?: boolean } = {},
  surroundings: LogSurroundings = Deno,
): Log {
  const { stderr } = surroundings;
  const format = formatFor(surroundings);
  const encoder = new TextEncoder();
  return (severity, message) => {
    if (severity === "info" && options.verbose !== true) return;
    try {
      stderr.writeSync(encoder.encode(`${formatEntry(severity, message, format)}\n`));
    } catch {
      // Nobody reads stderr any more (a closed pipe, a full disk). That must not stop the work.
    }
  };
}

function formatFor({ env, stderr }: LogSurroundings): LogFormat {
  try {
    if (env.get("JOURNAL_STREAM") !== undefined) return "journal";
    return stderr.isTerminal() && !env.get("NO_COLOR") ? "terminal" : "plain";
  } catch {
    // A variable that is not valid UTF-8, which the user may have set for the hook.
    return "plain";
  }
}
