// Makes the history of a test host larger, without sending each event.

import { shell } from "./end_to_end.ts";
import type { TestHost } from "./host.ts";

const STORE = "/var/lib/ssh-session-notifier/send/deliveries.db";

/** The columns of a table except some, as SQL: a later schema has more. */
const columns = (table: string, except: string) =>
  `$(sqlite3 ${STORE} "SELECT group_concat(name) FROM pragma_table_info('${table}') WHERE name NOT IN (${except})")`;

/** Copies each delivered event, with its delivery, until there are `times` as many. Overwrites no column but the ids. */
export async function multiplyHistory(host: TestHost, times: number): Promise<void> {
  await shell(
    host,
    `
    event=${columns("event", "'id', 'uuid'")} delivery=${columns("delivery", "'event_id'")}
    sqlite3 ${STORE} "
      BEGIN;
      CREATE TEMP TABLE base AS SELECT max(id) AS last FROM event;
      WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${times - 1})
        INSERT INTO event (id, uuid, $event) SELECT id + i * last, lower(hex(randomblob(16))), $event
          FROM n, base, (SELECT * FROM event) WHERE id <= last;
      INSERT INTO delivery (event_id, $delivery) SELECT event.id, $delivery FROM event, base
        JOIN delivery ON delivery.event_id = 1 + (event.id - 1) % last WHERE event.id > last;
      COMMIT" && chown ssh-session-notifier:ssh-session-notifier ${STORE}*`,
  );
}
