// What a result is shown on: how wide it is, and whether it has colours and more letters than ASCII.

/** Where something is shown. */
export interface Display {
  /** Undefined where there is no limit: a pipe or a file. */
  readonly columns: number | undefined;
  readonly hasColours: boolean;
  /** Whether it shows blocks and shades, and not only ASCII. */
  readonly hasBlocks: boolean;
}

/** What a display is found out from; the real one is `Deno`. */
export interface DisplaySurroundings {
  readonly env: Pick<Deno.Env, "get">;
  readonly stdout: { isTerminal(): boolean };
  consoleSize(): { readonly columns: number };
}

/** Narrower than that, no table makes sense; a terminal that says so does not know. */
const MIN_COLUMNS = 20;

/** Where standard output leads. NO_COLOR (https://no-color.org) makes it plain in all respects; COLUMNS limits a pipe. */
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
