// Splits a period into spans with the same UTC offset. Pure.

/** A span of time with one UTC offset. */
export interface OffsetSpan {
  readonly fromMs: number;
  /** The first instant after the span. */
  readonly toMs: number;
  readonly offsetMs: number;
}

/**
 * Splits a period into spans, in order.
 *
 * @param options.maxSpanMs maximum length of a span
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
