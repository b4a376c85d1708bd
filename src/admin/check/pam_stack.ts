// Reads the PAM stack of a service as Linux-PAM does (libpam/pam_handlers.c, pam.conf(5)). Pure, except for the
// function that reads files, which is a parameter.

/** One module in the stack. */
export interface PamModule {
  /** `auth`, `account`, `password` or `session`. */
  readonly phase: string;
  /** `required`, `optional` and so on, or `[value=action ...]` without the brackets. */
  readonly control: string;
  /** The file name of the module, without the directory. */
  readonly name: string;
  readonly args: readonly string[];
  /** The file and line, for people: `/etc/pam.d/sshd:7`. */
  readonly place: string;
  /** Whether it is in a substack; it can then end only the substack. */
  readonly inSubstack: boolean;
}

/** The modules of a service in the order in which PAM runs them, and the files that are missing. */
export interface PamStack {
  readonly modules: readonly PamModule[];
  /** Included files that cannot be read; PAM then refuses logins. */
  readonly missing: readonly string[];
}

/** The path and text of a PAM file. */
export interface PamFile {
  readonly path: string;
  readonly text: string;
}

/** PAM itself allows 32 levels (PAM_SUBSTACK_MAX_LEVEL is 16). */
const MAX_DEPTH = 32;

/**
 * Reads the modules that PAM runs for a service, including those of included files.
 *
 * @param service the name of the service, such as `sshd`
 * @param read finds and reads a file by name or absolute path; undefined if it does not exist
 */
export function readPamStack(service: string, read: (name: string) => PamFile | undefined): PamStack {
  const modules: PamModule[] = [];
  const missing: string[] = [];
  const add = (name: string, context: { phase?: string | undefined; inSubstack: boolean; depth: number }) => {
    const file = read(name);
    if (file === undefined || context.depth > MAX_DEPTH) {
      missing.push(name);
      return;
    }
    for (const { number, text } of logicalLines(file.text)) {
      const line = parseLine(text);
      if (line === undefined) continue;
      const { phase = context.phase, control, name, args } = line;
      if (context.phase !== undefined && phase !== context.phase) continue;
      const inSubstack = context.inSubstack || control === "substack";
      if (["include", "substack"].includes(control)) add(name, { phase, inSubstack, depth: context.depth + 1 });
      else {
        modules.push({
          phase: phase ?? "",
          control,
          name: name.replace(/^.*\//, ""),
          args,
          place: `${file.path}:${number}`,
          inSubstack: context.inSubstack,
        });
      }
    }
  };
  add(service, { inSubstack: false, depth: 0 });
  return { modules, missing };
}

/** Splits text into lines as PAM does: a backslash at the end continues a line, and `#` begins a comment. */
function logicalLines(text: string): { number: number; text: string }[] {
  const lines: { number: number; text: string }[] = [];
  let begun: { number: number; text: string } | undefined;
  for (const [index, raw] of text.split("\n").entries()) {
    const line = begun ?? { number: index + 1, text: "" };
    const part = raw.replace(/#.*$/, "");
    const goesOn = /\\\s*$/.test(part);
    line.text += ` ${part.replace(/\\\s*$/, "")}`;
    begun = goesOn ? line : undefined;
    if (!goesOn) lines.push(line);
  }
  if (begun !== undefined) lines.push(begun);
  return lines;
}

/** Parses one line. `@include` has no phase, because it applies to all. */
function parseLine(
  text: string,
): { phase?: string; control: string; name: string; args: readonly string[] } | undefined {
  const included = /^\s*@include\s+(\S+)/i.exec(text);
  if (included !== null) return { control: "include", name: included[1] ?? "", args: [] };
  const match = /^\s*-?(auth|account|password|session)\s+(?:\[([^\]]*)\]|(\S+))\s+(\S+)(.*)$/i.exec(text);
  if (match === null) return undefined;
  const [, phase = "", actions, word = "", name = "", rest = ""] = match;
  return {
    phase: phase.toLowerCase(),
    control: (actions ?? word).toLowerCase().trim(),
    name,
    // An argument in brackets can contain spaces.
    args: [...rest.matchAll(/\[((?:[^\]\\]|\\.)*)\]|(\S+)/g)].map(([, bracketed, plain]) => bracketed ?? plain ?? ""),
  };
}

/**
 * How many of the following modules a module can skip; Infinity if it can end the stack with success. Ending the stack
 * with failure does not count, because the login fails too.
 */
export function jumpsOver({ control, inSubstack }: PamModule): number {
  if (control === "sufficient") return inSubstack ? 0 : Infinity;
  const actions = [...control.matchAll(/=\s*(\w+)/g)].map(([, action]) => action ?? "");
  if (actions.includes("done") && !inSubstack) return Infinity;
  return Math.max(0, ...actions.filter((action) => /^\d+$/.test(action)).map(Number));
}
