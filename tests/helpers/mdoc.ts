// Converts text with code in backticks, as in Markdown, to mdoc(7), the language of manual pages.

/** The longest line of text, in characters; `mandoc -Tlint` allows 80. */
const MAX_LINE = 78;

/** Words that have a macro of their own. Other code is quoted. */
const COMMANDS = /^(queue|send|check|status|history|explain|retry|test|repair|completions|man)$/;

/** A piece of text without a space: plain, or code with what stands right before and after it. */
type Word =
  | { readonly kind: "plain"; readonly text: string }
  | { readonly kind: "code"; readonly before: string; readonly code: string; readonly after: string };

/**
 * Text as lines of mdoc, each sentence on lines of its own.
 *
 * @param markdown one paragraph; a link within the document becomes its text
 */
export function paragraph(markdown: string): string[] {
  const text = markdown.replaceAll(/\[([^\]]+)\]\(#[^)]*\)/g, "$1").replaceAll(/\s+/g, " ").trim();
  return sentences(text).flatMap(sentenceLines);
}

/** A display of lines as they are, such as a part of a configuration. */
export function display(text: string): string[] {
  return [".Bd -literal -offset indent", ...text.split("\n").map((line) => literalLine(line)), ".Ed"];
}

/** The displays of a page, as they are shown. */
export function displaysOf(page: string): string[] {
  return [...page.matchAll(/^\.Bd -literal[^\n]*\n([^]*?)^\.Ed$/gm)].map(([, text = ""]) => unescaped(text));
}

/** Replaces the parts of a page that stand between marker comments. */
export function withParts(
  page: string,
  { parts, comment, by = "tests/helpers/write_docs.ts" }: {
    readonly parts: Readonly<Record<string, readonly string[]>>;
    /** What a comment of the page begins and ends with. */
    readonly comment: readonly [begin: string, end: string];
    /** What writes the parts. */
    readonly by?: string;
  },
): string {
  let written = page;
  for (const [name, lines] of Object.entries(parts)) {
    const begin = `${comment[0]}begin ${name}: written by ${by}${comment[1]}\n`;
    const end = `${comment[0]}end ${name}${comment[1]}\n`;
    const [before, rest] = written.split(begin);
    const [old, after] = rest?.split(end) ?? [];
    if (before === undefined || old === undefined || after === undefined) {
      throw new Error(`Cannot write "${name}" as the page has no place for it`);
    }
    written = `${before}${begin}${lines.map((line) => `${line}\n`).join("")}${end}${after}`;
  }
  return written;
}

/** Text as an argument of a macro. */
export function argument(text: string): string {
  const escaped = literal(text).replaceAll('"', "\\(dq");
  // What looks like a macro or is a delimiter would be taken for one.
  if (/^([A-Z%][a-z0-9]{1,2}|[.,:;()[\]?!|])$/.test(text)) return `\\&${escaped}`;
  // Nor may a delimiter at the end be taken for one.
  const whole = /.[.,:;)\]?!]$/.test(escaped) ? `${escaped}\\&` : escaped;
  return whole.includes(" ") ? `"${whole}"` : whole;
}

/** The macro and its arguments for a piece of code, without the dot. */
export function inline(code: string): string {
  const reference = /^([\w.-]+)\((\d)\)$/.exec(code);
  if (reference !== null) return `Xr ${reference[1]} ${reference[2]}`;
  if (code.startsWith("/") && !code.includes(" ")) return `Pa ${argument(code)}`;
  if (/^--?[a-z-]+$/.test(code)) return `Fl ${argument(code.slice(1))}`;
  if (COMMANDS.test(code)) return `Cm ${code}`;
  if (/^[A-Z][A-Z_0-9]{2,}$/.test(code)) return `Ev ${code}`;
  return `Ql ${argument(code)}`;
}

