// The folder that one bench may fill, which is gone when it ends, also where it is interrupted.

import { ExitCode } from "../../src/failure.ts";
import { ROOT } from "../helpers/compile.ts";
import { Refusal } from "./refusal.ts";

const DIRECTORY = `${ROOT}/.cache/bench`;

/** Signals that end a bench. */
const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** How often to take away a folder into which a process that is about to end still writes. */
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
      throw new Refusal("Another bench is running, and each would spoil the other's figures", {
        exitCode: ExitCode.tempFail,
        hint: "wait for its end",
      });
    }
    // What a killed one has left.
    removeAll();
    Deno.mkdirSync(DIRECTORY);
    Deno.env.set("TMPDIR", DIRECTORY);
    // What runs in a test host ends with this process (host.ts).
    this.#listeners = SIGNALS.map((signal) => [signal, () => this.#endBy(signal)]);
    for (const [signal, listener] of this.#listeners) Deno.addSignalListener(signal, listener);
  }

  [Symbol.dispose](): void {
    for (const [signal, listener] of this.#listeners) Deno.removeSignalListener(signal, listener);
    removeAll();
    this.#lock.close();
  }

  /** Ends as a shell would say it: 128 and the number of the signal. */
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
