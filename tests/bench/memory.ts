// Whether the hook or `send` requests memory that is both writable and executable. tests/e2e/memory.test.ts tests the
// other commands too.

import { compiledBinary } from "../../.ci/compile.ts";
import { configFor, PAM_OPEN } from "../helpers/end_to_end.ts";
import { TestHost } from "../helpers/host.ts";
import { discordLike } from "../helpers/receivers.ts";
import { parseTrace, straceTo, writableCode } from "../helpers/strace.ts";
import type { Row } from "./row.ts";

const BINARY = "/usr/sbin/ssh-session-notifier";
const TRACE = "/tmp/trace";

/** The row `memory`. */
export const memory: Row<"requests"> = {
  name: "memory",
  needs: ["test host"],
  budgets: { requests: { what: "requests for writable and executable memory", limit: { atMost: 0 } } },
  async measure() {
    await using host = await TestHost.create({ binary: await compiledBinary() });
    await using discord = discordLike();
    await host.writeConfig(configFor("discord", `webhook_url = "${discord.webhookUrl}"`));
    let value = 0;
    for (const { command, user } of [{ command: "queue" }, { command: "send", user: "ssh-session-notifier" }]) {
      const { code, stderr } = await host.run([...straceTo(`${TRACE}-${command}`), BINARY, command], {
        env: PAM_OPEN,
        clearEnv: true,
        ...user === undefined ? {} : { user },
      });
      if (code !== 0) throw new Error(stderr);
      value += writableCode(parseTrace(await Deno.readTextFile(host.path(`${TRACE}-${command}`)))).length;
    }
    return { requests: { value, detail: "`queue`, and a `send` that delivers" } };
  },
};
