// Values that were never filled in: those of our own examples, and the usual placeholders of others.

/** A usual placeholder, as a part of a path or as a whole value. */
const STAND_IN =
  /(?:^|\/)(?:ID|TOKEN|UUID|SECRET|KEY|TOPIC|YOUR[-_]\w+|CHANGE[-_]?ME|[xX]{4,}|<[^<>/]+>|\.\.\.|…)(?=$|[/?#])/;

/** Reserved names that no host has (RFC 2606, RFC 6761). */
const NO_HOST = /(?:^|\.)(?:example|invalid|example\.(?:com|net|org))$/;

/**
 * Whether an option of a service still has the value of an example.
 *
 * @param value the option in the configuration
 * @param example its value in the example of the service; undefined if that has none, or one that may be right
 */
export function isPlaceholder(value: unknown, example?: unknown): boolean {
  if (typeof value !== "string" || value === "") return false;
  return value === example || STAND_IN.test(value) || NO_HOST.test(URL.parse(value)?.hostname ?? "");
}
