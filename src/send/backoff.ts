// When to try again: what the service asked for, within reason, else exponential backoff with full jitter. Pure.

import { MAX_WAIT_MS } from "../store/routes.ts";

/** The longest first wait, and the longest of all, in milliseconds. */
const BASE_MS = 30_000;
const CAP_MS = 60 * 60 * 1000;

/** What a wait depends on. */
export interface BackoffOptions {
  /** Attempts in a row that failed before this one. */
  readonly failures: number;
  /** What the service asked for, in milliseconds; any number. */
  readonly askedMs?: number | undefined;
  /** A random number, at least 0 and below 1. */
  readonly random: () => number;
}

/**
 * How long to wait, in milliseconds: between nothing and the whole of a wait that doubles with each failure, so that
 * many hosts that failed together don't come back together. What a service asks for is kept to, up to 24 hours.
 */
export function backoffMs({ failures, askedMs, random }: BackoffOptions): number {
  const ceiling = Math.min(CAP_MS, BASE_MS * 2 ** Math.min(failures, 30));
  const ownMs = Math.round(random() * ceiling);
  if (askedMs === undefined || !(askedMs >= 0)) return ownMs;
  // Believed once. A service that asks for no wait, and fails again and again, would be asked without end.
  const leastMs = failures === 0 ? 0 : ownMs;
  return Math.min(Math.max(Math.ceil(askedMs), leastMs), MAX_WAIT_MS);
}
