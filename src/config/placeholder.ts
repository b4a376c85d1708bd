// Detects values that were never filled in: those of our examples, and common placeholders.

/** A common placeholder, as a path segment, a value in the query, or a whole value. */
const STAND_IN =
  /(?:^|[/=])(?:ID|TOKEN|UUID|SECRET|SIGNATURE|KEY|TOPIC|YOUR[-_]\w+|CHANGE[-_]?ME|[xX]{4,}|<[^<>/]+>|\.\.\.|…)(?=$|[/?#&])/;

/** Reserved names that no real host has (RFC 2606, RFC 6761). */
const NO_HOST = /(?:^|\.)(?:example|invalid|example\.(?:com|net|org))$/;

/**
 * Whether a service's option, or one of several values in it, is still a placeholder.
 *
 * @param value the option's value in the configuration
 * @param example the value in the service's example; undefined if it is absent or could be a real value
 */
export function isPlaceholder(value: unknown, example?: unknown): boolean {
  if (Array.isArray(value)) return value.some((one) => isPlaceholder(one));
  if (typeof value !== "string" || value === "") return false;
  const host = URL.parse(value)?.hostname ?? value.split("@")[1] ?? "";
  return value === example || STAND_IN.test(value) || NO_HOST.test(host);
}
