// The grammar of a PAM file, as Linux-PAM reads it (libpam/pam_handlers.c, libpam/pam_misc.c, pam.conf(5)). Pure.

/** A line, with its continuation lines. */
export interface PamLine {
  /** The number of its first line, from 1. */
  readonly number: number;
  /** The text as it is in the file, without the newline at its end. */
  readonly raw: string;
  /** The first word in lower case, without a leading dash: `session`, `@include`; empty if the line has no words. */
  readonly phase: string;
  /** `required`, `include` and so on, or `value=action ...` without the brackets; in lower case. */
  readonly control: string;
  /** The module or the included file, as written. */
  readonly path: string;
  /** The file name in {@link path}. */
  readonly name: string;
  /** The arguments of the module; an argument in brackets can contain spaces. */
  readonly args: readonly string[];
}

/** Parses a file. The raw texts of its lines, joined by newlines, are the file. */
export function parsePam(text: string): readonly PamLine[] {
  const lines: PamLine[] = [];
  let begun: { number: number; raw: string; text: string } | undefined;
  for (const [index, raw] of text.split("\n").entries()) {
    const part = raw.replace(/#.*$/s, "");
    const code = part.replace(/\\[ \t]*$/, "");
    const line = begun === undefined
      ? { number: index + 1, raw, text: code }
      : { ...begun, raw: `${begun.raw}\n${raw}`, text: `${begun.text} ${code}` };
    begun = code === part ? undefined : line;
    if (begun === undefined) lines.push(parseLine(line));
  }
  if (begun !== undefined) lines.push(parseLine(begun));
  return lines;
}

function parseLine({ number, raw, text }: { number: number; raw: string; text: string }): PamLine {
  // "\]" does not close a bracket; one that is not closed reaches to the end of the line.
  const words = [...text.matchAll(/\[((?:\\\]|[^\]])*)\]?|[^ \t]+/g)].map(([word, bracketed]) => bracketed ?? word);
  const phase = words[0]?.toLowerCase().replace(/^-(?!@)/, "") ?? "";
  const [control = "", path = "", ...args] = phase === "@include" ? ["include", ...words.slice(1)] : words.slice(1);
  return {
    number,
    raw,
    phase,
    control: control.toLowerCase().trim(),
    path,
    name: path.replace(/^.*\//, ""),
    args: phase === "@include" ? [] : args,
  };
}

/** Whether a line stands for the lines of another file. */
export function isInclude({ control }: Pick<PamLine, "control">): boolean {
  return control === "include" || control === "substack";
}

/** The most modules that a control can skip by a jump; 0 if it has none. */
export function jumpOf({ control }: Pick<PamLine, "control">): number {
  const jumps = [...control.matchAll(/=[ \t]*(\d+)/g)];
  return jumps.reduce((most, [, count]) => Math.max(most, Number(count)), 0);
}

type Module = Pick<PamLine, "name" | "args">;

/** Whether a module runs the hook, with any command. */
export function isHook({ name, args }: Module): boolean {
  return name === "pam_exec.so" && args.some((arg) => /^\/(.*\/)?ssh-session-notifier$/.test(arg));
}

/** Whether a module ends the SELinux context of the service itself. If it is the first one, the hook goes after it. */
export function closesContext({ name, args }: Module): boolean {
  return name === "pam_selinux.so" && args.includes("close");
}

/** Whether a module sets variables from a user's `~/.pam_environment`; any number except 0 turns this on. */
export function readsUserEnvironment({ name, args }: Module): boolean {
  return name === "pam_env.so" && args.some((arg) => /^user_readenv=0*[1-9]/.test(arg));
}
