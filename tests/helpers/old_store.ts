// A store of release 2.3, which kept all of SSH_AUTH_INFO_0.

import { openDatabase, pragma, transaction } from "../../src/sqlite/open.ts";
import { migrate } from "../../src/store/schema.ts";

/** The version of its schema. */
const VERSION = 4;

/** Creates the store, with one unjudged login of alice for each text. */
export function fillOldStore(path: string, authInfos: readonly string[]): void {
  using database = openDatabase(path, { busyTimeoutMs: 0 });
  pragma(database, "journal_mode = WAL");
  migrate(database, { upTo: VERSION });
  const insert = database.prepare(
    `INSERT INTO event (uuid, occurred_at_ms, type, user, remote_host, terminal, service, connection, auth_info, parent_pid,
                        tampered)
     VALUES (?, 0, 'open', 'alice', '203.0.113.7', 'ssh', 'sshd', '', ?, 1, '')`,
  );
  transaction(database, () => authInfos.forEach((authInfo, index) => insert.run(`old ${index}`, authInfo)));
}
