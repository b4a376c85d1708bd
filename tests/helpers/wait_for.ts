// Waits in tests, instead of a fixed time: as short as possible if all goes well, long enough on a busy machine.

/** How often a condition is checked, in milliseconds. */
const POLL_MS = 10;

/** The options of {@link waitFor}. */
export interface WaitOptions {
  /** What is waited for, as in "send has stored the event"; for the error. */
  readonly what: string;
  /** How long it may take, in milliseconds. Default: 20 s. */
  readonly timeoutMs?: number;
}

/**
 * Waits until a condition holds. Checks it at once, and at least once more after the time is up.
 *
 * @param condition returns the value to wait for; `false` and `undefined` mean not yet
 * @returns that value
 * @throws if it takes too long
 */
export async function waitFor<T>(
  condition: () => T | false | undefined | Promise<T | false | undefined>,
  { what, timeoutMs = 20_000 }: WaitOptions,
): Promise<T> {
  const deadlineMs = performance.now() + timeoutMs;
  for (;;) {
    const isLast = performance.now() > deadlineMs;
    const value = await condition();
    if (value !== false && value !== undefined) return value;
    if (isLast) throw new Error(`Waited ${timeoutMs} ms in vain: ${what}`);
    await pause(POLL_MS);
  }
}

/** Lets a fixed time pass, for a test that needs just that: a slow answer, or to see that nothing happens. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
