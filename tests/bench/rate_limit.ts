// Limits requests like Discord: 429, with the wait in the body and the headers. Pure, except for the clock.

import { type Interceptor, json } from "../helpers/receivers.ts";

/** The maximum number of requests in a window that begins with the first of them. */
export interface RateLimit {
  readonly requests: number;
  readonly windowMs: number;
}

/**
 * Discord's limits for a webhook. Its headers report the first one; the second one is known from users' reports.
 *
 * @see https://discord.com/developers/docs/topics/rate-limits
 */
export const DISCORD_LIMITS: readonly RateLimit[] = [
  { requests: 5, windowMs: 2_000 },
  { requests: 30, windowMs: 60_000 },
];

/** Accepts requests within all limits. Refused ones do not count. Response headers describe the first limit. */
export function rateLimited(
  limits: readonly RateLimit[],
  nowMs: () => number = () => performance.now(),
): Interceptor {
  const windows = limits.map((limit) => ({ ...limit, left: limit.requests, endsAtMs: -Infinity }));
  return (_request, text) => {
    const atMs = nowMs();
    for (const window of windows) if (atMs >= window.endsAtMs) window.left = window.requests;
    const full = windows.filter(({ left }) => left === 0);
    if (full.length > 0) {
      const waitMs = Math.max(...full.map(({ endsAtMs }) => endsAtMs - atMs));
      const body = { message: "You are being rate limited.", retry_after: waitMs / 1000, global: false };
      return json(429, body, { "retry-after": String(Math.ceil(waitMs / 1000)) });
    }
    for (const window of windows) {
      if (window.left === window.requests) window.endsAtMs = atMs + window.windowMs;
      window.left--;
    }
    const [told] = windows;
    const headers = told === undefined ? {} : {
      "x-ratelimit-remaining": String(told.left),
      "x-ratelimit-reset-after": ((told.endsAtMs - atMs) / 1000).toFixed(3),
    };
    return json(200, { id: "1310000000000000000", type: 0, content: JSON.parse(text).content }, headers);
  };
}
