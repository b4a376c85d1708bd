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

/** Where a line is. */
interface Context {
  /** How many Includes lead to the file. */
  readonly depth: number;
  /** Whether the line applies to every connection. */
  readonly isActive: boolean;
  /** Whether the Include is in a Match block, so that no line of the file applies to every connection. */
  readonly isNever: boolean;
}

/**
 * Parses the settings for PAM.
 *
 * @param text the text of the main file
 * @throws if Includes are nested so deeply that sshd would refuse the configuration
 */
export function parseSshdConfig(text: string, { match, read }: SshdFiles): SshdPam {
  let usePam: string | undefined;
  const unread: string[] = [];
  /** Each service, and whether it applies to every connection. */
  const services = new Map<string, boolean>();
  const readLines = (text: string, { depth, isActive, isNever }: Context) => {
    if (depth > MAX_DEPTH) throw new Error(`sshd refuses its configuration: more than ${MAX_DEPTH} nested Includes`);
    for (const line of text.split("\n")) {
      const { keyword, values } = parseLine(line);
      const [value = ""] = values;
      if (keyword === "match") isActive = !isNever && values.length === 1 && value.toLowerCase() === "all";
      // sshd refuses to start if UsePAM is in another Match block.
      else if (keyword === "usepam" && isActive && value !== "") usePam ??= value.toLowerCase();
      else if (keyword === "pamservicename" && value !== "" && !services.get(value)) services.set(value, isActive);
      else if (keyword === "include") {
        for (const pattern of values) include(pattern, { depth: depth + 1, isActive, isNever: isNever || !isActive });
      }
    }
  };
  const include = (pattern: string, context: Context) => {
    const absolute = /^[/~]/.test(pattern) ? pattern : `${SSH_DIR}/${pattern}`;
    for (const text of match(absolute)?.map(read) ?? [undefined]) {
      if (text !== undefined) readLines(text, context);
      else if (context.isActive && usePam === undefined) unread.push(absolute);
    }
  };
  readLines(text, { depth: 0, isActive: true, isNever: false });
  // The first value outside Match blocks counts; each block can set another one.
  const [global] = [...services].filter(([, isGlobal]) => isGlobal);
  const inBlocks = [...services].filter(([, isGlobal]) => !isGlobal);
  return { usePam, unread, services: [...global === undefined ? [] : [global], ...inBlocks].map(([name]) => name) };
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
