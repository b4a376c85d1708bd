// A clock that a test moves. Sleeping takes no time: it moves the clock.

import type { Clock } from "../../src/send/clock.ts";

export class FakeClock implements Clock {
  /** 2026-11-23T00:00:00Z, unless it was moved. */
  #nowMs = Date.UTC(2026, 10, 23);
  #monotonicMs = 0;

  nowMs(): number {
    return this.#nowMs;
  }

  monotonicMs(): number {
    return this.#monotonicMs;
  }

  sleep(ms: number): Promise<void> {
    this.pass(ms);
    // Lets what waits for an answer have it first.
    return new Promise((resolve) => setTimeout(resolve, 0));
  }

  /** Time passes. */
  pass(ms: number): void {
    this.#nowMs += ms;
    this.#monotonicMs += ms;
  }

  /** Somebody sets the clock; no time passes. */
  jump(ms: number): void {
    this.#nowMs += ms;
  }
}
