// The clock that `send` uses. It is injected, so tests do not have to wait.

/** A source of time. */
export interface Clock {
  /** The time of day, in milliseconds since the epoch. It can jump forwards and backwards. */
  nowMs(): number;
  /** Milliseconds since an arbitrary moment; never jumps. */
  monotonicMs(): number;
  /** Waits, or returns early if `signal` is aborted. */
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
