// Reads the configuration of sshd as sshd does (sshd_config(5)): the first value counts, and the lines of an included
// file replace its Include. Keeps only settings for PAM. Pure, except for the two functions that are parameters.

/** Access to files. */
export interface SshdFiles {
  /** The text of a file; undefined if this program may not read it. */
  readonly read: (path: string) => string | undefined;
  /** The paths that a pattern of glob(7) matches, in order; undefined if this program may not look. */
  readonly match: (pattern: string) => readonly string[] | undefined;
}

/** The settings for PAM. */
export interface SshdPam {
  /** The value of UsePAM, in lower case; undefined if no line sets it. */
  readonly usePam: string | undefined;
  /** The values of PAMServiceName, in and outside Match blocks. */
  readonly services: readonly string[];
  /** Patterns of Includes that this program may not read and that could set UsePAM first. */
  readonly unread: readonly string[];
}

/** Maximum depth of Includes (SERVCONF_MAX_DEPTH in OpenSSH's servconf.c). */
const MAX_DEPTH = 16;

/** The directory of an Include with a relative path. */
const SSH_DIR = "/etc/ssh";

/**
 * Parses the settings for PAM.
 *
 * @param text the text of the main file
 * @throws if Includes are nested so deeply that sshd would refuse the configuration
 */
export function parseSshdConfig(text: string, files: SshdFiles): SshdPam {
  const found = {
    usePam: undefined as string | undefined,
    services: new Map<string, boolean>(),
    unread: [] as string[],
  };
  readLines(text, { files, found, depth: 0, isActive: true, isNever: false });
  // The first value outside Match blocks counts; each block can set another one.
  const [global] = [...found.services].filter(([, isGlobal]) => isGlobal);
  const inBlocks = [...found.services].filter(([, isGlobal]) => !isGlobal);
  return { ...found, services: [...global === undefined ? [] : [global], ...inBlocks].map(([name]) => name) };
}

interface Context {
  readonly files: SshdFiles;
  readonly found: { usePam: string | undefined; readonly services: Map<string, boolean>; readonly unread: string[] };
  readonly depth: number;
  /** Whether the lines apply to every connection. */
  readonly isActive: boolean;
  /** Whether the Include is in a Match block, so that no line of the file applies to every connection. */
  readonly isNever: boolean;
}

function readLines(text: string, context: Context): void {
  const { files, found, depth, isNever } = context;
  if (depth > MAX_DEPTH) throw new Error(`sshd refuses its configuration: more than ${MAX_DEPTH} nested Includes`);
  let { isActive } = context;
  for (const line of text.split("\n")) {
    const { keyword, values } = parseLine(line);
    const [value = ""] = values;
    switch (keyword) {
      case "match":
        isActive = !isNever && values.length === 1 && value.toLowerCase() === "all";
        break;
      case "usepam":
        // sshd refuses to start if UsePAM is in another Match block.
        if (isActive && value !== "") found.usePam ??= value.toLowerCase();
        break;
      case "pamservicename":
        if (value !== "" && !found.services.get(value)) found.services.set(value, isActive);
        break;
      case "include":
        for (const pattern of values) {
          include(pattern, { files, found, depth: depth + 1, isActive, isNever: isNever || !isActive });
        }
    }
  }
}

function include(pattern: string, context: Context): void {
  const { files: { match, read }, found } = context;
  const absolute = /^[/~]/.test(pattern) ? pattern : `${SSH_DIR}/${pattern}`;
  const paths = match(absolute);
  const texts = paths?.map(read) ?? [undefined];
  for (const text of texts) {
    if (text !== undefined) readLines(text, context);
    else if (context.isActive && found.usePam === undefined) found.unread.push(absolute);
  }
}

/** Parses a line into its keyword, in lower case, and its values; the keyword is empty if sshd ignores the line. */
function parseLine(line: string): { readonly keyword: string; readonly values: readonly string[] } {
  const trimmed = line.replace(/^[ \t\r]+|[ \t\r\f]+$/g, "");
  const [all, unquoted = "", quoted = ""] =
    /^([^ \t\r"=]*)(?:"([^"]*)"[ \t\r]*|[ \t\r]*=[ \t\r]*|[ \t\r]+)/.exec(trimmed) ?? [];
  if (all === undefined || trimmed.startsWith("#")) return { keyword: "", values: [] };
  const values = splitValues(trimmed.slice(all.length));
  return { keyword: values === undefined ? "" : (unquoted + quoted).toLowerCase(), values: values ?? [] };
}

/** An escape sequence, a quoted text or a plain character. */
const PIECE = /\\(['"\\ ])|"((?:\\['"\\]|\\(?!['"\\])|[^"\\])*)"|'((?:\\['"\\]|\\(?!['"\\])|[^'\\])*)'|([^ \t"'])/y;

/** Splits a line into its values, up to a comment; undefined if a quote is not closed, which sshd refuses. */
function splitValues(text: string): string[] | undefined {
  const values: string[] = [];
  for (let at = 0;;) {
    while (/[ \t]/.test(text.charAt(at))) at++;
    if (at >= text.length || text.charAt(at) === "#") return values;
    let value = "";
    while (at < text.length && !/[ \t]/.test(text.charAt(at))) {
      PIECE.lastIndex = at;
      const [all, escaped, double, single, plain] = PIECE.exec(text) ?? [];
      if (all === undefined) return undefined;
      value += escaped ?? plain ?? (double ?? single ?? "").replace(/\\(['"\\])/g, "$1");
      at += all.length;
    }
    values.push(value);
  }
}
