// Many logins at once, as if many hooks had run.

import { insertEvent } from "../../src/hook/insert.ts";
import { openDatabase, transaction } from "../../src/sqlite/open.ts";
import { sessionEvent, sshString } from "./fixtures.ts";

/** Which logins {@link queueLogins} inserts. */
export interface LoginsOptions {
  /** The number of the first login. */
  readonly first?: number;
  /** How many users log in, in turn; by default each login is of another user. */
  readonly users?: number;
  /** Whether each is urgent, because of tampered values. */
  readonly urgent?: boolean;
  /** What sshd says about the authentication of a user, by number; by default nothing. */
  readonly authInfo?: (user: number) => string;
}

/** Inserts logins of `user1`, `user2` and so on into a queue database. */
export function queueLogins(
  path: string,
  count: number,
  { first = 1, users = Infinity, urgent = false, authInfo = () => "" }: LoginsOptions = {},
): void {
  const event = (number: number) => {
    const user = users === Infinity ? number : (number - 1) % users + 1;
    return sessionEvent({
      uuid: crypto.randomUUID(),
      user: `user${user}`,
      authInfo: authInfo(user),
      tampered: urgent ? ["SSH_CONNECTION"] : [],
    });
  };
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

/** What sshd says about a login with the key of a user, by number. */
export function keyOf(user: number): string {
  const key = new Uint8Array(32);
  new DataView(key.buffer).setUint32(0, user);
  const blob = new Uint8Array([...sshString("ssh-ed25519"), ...sshString(key)]);
  return `publickey ssh-ed25519 ${blob.toBase64()}\n`;
}

/** The users that a message is about, one per event; lines without a user are returned unchanged. */
export function usersOf(message: unknown): string[] {
  return String(message).split("\n").map((line) => /^(?:🚨 (?:Unexpected: )?)?'([^']+)'/u.exec(line)?.[1] ?? line);
}
