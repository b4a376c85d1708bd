// How much `deliveries.db` grows by each event, also if the user sends a large certificate.

import { compiledBinary } from "../../.ci/compile.ts";
import { configFor, send, shell } from "../helpers/end_to_end.ts";
import { certificate } from "../helpers/fixtures.ts";
import { TestHost } from "../helpers/host.ts";
import { keyOf } from "../helpers/logins.ts";
import { discordLike } from "../helpers/receivers.ts";
import type { Figure, Row } from "./row.ts";
import { queueInto } from "./send_to_discord.ts";

const EVENTS = 2_000;
const USERS = 20;

const SIZE = `sqlite3 /var/lib/ssh-session-notifier/send/deliveries.db \
  'SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()'`;

/** The row `send-store`. */
export const sendStore: Row<"key" | "certificate"> = {
  name: "send-store",
  needs: ["test host"],
  budgets: {
    key: { what: "bytes that one event adds to `deliveries.db`", limit: { atMost: 1_024 } },
    certificate: { what: "… with a certificate of 12 KB", limit: { atMost: 1_024 } },
  },
  async measure({ scratch }) {
    const { line } = certificate({ id: "deploy", serial: 1n, extensions: "x".repeat(9_000) });
    return {
      key: await grownBy(keyOf, scratch),
      certificate: await grownBy(() => `publickey ${line}\n`, scratch),
    };
  },
};

async function grownBy(authInfo: (user: number) => string, scratch: string): Promise<Figure> {
  await using host = await TestHost.create({ binary: await compiledBinary() });
  await using discord = discordLike();
  await host.writeConfig(configFor("discord", `webhook_url = "${discord.webhookUrl}"`));
  const sizes: number[] = [];
  // The first run creates the database; the second one has a queue that was recreated.
  for (const logins of [1, EVENTS]) {
    await queueInto(host, { logins, users: Math.min(logins, USERS), authInfo, scratch });
    const { code, stderr } = await send(host);
    if (code !== 0) throw new Error(stderr);
    sizes.push(Number(await shell(host, SIZE)));
  }
  const [before = NaN, after = NaN] = sizes;
  return { value: (after - before) / EVENTS, detail: `${EVENTS} events of ${USERS} users` };
}
