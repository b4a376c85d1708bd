// What a burst costs: `send` of 10,000 routine events to a Discord-like server on loopback, without a rate limit, and
// with one as Discord's. Run: deno run -A tests/bench/send_burst.ts [without|with]

import { openDatabase } from "../../src/store/open.ts";
import { compiledBinary } from "../helpers/compile.ts";
import { configFor } from "../helpers/end_to_end.ts";
import { TestHost } from "../helpers/host.ts";
import { queueLogins } from "../helpers/logins.ts";
import { discordLike, type Interceptor, json } from "../helpers/receivers.ts";

const EVENTS = 10_000;

/** Runs of which the median is taken; with the rate limit one is enough, since that decides how long it takes. */
const RUNS = 5;

/** What Discord allows a webhook. */
const RATE_LIMIT = { requests: 5, windowMs: 2_000 };

const BINARY = "/usr/sbin/ssh-session-notifier";
const STATE = "/var/lib/ssh-session-notifier";

const print = (text: string) => Deno.stdout.writeSync(new TextEncoder().encode(`${text}\n`));

interface Sample {
  readonly requests: number;
  readonly seconds: number;
  readonly peakMiB: number;
}

const [only] = Deno.args;
if (only !== "with") {
  const samples: Sample[] = [];
  for (let run = 0; run < RUNS; run++) samples.push(await burst(() => () => undefined));
  print(`without a rate limit, medians of ${RUNS}: ${described(samples)}`);
}
if (only !== "without") print(`with a rate limit as Discord's, one run: ${described([await burst(rateLimited)])}`);

/** One run of `send` on a host of its own. */
async function burst(interceptor: (answered: () => number) => Interceptor): Promise<Sample> {
  await using host = await TestHost.create({ binary: await compiledBinary() });
  await using discord = discordLike();
  discord.intercept = interceptor(() => discord.received.length);
  await host.writeConfig(configFor("discord", `webhook_url = "${discord.webhookUrl}"`));
  const queue = `${STATE}/queue/session_events.db`;
  await copyLogins(host.path(queue));
  await checked(host, ["sh", "-c", `chown ssh-session-queue:ssh-session-notifier ${queue}* && chmod 0640 ${queue}*`]);
  // The peak is what the kernel has counted when the process was last seen.
  const script = `
    began=$(date +%s%N)
    ${BINARY} send & pid=$!
    while peak=$(sed -n 's/^VmHWM:[^0-9]*\\([0-9]*\\).*/\\1/p' /proc/$pid/status) && [ -n "$peak" ]; do
      last=$peak; sleep 0.05
    done
    wait $pid && echo "$last $(($(date +%s%N) - began))"`;
  const stdout = await checked(host, ["sh", "-c", script], "ssh-session-notifier");
  const [peakKiB = NaN, nanoseconds = NaN] = stdout.trim().split(" ").map(Number);
  const told = discord.accepted.map(({ text }) => [...text.matchAll(/user\d+/g)].length).reduce((sum, n) => sum + n, 0);
  if (told < EVENTS) throw new Error(`${told} of ${EVENTS} events arrived`);
  return { requests: discord.received.length, seconds: nanoseconds / 1e9, peakMiB: peakKiB / 1024 };
}

/** Makes the database elsewhere, since SQLite does not find its way through the namespace of the host. */
async function copyLogins(path: string): Promise<void> {
  const directory = await Deno.makeTempDir({ prefix: "ssh-session-notifier-" });
  queueLogins(`${directory}/queue.db`, EVENTS);
  // Held open, so that the log stays beside the database, as hooks leave it, whatever the garbage collector closes.
  const held = openDatabase(`${directory}/queue.db`, { busyTimeoutMs: 0 });
  held.prepare("SELECT count(*) FROM event").get();
  for (const suffix of ["", "-wal", "-shm"]) await Deno.copyFile(`${directory}/queue.db${suffix}`, `${path}${suffix}`);
  held.close();
  await Deno.remove(directory, { recursive: true });
}

async function checked(host: TestHost, command: string[], user?: string): Promise<string> {
  const { code, stdout, stderr } = await host.run(command, {
    timeoutMs: 900_000,
    ...(user === undefined ? {} : { user }),
  });
  if (code !== 0) throw new Error(stderr);
  return stdout;
}

function rateLimited(): Interceptor {
  let windowEndsAtMs = 0;
  let left = 0;
  return (_request, text) => {
    const nowMs = performance.now();
    if (nowMs >= windowEndsAtMs) [windowEndsAtMs, left] = [nowMs + RATE_LIMIT.windowMs, RATE_LIMIT.requests];
    const resetAfter = ((windowEndsAtMs - nowMs) / 1000).toFixed(3);
    if (left === 0) {
      const body = { message: "You are being rate limited.", retry_after: Number(resetAfter), global: false };
      return json(429, body, { "retry-after": String(Math.ceil(Number(resetAfter))) });
    }
    left--;
    const headers = { "x-ratelimit-remaining": String(left), "x-ratelimit-reset-after": resetAfter };
    return json(200, { id: "1310000000000000000", type: 0, content: JSON.parse(text).content }, headers);
  };
}

function described(samples: readonly Sample[]): string {
  const of = (pick: (sample: Sample) => number) => median(samples.map(pick));
  const seconds = of(({ seconds }) => seconds);
  return `${of(({ requests }) => requests)} requests, ${seconds.toFixed(1)} s, ${
    Math.round(EVENTS / seconds)
  } events/s, peak ${of(({ peakMiB }) => peakMiB).toFixed(0)} MiB`;
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN;
}
