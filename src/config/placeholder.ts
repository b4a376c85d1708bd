// Values that were never filled in: those of our own examples, and what stands for something in other people's.

/** What stands for something else, as a part of a path or as all of a value. */
const STAND_IN =
  /(?:^|\/)(?:ID|TOKEN|UUID|SECRET|KEY|TOPIC|YOUR[-_]\w+|CHANGE[-_]?ME|[xX]{4,}|<[^<>/]+>|\.\.\.|…)(?=$|[/?#])/;

/** Names that no host has (RFC 2606, RFC 6761). */
const NO_HOST = /(?:^|\.)(?:example|invalid|example\.(?:com|net|org))$/;

/**
 * Whether an option of a service still is what an example says.
 *
 * @param value the option in the configuration
 * @param example what the example of the service has there; undefined where it has nothing, or nothing of its own
 */
export function isPlaceholder(value: unknown, example?: unknown): boolean {
  if (typeof value !== "string" || value === "") return false;
  return value === example || STAND_IN.test(value) || NO_HOST.test(URL.parse(value)?.hostname ?? "");
}
