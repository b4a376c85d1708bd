// How long a login waits for the hook: 500 runs of `queue`, one after the other, with and without a `send` that works all
// the while. Run: deno run -A tests/bench/hook_latency.ts

import { compiledBinary } from "../helpers/compile.ts";
import { configFor, PAM_OPEN } from "../helpers/end_to_end.ts";
import { TestHost } from "../helpers/host.ts";
import { ntfyLike } from "../helpers/receivers.ts";

const RUNS = 500;
const BINARY = "/usr/sbin/ssh-session-notifier";

const print = (text: string) => Deno.stdout.writeSync(new TextEncoder().encode(`${text}\n`));

await using host = await TestHost.create({ binary: await compiledBinary() });
await using ntfy = ntfyLike();
await host.writeConfig(configFor("ntfy", `topic_url = "${ntfy.topicUrl}"`));

print(`queue, alone: ${described(await hooks())}`);
let ended = false;
const sending = (async () => {
  let runs = 0;
  for (; !ended; runs++) await host.run([BINARY, "send"], { user: "ssh-session-notifier" });
  return runs;
})();
print(`queue, while send runs: ${described(await hooks())}`);
ended = true;
print(`send ran ${await sending} times, and delivered ${ntfy.accepted.length} messages`);

/** How long each run took, in milliseconds, fork and exec included. */
async function hooks(): Promise<number[]> {
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

function described(times: readonly number[]): string {
  const sorted = times.toSorted((a, b) => a - b);
  const at = (share: number) => `${(sorted[Math.ceil(share * sorted.length) - 1] ?? NaN).toFixed(1)} ms`;
  return `median ${at(0.5)}, p99 ${at(0.99)}, longest ${at(1)} (${sorted.length} runs)`;
}
