// Reads the PAM stack of a service as Linux-PAM does (libpam/pam_handlers.c, pam.conf(5)). Pure but for the reading,
// which comes in from outside.

/** A module in the stack of one phase, in the order in which PAM runs them. */
export interface PamModule {
  /** `auth`, `account`, `password` or `session`. */
  readonly phase: string;
  /** `required`, `optional` and so on, or `[value=action ...]` without the brackets. */
  readonly control: string;
  /** The file name of the module, without its folder. */
  readonly name: string;
  readonly args: readonly string[];
  /** The file and the line that name it, for people: `/etc/pam.d/sshd:7`. */
  readonly place: string;
  /** Whether it stands in a substack, which it can end without ending the stack around. */
  readonly inSubstack: boolean;
}

/** The stack, and what is wrong with its files. */
export interface PamStack {
  readonly modules: readonly PamModule[];
  /** Files that are included but can't be read: PAM refuses to work then. */
  readonly missing: readonly string[];
}

/** A file of PAM, found and read. */
export interface PamFile {
  readonly path: string;
  readonly text: string;
}

/** PAM itself allows 32 levels (PAM_SUBSTACK_MAX_LEVEL is 16). */
const MAX_DEPTH = 32;

/**
 * The modules that PAM runs for a service, with everything that is included.
 *
 * @param service the name of the service, such as `sshd`
 * @param read finds and reads a file by its name or its absolute path; undefined where there is none
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

/** Lines as PAM reads them: those that end in a backslash go on in the next one, and `#` begins a comment. */
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

/** One line; no phase for `@include`, which is for all of them. */
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
    // An argument in brackets may hold spaces.
    args: [...rest.matchAll(/\[((?:[^\]\\]|\\.)*)\]|(\S+)/g)].map(([, bracketed, plain]) => bracketed ?? plain ?? ""),
  };
}

/**
 * How far a module can carry the stack: how many modules it may jump over, or Infinity where it may end the stack with
 * success. A module that ends it with failure ends the login too, which is no loss.
 */
export function jumpsOver({ control, inSubstack }: PamModule): number {
  if (control === "sufficient") return inSubstack ? 0 : Infinity;
  const actions = [...control.matchAll(/=\s*(\w+)/g)].map(([, action]) => action ?? "");
  if (actions.includes("done") && !inSubstack) return Infinity;
  return Math.max(0, ...actions.filter((action) => /^\d+$/.test(action)).map(Number));
}
