// When to retry: after the time that the service asked for, else after an exponential backoff with full jitter. Pure.

import { MAX_WAIT_MS } from "../store/routes.ts";

/** The maximum of our first wait, and of any later one, in milliseconds. */
const BASE_MS = 30_000;
const CAP_MS = 60 * 60 * 1000;

/**
 * How long to wait, in milliseconds: a random part of a maximum that doubles with each failure, so that many hosts do
 * not retry at the same moment. A wait that the service asked for takes precedence, up to 24 hours.
 *
 * @param options.failures consecutive failed attempts before this one
 * @param options.askedMs what the service asked for, in milliseconds; any number
 * @param options.random returns a random number, at least 0 and below 1
 */
export function backoffMs(
  { failures, askedMs, random }: { failures: number; askedMs?: number | undefined; random: () => number },
): number {
  const ceiling = Math.min(CAP_MS, BASE_MS * 2 ** Math.min(failures, 30));
  const ownMs = Math.round(random() * ceiling);
  if (askedMs === undefined || !(askedMs >= 0)) return ownMs;
  // From the second failure on, our own wait is the minimum: a service that always asks for no wait would be flooded.
  const leastMs = failures === 0 ? 0 : ownMs;
  return Math.min(Math.max(Math.ceil(askedMs), leastMs), MAX_WAIT_MS);
}
