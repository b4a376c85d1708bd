// A clock controlled by a test. Sleeping takes no time: it advances the clock.

import type { Clock } from "../../src/clock.ts";

export class FakeClock implements Clock {
  /** 2026-11-23T00:00:00Z at first. */
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
    // Let pending answers arrive first.
    return new Promise((resolve) => setTimeout(resolve, 0));
  }

  /** Lets time pass. */
  pass(ms: number): void {
    this.#nowMs += ms;
    this.#monotonicMs += ms;
  }

  /** Sets the clock, without time passing. */
  jump(ms: number): void {
    this.#nowMs += ms;
  }
}
