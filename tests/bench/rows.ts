// All rows and comparisons of the bench, in the order of the report.

import { hookCpu } from "./hook_cpu.ts";
import { hookFsyncs } from "./hook_fsyncs.ts";
import { hookFull } from "./hook_full.ts";
import { hookNpm } from "./hook_npm.ts";
import { hookBurst } from "./hook_burst.ts";
import { hookWait } from "./hook_wait.ts";
import { loginDelay } from "./login_delay.ts";
import { memory } from "./memory.ts";
import type { Comparison, Row } from "./row.ts";
import { sendBurst } from "./send_burst.ts";
import { sendBySize } from "./send_by_size.ts";
import { sendIdle } from "./send_idle.ts";
import { sendKills } from "./send_kills.ts";
import { sendLimited } from "./send_limited.ts";
import { sendStore } from "./send_store.ts";

/** The rows with a budget. */
export const ROWS: readonly Row[] = [
  hookCpu,
  hookFsyncs,
  hookFull,
  hookNpm,
  hookBurst,
  sendIdle,
  sendBurst,
  sendLimited,
  sendStore,
  sendKills,
  memory,
];

/** The comparisons. */
export const COMPARISONS: readonly Comparison[] = [loginDelay, hookWait, sendBySize];
