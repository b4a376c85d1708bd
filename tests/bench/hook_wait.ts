// How long a login waits for the hook: many runs of `queue`, one after the other, with and without `send` running.

import { compiledBinary } from "../../.ci/compile.ts";
import { configFor, PAM_OPEN } from "../helpers/end_to_end.ts";
import { TestHost } from "../helpers/host.ts";
import { ntfyLike } from "../helpers/receivers.ts";
import { putStateOnDisk } from "./disk_state.ts";
import { type Comparison, numberText } from "./row.ts";
import { median, quantile } from "./statistics.ts";

const RUNS = 300;
const BINARY = "/usr/sbin/ssh-session-notifier";

/** The comparison `hook-wait`. */
export const hookWait: Comparison = {
  name: "hook-wait",
  needs: ["test host"],
  what:
    `How long \`queue\` takes, the start of its process included: ${RUNS} runs each, one after the other, with its ` +
    "database on the disk of this checkout, alone and while `send` runs again and again.",
  async measure({ scratch, report }) {
    await using host = await TestHost.create({ binary: await compiledBinary() });
    await using ntfy = ntfyLike();
    await host.writeConfig(configFor("ntfy", `topic_url = "${ntfy.topicUrl}"`));
    const disk = await putStateOnDisk(host, scratch);
    report("alone");
    const alone = await hooks(host);
    report("while send runs");
    let ended = false;
    const sending = (async () => {
      while (!ended) await host.run([BINARY, "send"], { user: "ssh-session-notifier" });
    })();
    const besideSend = await hooks(host).finally(() => ended = true);
    await sending;
    return {
      titles: [`\`queue\`, on ${disk}`, "median", "99 of 100 within", "longest"],
      lines: [["alone", ...described(alone)], ["while `send` runs", ...described(besideSend)]],
    };
  },
};

/** The duration of each run, in milliseconds, including fork and exec. */
async function hooks(host: TestHost): Promise<number[]> {
  const script = `for ((run = 0; run < ${RUNS}; run++)); do
      began=$EPOCHREALTIME; ${BINARY} queue || exit; ended=$EPOCHREALTIME
      echo $((\${ended/./} - \${began/./}))
    done`;
  const { code, stdout, stderr } = await host.run(["bash", "-c", script], {
    env: PAM_OPEN,
    clearEnv: true,
    timeoutMs: 300_000,
  });
  if (code !== 0 || stderr !== "") throw new Error(stderr);
  return stdout.trim().split("\n").map((microseconds) => Number(microseconds) / 1000);
}

function described(times: readonly number[]): string[] {
  return [median(times), quantile(times, 0.99), quantile(times, 1)].map((ms) => numberText(ms, { unit: "ms" }));
}
