// Lets `check` read the configuration of sshd, but only the files that the sandbox allows. Finds those of an Include as
// glob(3) does.

import { statIfThere } from "../../sqlite/files.ts";
import type { SshdFiles } from "./sshd_config.ts";

const { NotCapable, NotADirectory, NotFound } = Deno.errors;
const MISSING = [NotFound, NotADirectory];

/** The files of this host. */
export const SSHD_FILES: SshdFiles = {
  // sshd skips directories, and files that were removed after the listing.
  read: (path) => unless([NotCapable], () => textOf(path) ?? ""),
  match: (pattern) =>
    unless([NotCapable], () => glob(pattern, { list: namesIn, isThere: (path) => statIfThere(path) !== undefined })),
};

function textOf(path: string): string | undefined {
  return unless(MISSING, () => Deno.statSync(path).isFile ? Deno.readTextFileSync(path) : undefined);
}

function namesIn(directory: string): string[] | undefined {
  return unless(MISSING, () => [...Deno.readDirSync(directory)].map(({ name }) => name));
}

/** Returns undefined if looking fails with one of these errors. */
function unless<T>(errors: readonly (typeof NotFound)[], look: () => T): T | undefined {
  try {
    return look();
  } catch (error) {
    if (errors.some((kind) => error instanceof kind)) return undefined;
    throw error;
  }
}

/** Access to directories. */
export interface GlobFiles {
  /** The names in a directory; undefined if it does not exist. */
  readonly list: (directory: string) => readonly string[] | undefined;
  readonly isThere: (path: string) => boolean;
}

/**
 * Finds the paths that a pattern matches, sorted by name.
 *
 * @param pattern absolute; `*`, `?` and `[…]` match within a name, but not a dot at its start
 * @throws what `list` and `isThere` throw
 */
export function glob(pattern: string, { list, isThere }: GlobFiles): string[] {
  const [, ...names] = pattern.split("/");
  let folders = [""];
  for (const name of names) {
    folders = /[*?[\\]/.test(name)
      ? folders.flatMap((folder) =>
        (list(folder === "" ? "/" : folder) ?? []).filter(matcher(name)).sort().map((entry) => `${folder}/${entry}`)
      )
      : folders.map((folder) => `${folder}/${name}`);
  }
  return folders.filter(isThere);
}

/** Returns a function that tells whether a name matches a pattern without slashes. */
function matcher(pattern: string): (name: string) => boolean {
  const source = pattern.replace(
    /\\(.)|\[([!^]?)(\]?[^\]]*)\]|[*?]|[^]/gu,
    (all: string, escaped?: string, not?: string, set?: string) => {
      if (set !== undefined) return `[${not === "" ? "" : "^"}${set.replace(/[\\\]^]/g, "\\$&")}]`;
      if (all === "*") return "[^]*";
      return all === "?" ? "[^]" : RegExp.escape(escaped ?? all);
    },
  );
  const expression = new RegExp(`^${source}$`);
  return (name) => (!name.startsWith(".") || pattern.startsWith(".")) && expression.test(name);
}
