// The folder that a bench may fill. It is deleted when the bench ends or is interrupted.

import { ExitCode } from "../../src/failure.ts";
import { ROOT } from "../../.ci/compile.ts";
import { Refusal } from "./refusal.ts";

const DIRECTORY = `${ROOT}/.cache/bench`;

/** Signals that end a bench. */
const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** How often to retry the deletion of a folder into which an ending process still writes. */
const ATTEMPTS = 20;

/** A folder on the disk of the checkout; temporary files of the helpers go there too. */
export class Scratch implements Disposable {
  readonly directory = DIRECTORY;
  readonly #lock: Deno.FsFile;
  readonly #listeners: readonly (readonly [Deno.Signal, () => void])[];

  /** @throws {Refusal} while another bench runs */
  constructor() {
    Deno.mkdirSync(`${ROOT}/.cache`, { recursive: true });
    this.#lock = Deno.openSync(`${DIRECTORY}.lock`, { create: true, write: true });
    if (!this.#lock.tryLockSync(true)) {
      throw new Refusal("Another bench is running, which would distort the results", {
        exitCode: ExitCode.tempFail,
        hint: "wait until it ends",
      });
    }
    // Remove the files of a killed bench.
    removeAll();
    Deno.mkdirSync(DIRECTORY);
    Deno.env.set("TMPDIR", DIRECTORY);
    // Processes in a test host end with this process (host.ts).
    this.#listeners = SIGNALS.map((signal) => [signal, () => this.#endBy(signal)]);
    for (const [signal, listener] of this.#listeners) Deno.addSignalListener(signal, listener);
  }

  [Symbol.dispose](): void {
    for (const [signal, listener] of this.#listeners) Deno.removeSignalListener(signal, listener);
    removeAll();
    this.#lock.close();
  }

  /** Exits with the code that a shell reports: 128 plus the number of the signal. */
  #endBy(signal: typeof SIGNALS[number]): never {
    removeAll();
    Deno.exit(128 + { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 }[signal]);
  }
}

function removeAll(): void {
  for (let attempt = 1;; attempt++) {
    try {
      Deno.removeSync(DIRECTORY, { recursive: true });
      return;
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return;
      if (attempt === ATTEMPTS) throw error;
    }
  }
}
