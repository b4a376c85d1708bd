// Shows on a terminal how far long work is. Nothing where it is done soon, or nobody is there to see it.

/** Where progress is shown; the real one is `Deno.stderr`. */
export interface ProgressOutput {
  isTerminal(): boolean;
  writeSync(bytes: Uint8Array): number;
}

/** How long work may take before anything is shown, and how often it changes then, in milliseconds. */
const SHOWN_AFTER_MS = 700;
const EVERY_MS = 200;

/** Work that is under way. Disposing of it takes the line away. */
export class Progress implements Disposable {
  readonly #output: ProgressOutput;
  readonly #nowMs: () => number;
  readonly #isShown: boolean;
  #nextMs: number;
  #isThere = false;

  /** @param options.isShown whether to show anything, if this is a terminal */
  constructor(
    { isShown = true, output = Deno.stderr, nowMs = () => performance.now() }: {
      isShown?: boolean;
      output?: ProgressOutput;
      nowMs?: () => number;
    } = {},
  ) {
    this.#output = output;
    this.#nowMs = nowMs;
    this.#isShown = isShown && output.isTerminal();
    this.#nextMs = nowMs() + SHOWN_AFTER_MS;
  }

  /** Says how far it is: one line of plain text, shorter than any terminal. */
  report(text: () => string): void {
    if (!this.#isShown || this.#nowMs() < this.#nextMs) return;
    this.#nextMs = this.#nowMs() + EVERY_MS;
    this.#isThere = true;
    this.#write(`\r\x1b[K${text()}`);
  }

  [Symbol.dispose](): void {
    if (this.#isThere) this.#write("\r\x1b[K");
  }

  #write(text: string): void {
    try {
      this.#output.writeSync(new TextEncoder().encode(text));
    } catch {
      // A terminal that has gone must not stop the work.
    }
  }
}
