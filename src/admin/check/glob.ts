// Finds the paths that a pattern matches, as glob(3) does for the Include of sshd.

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
      return all === "?" ? "[^]" : (escaped ?? all).replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&");
    },
  );
  const expression = new RegExp(`^${source}$`);
  return (name) => (!name.startsWith(".") || pattern.startsWith(".")) && expression.test(name);
}
