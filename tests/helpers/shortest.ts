// Measures how long something takes without interference: a busy machine slows some attempts, a real wait slows all.

/**
 * Runs something several times in sequence.
 *
 * @returns the duration of the fastest attempt, in milliseconds
 */
export function shortestMs(work: () => unknown, tries = 5): number {
  let shortest = Infinity;
  for (let count = 0; count < tries; count++) {
    const startedAtMs = performance.now();
    work();
    shortest = Math.min(shortest, performance.now() - startedAtMs);
  }
  return shortest;
}
