// Many logins at once, as if as many hooks had run.

import { insertEvent } from "../../src/hook/insert.ts";
import { openDatabase, transaction } from "../../src/store/open.ts";
import { sessionEvent } from "./fixtures.ts";

/**
 * Puts logins of `user1`, `user2` and so on into a queue database.
 *
 * @param options.first the number of the first
 * @param options.urgent whether each is urgent: it was tampered with
 */
export function queueLogins(
  path: string,
  count: number,
  { first = 1, urgent = false }: { first?: number; urgent?: boolean } = {},
): void {
  const event = (number: number) =>
    sessionEvent({
      uuid: crypto.randomUUID(),
      user: `user${number}`,
      authInfo: "",
      tampered: urgent ? ["SSH_CONNECTION"] : [],
    });
  insertEvent(path, event(first));
  const database = openDatabase(path, { busyTimeoutMs: 1_000 });
  const insert = database.prepare("INSERT INTO event (uuid, occurred_at_ms, record) VALUES (?, ?, ?)");
  transaction(database, () => {
    for (let number = first + 1; number < first + count; number++) {
      const { uuid, ...rest } = event(number);
      insert.run(uuid, rest.occurredAtMs, JSON.stringify({ uuid, ...rest }));
    }
  });
}

/** Whom a message is about, a line for each event; a line that is about nobody as it is. */
export function usersOf(message: unknown): string[] {
  return String(message).split("\n").map((line) => /^'([^']+)'/.exec(line)?.[1] ?? line);
}