function sentences(text: string): string[] {
  // Not behind "e.g." and the like, nor within code.
  const found: string[] = [];
  let sentence = "";
  for (const [index, part] of text.split("`").entries()) {
    if (index % 2 === 1) {
      sentence += `\`${part}\``;
      continue;
    }
    const pieces = part.split(/(?<=[.?!][")]?) +(?=["(]*(?:[A-Z0-9]|$))/);
    for (const [at, piece] of pieces.entries()) {
      if (at > 0) {
        found.push(sentence);
        sentence = "";
      }
      sentence += piece;
    }
  }
  return [...found, sentence].map((each) => each.trim()).filter((each) => each !== "");
}

function sentenceLines(sentence: string): string[] {
  const lines: string[] = [];
  let line = "";
  const end = () => {
    // A line that begins with a dot or an apostrophe would be a macro.
    if (line !== "") lines.push(line.replace(/^[.']/, "\\&$&"));
    line = "";
  };
  for (const word of words(sentence)) {
    if (word.kind === "plain") {
      if (line !== "" && line.length + 1 + word.text.length > MAX_LINE) end();
      line += `${line === "" ? "" : " "}${word.text}`;
    } else {
      end();
      lines.push(macroLine(word));
    }
  }
  end();
  return lines;
}

function words(sentence: string): Word[] {
  const found = sentence.match(/(?:[^\s`]|`[^`]*`)+/g) ?? [];
  return found.map((text): Word => {
    const [before = "", code, ...rest] = text.split("`");
    if (code === undefined) return { kind: "plain", text: prose(text) };
    return { kind: "code", before, code, after: rest.join("`") };
  });
}

function macroLine({ before, code, after }: Word & { kind: "code" }): string {
  const macro = inline(code);
  const [name = "", ...args] = [macro.split(" ", 1)[0] ?? "", macro.slice(macro.indexOf(" ") + 1)];
  const call = name === macro ? [macro] : [name, ...args];
  if (before !== "" && !/^[([]+$/.test(before)) {
    return `.No ${argument(before)} Ns ${[...call].join(" ")}${tail(after)}`;
  }
  const opening = [...before].join(" ");
  return `.${[call[0], opening, ...call.slice(1)].filter((part) => part !== "").join(" ")}${tail(after)}`;
}

/** What follows code without a space. */
function tail(after: string): string {
  const [, text = "", closing = ""] = /^([^]*?)([.,:;)\]?!]*)$/.exec(after) ?? [];
  const delimiters = [...closing].map((sign) => ` ${sign}`).join("");
  if (text === "") return delimiters;
  const [first = "", ...more] = text.split("`");
  // More code, such as in `a`/`b`.
  const glued = [`Ns ${argument(first)}`, ...more.map((part, index) => index % 2 === 0 ? `Ns ${inline(part)}` : part)];
  return ` ${glued.filter((part) => part !== "").join(" ")}${delimiters}`;
}

function prose(text: string): string {
  return ascii(text.replaceAll("\\", "\\e").replaceAll("~", "\\(ti").replaceAll("^", "\\(ha"));
}

function literal(text: string): string {
  return ascii(
    text.replaceAll("\\", "\\e").replaceAll("-", "\\-").replaceAll("'", "\\(aq").replaceAll("`", "\\(ga")
      .replaceAll("^", "\\(ha").replaceAll("~", "\\(ti"),
  );
}

function literalLine(line: string): string {
  return literal(line).replace(/^\./, "\\&.");
}

function unescaped(text: string): string {
  return text.replaceAll("\\&", "").replaceAll("\\-", "-").replaceAll("\\(aq", "'").replaceAll("\\(ga", "`")
    .replaceAll("\\(ha", "^").replaceAll("\\(ti", "~").replaceAll("\\(dq", '"')
    .replaceAll(/\\\[u([0-9A-F]{4,5})\]/g, (_, code) => String.fromCodePoint(Number.parseInt(code, 16)))
    .replaceAll("\\e", "\\");
}

/** Other characters by their numbers, so that no reader has to guess the encoding of the page. */
function ascii(text: string): string {
  return text.replaceAll(
    /\P{ASCII}/gu,
    (char) => `\\[u${(char.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0")}]`,
  );
}
