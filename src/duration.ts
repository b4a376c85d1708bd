// Formats durations for people.

/** Milliseconds in a day of 24 hours. */
export const DAY_MS = 24 * 60 * 60 * 1000;

const UNITS = [["d", DAY_MS], ["h", 3_600_000], ["min", 60_000], ["s", 1_000]] as const;

/**
 * Formats a duration in its two largest units: `2 h 5 min`, `45 s`; `0 s` if it is negative or below a second.
 *
 * @param ms milliseconds
 */
export function formatDuration(ms: number): string {
  const first = UNITS.findIndex(([, unitMs]) => ms >= unitMs);
  if (first === -1) return "0 s";
  let rest = ms;
  const parts = UNITS.slice(first, first + 2).map(([name, unitMs]) => {
    const count = Math.floor(rest / unitMs);
    rest -= count * unitMs;
    return { name, count };
  });
  return parts.filter(({ count }) => count > 0).map(({ name, count }) => `${count} ${name}`).join(" ");
}

/** Formats how long ago an instant was: `2 h 5 min ago`. */
export function formatAgo(atMs: number, nowMs: number): string {
  return `${formatDuration(nowMs - atMs)} ago`;
}
