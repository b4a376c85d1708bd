// What tests assert about an invalid configuration: ids, places and values, not words.

import assert from "node:assert/strict";
import { ConfigError } from "../../src/config/config_error.ts";

/**
 * The faults of a configuration, one per line: id, place, and the quoted values and numbers of the message, such as
 * `config.unknown-key host.timezon "timezone"`.
 */
export function faultsIn(parse: () => unknown): string[] {
  try {
    parse();
  } catch (error) {
    assert.ok(error instanceof ConfigError, `not a ConfigError but ${error}`);
    assert.ok(error.faults.length > 0);
    return error.faults.map(({ id, place, message }) => {
      const values = message.match(/"[^"]*"|(?<![\w.:-])\d+(?:\.\d+)?(?![\w.:-]\d)/g) ?? [];
      return [id, place, ...values].join(" ");
    });
  }
  return assert.fail("accepted");
}
