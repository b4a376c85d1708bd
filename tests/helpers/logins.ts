// Many logins at once, as if many hooks had run.

import { insertEvent } from "../../src/hook/insert.ts";
import { openDatabase, transaction } from "../../src/sqlite/open.ts";
import { sessionEvent } from "./fixtures.ts";

/**
 * Inserts logins of `user1`, `user2` and so on into a queue database.
 *
 * @param options.first the number of the first user
 * @param options.urgent whether each is urgent, because of tampered values
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

/** The users that a message is about, one per event; lines without a user are returned unchanged. */
export function usersOf(message: unknown): string[] {
  return String(message).split("\n").map((line) => /^(?:🚨 (?:Unexpected: )?)?'([^']+)'/u.exec(line)?.[1] ?? line);
}
