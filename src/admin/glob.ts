// The paths that a pattern matches, as glob(3) has them: sshd's Include takes such patterns.

/** What a folder is asked for. */
export interface GlobFiles {
  /** The names in a folder; undefined where there is no such folder. */
  readonly list: (directory: string) => readonly string[] | undefined;
  readonly isThere: (path: string) => boolean;
}

/**
 * The paths that a pattern matches, in the order of their names.
 *
 * @param pattern absolute; `*`, `?` and `[…]` match within a name, and no dot at its beginning
 * @throws what `files` throws
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

/** Whether a name matches a pattern without slashes. */
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
