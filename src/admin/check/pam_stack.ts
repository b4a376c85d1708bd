// Reads the PAM stack of a service as Linux-PAM does (libpam/pam_handlers.c). Pure, except for the function that reads
// files, which is a parameter.

import { isInclude, jumpOf, parsePam } from "../../pam/pam_line.ts";

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

const PHASES = ["auth", "account", "password", "session"];

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
    for (const line of parsePam(file.text)) {
      const { number, control, path, name, args } = line;
      // `@include` has no phase, because it applies to all.
      const phase = line.phase === "@include" ? context.phase : line.phase;
      if (path === "" || (phase !== undefined && !PHASES.includes(phase))) continue;
      if (context.phase !== undefined && phase !== context.phase) continue;
      const inSubstack = context.inSubstack || control === "substack";
      if (isInclude(line)) add(path, { phase, inSubstack, depth: context.depth + 1 });
      else {
        modules.push({
          phase: phase ?? "",
          control,
          name,
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

/**
 * How many of the following modules a module can skip; Infinity if it can end the stack with success. Ending the stack
 * with failure does not count, because the login fails too.
 */
export function jumpsOver({ control, inSubstack }: PamModule): number {
  if (control === "sufficient") return inSubstack ? 0 : Infinity;
  return /=[ \t]*done\b/.test(control) && !inSubstack ? Infinity : jumpOf({ control });
}
