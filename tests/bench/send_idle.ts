// The cost of a run of `send` with nothing to do, which happens each minute.

import { compiled, compiledBinary } from "../../.ci/compile.ts";
import { configFor, send } from "../helpers/end_to_end.ts";
import { TestHost } from "../helpers/host.ts";
import { multiplyHistory } from "../helpers/history.ts";
import { becomeIdle } from "../helpers/idle_send.ts";
import { discordLike } from "../helpers/receivers.ts";
import { bytesWritten, parseTrace, straceTo, syncs } from "../helpers/strace.ts";
import { cpuMs } from "./cpu_time.ts";
import { putOnDisk } from "./disk_state.ts";
import type { Row } from "./row.ts";
import { queueInto } from "./send_to_discord.ts";
import { alternating, median, ratios } from "./statistics.ts";

const PAIRS = 20;
const QUEUED = 10_000;
const HISTORY = 100_000;

const USER = "ssh-session-notifier";
const TRACE = "/tmp/trace";
/** Where the programs are on the disk, see {@link putOnDisk}. */
const PROGRAMS = "/mnt";

/** The row `send-idle`. */
export const sendIdle: Row<"fsyncs" | "bytes" | "workers" | "cpu" | "many"> = {
  name: "send-idle",
  needs: ["test host"],
  budgets: {
    fsyncs: { what: "`send` with nothing to do: fsyncs", limit: { atMost: 0 } },
    bytes: { what: "… bytes written", limit: { atMost: 0 } },
    workers: { what: "… Workers", limit: { atMost: 0 } },
    cpu: { what: "… CPU over an empty program", limit: { atMost: 1.7 }, digits: 2 },
    many: { what: "… CPU, 10,000 queued and 100,000 sent over none", limit: { atMost: 1.05 }, digits: 2 },
  },
  async measure({ scratch, report }) {
    await using none = await TestHost.create({ binary: await compiledBinary() });
    await using many = await TestHost.create({ binary: await compiledBinary() });
    await using discord = discordLike();
    for (const [host, logins] of [[none, 1], [many, QUEUED]] as const) {
      report(`preparing ${logins} events`);
      await host.writeConfig(configFor("discord", `webhook_url = "${discord.webhookUrl}"`));
      await queueInto(host, { logins, users: Math.min(logins, 200), scratch });
      need(await send(host));
      if (host === many) await multiplyHistory(host, HISTORY / QUEUED);
      await putOnDisk(host, scratch, {
        "empty": await compiled("tests/bench/empty.ts"),
        "ssh-session-notifier": await compiledBinary(),
      }, PROGRAMS);
      await becomeIdle(host);
    }
    need(await none.run([...straceTo(TRACE), "-y", `${PROGRAMS}/ssh-session-notifier`, "send"], { user: USER }));
    const calls = parseTrace(await Deno.readTextFile(none.path(TRACE)));
    const empty = () => cpuMs(none, [`${PROGRAMS}/empty`], { user: USER });
    const idle = (host: TestHost) => () => cpuMs(host, [`${PROGRAMS}/ssh-session-notifier`, "send"], { user: USER });
    const cpu = await alternating({ empty, none: idle(none), many: idle(many) }, { rounds: PAIRS, report });
    const compared = (a: readonly number[], b: readonly number[]) => ({
      value: median(ratios(a, b)),
      detail: `${median(a).toFixed(1)} over ${median(b).toFixed(1)} ms, ${PAIRS} pairs`,
    });
    return {
      fsyncs: { value: syncs(calls), detail: "by strace" },
      bytes: { value: bytesWritten(calls), detail: "to files" },
      // Deno names the thread of a Worker by its number.
      workers: {
        value: calls.filter(({ name, args }) => name === "prctl" && /PR_SET_NAME, "worker-/.test(args)).length,
      },
      cpu: compared(cpu.none, cpu.empty),
      many: compared(cpu.many, cpu.none),
    };
  },
};

function need({ code, stderr }: { readonly code: number; readonly stderr: string }): void {
  if (code !== 0) throw new Error(`exit ${code}: ${stderr}`);
}
