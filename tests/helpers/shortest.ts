// How long something takes where nothing is in its way: a busy machine makes some tries longer, waiting makes all of them.

/**
 * Does something several times, one after the other.
 *
 * @returns how long the quickest try took, in milliseconds
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
