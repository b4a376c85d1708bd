// Time, as `send` sees it. Comes in from outside, so that no test has to wait.

/** Where the time comes from. */
export interface Clock {
  /** The time of day, in milliseconds since the epoch. It may jump both ways. */
  nowMs(): number;
  /** Milliseconds since some moment; never jumps. */
  monotonicMs(): number;
  /** Waits; less long if `signal` is aborted. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
}

/** The clock of this machine. */
export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  sleep: (ms, signal) => {
    if (signal.aborted) return Promise.resolve();
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => resolve(), { once: true });
    return promise.finally(() => clearTimeout(timer));
  },
};
