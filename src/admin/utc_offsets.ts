// How far the local time was ahead of UTC, and when. Pure.

/** A time through which the offset was the same. */
export interface OffsetSpan {
  readonly fromMs: number;
  /** The first instant after it. */
  readonly toMs: number;
  readonly offsetMs: number;
}

/**
 * The spans that a time consists of, in order.
 *
 * @param options.maxSpanMs the longest of them
 */
export function* offsetSpans(
  { fromMs, toMs }: { fromMs: number; toMs: number },
  { timezone, maxSpanMs }: { timezone: string; maxSpanMs: number },
): Generator<OffsetSpan> {
  for (let atMs = fromMs; atMs < toMs;) {
    const at = Temporal.Instant.fromEpochMilliseconds(atMs).toZonedDateTimeISO(timezone);
    const nextMs = at.getTimeZoneTransition("next")?.epochMilliseconds ?? Infinity;
    const endMs = Math.min(nextMs, toMs, atMs + maxSpanMs);
    yield { fromMs: atMs, toMs: endMs, offsetMs: at.offsetNanoseconds / 1e6 };
    atMs = endMs;
  }
}
