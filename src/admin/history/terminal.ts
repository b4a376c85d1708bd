// Determines what standard output can show: its width, colours, and block characters.

/** The properties of standard output. */
export interface Display {
  /** Width; undefined for no limit, as for a pipe or a file. */
  readonly columns: number | undefined;
  readonly hasColours: boolean;
  /** Whether it can show block characters, not only ASCII. */
  readonly hasBlocks: boolean;
}

/** The parts of `Deno` that {@link displayOf} uses. */
export interface DisplaySurroundings {
  readonly env: Pick<Deno.Env, "get">;
  readonly stdout: { isTerminal(): boolean };
  consoleSize(): { readonly columns: number };
}

/** Minimum width of a table; a terminal that reports less does not know its width. */
const MIN_COLUMNS = 20;

/** Inspects standard output. NO_COLOR (https://no-color.org) turns off blocks too; COLUMNS sets the width of a pipe. */
export function displayOf({ env, stdout, consoleSize }: DisplaySurroundings = Deno): Display {
  const isTerminal = stdout.isTerminal();
  const isPlain = !isTerminal || Boolean(env.get("NO_COLOR")) || env.get("TERM") === "dumb";
  const locale = env.get("LC_ALL") || env.get("LC_CTYPE") || env.get("LANG") || "";
  return {
    columns: isTerminal ? terminalColumns(consoleSize) : columnsIn(env.get("COLUMNS")),
    hasColours: !isPlain,
    hasBlocks: !isPlain && /utf-?8/i.test(locale),
  };
}

/** A text in a colour, an escape sequence, if the display has colours. */
export function coloured(text: string, { colour, display }: { colour: string; display: Display }): string {
  return display.hasColours ? `${colour}${text}\x1b[0m` : text;
}

function terminalColumns(consoleSize: DisplaySurroundings["consoleSize"]): number {
  try {
    const { columns } = consoleSize();
    return columns >= MIN_COLUMNS ? columns : 80;
  } catch {
    return 80;
  }
}

function columnsIn(text = ""): number | undefined {
  const columns = /^\d{1,4}$/.test(text) ? Number(text) : 0;
  return columns >= MIN_COLUMNS ? columns : undefined;
}
