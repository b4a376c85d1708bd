// The scale of a heatmap of logins by weekday and hour, for the terminal and for mails. Pure.

/** The rows of a heatmap. */
export const DAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"] as const;

/** The columns of a heatmap. */
export const HOURS = [...Array(24).keys()];

/** The highest level. */
const MAX_LEVEL = 4;

/**
 * The level of each count: 0 for none, else 1 to 4. The scale is logarithmic, so a nightly job does not
 * make everything else look empty.
 */
export function levelsOf(counts: readonly number[]): number[] {
  const positive = counts.filter((count) => count > 0);
  const [least, most] = [Math.min(...positive), Math.max(...positive)];
  return counts.map((count) => {
    if (count === 0) return 0;
    if (least === most) return MAX_LEVEL;
    return 1 + Math.min(MAX_LEVEL - 1, Math.floor(MAX_LEVEL * Math.log(count / least) / Math.log(most / least)));
  });
}
