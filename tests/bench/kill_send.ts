// Kills `send` 200 times: `deno run -A tests/bench/kill_send.ts [KILLS] [SEED]`. Exits with 1 if anything was lost.

import { killSend } from "../helpers/kill_send.ts";

const [kills = "200", seed = String(Date.now() % 2 ** 31)] = Deno.args;
const report = await killSend({ kills: Number(kills), seed: Number(seed) });
// deno-lint-ignore no-console -- the result of this program
console.log({ seed, ...report });
Deno.exitCode = report.lost.length === 0 && report.repeatedRequests <= report.killed ? 0 : 1;
