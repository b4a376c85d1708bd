// Runs the installed `send` with many queued logins against a Discord-like server on loopback.

import { openDatabase } from "../../src/sqlite/open.ts";
import { compiledBinary } from "../../.ci/compile.ts";
import { configFor } from "../helpers/end_to_end.ts";
import { QUEUE_DATABASE } from "../helpers/hook_counts.ts";
import { TestHost } from "../helpers/host.ts";
import { queueLogins } from "../helpers/logins.ts";
import { discordLike, type Interceptor } from "../helpers/receivers.ts";

/** The events, and the server. */
export interface SendOptions {
  /** The number of logins, each of a different user. */
  readonly logins: number;
  /** Whether each login is urgent, and so a separate message. */
  readonly urgent?: boolean;
  /** May respond instead of the server. */
  readonly intercept?: Interceptor;
  /** A folder for temporary files. */
  readonly scratch: string;
  /** Called with the number of requests accepted so far. */
  readonly onAccepted?: (requests: number) => void;
}

/** The result. */
export interface Sent {
  readonly requests: number;
  readonly refused: number;
  /** The duration from the start of the first run to the end of the last. */
  readonly seconds: number;
  /** The peak memory of a run. */
  readonly peakMiB: number;
  /** When each accepted request was answered, in milliseconds after the first one. */
  readonly acceptedAtMs: readonly number[];
}

// Starts another run if one leaves something for later (75). The peak is the kernel's last count before the process
// ended.
const SEND_ALL = `
  began=$(date +%s%N)
  while
    /usr/sbin/ssh-session-notifier send 2>>/tmp/said & pid=$!
    while peak=$(sed -n 's/^VmHWM:[^0-9]*\\([0-9]*\\).*/\\1/p' /proc/$pid/status) && [ -n "$peak" ]; do
      last=$peak; sleep 0.05
    done
    wait $pid; code=$?
    [ $code -eq 75 ]
  do sleep 1; done
  ended=$(date +%s%N)
  [ $code -eq 0 ] || { cat /tmp/said >&2; exit $code; }
  echo "$last $((ended - began))"`;

/**
 * Sends all events, on a new host.
 *
 * @throws Error if not all events arrive, or `send` fails
 */
export async function sendToDiscord(options: SendOptions): Promise<Sent> {
  await using host = await TestHost.create({ binary: await compiledBinary() });
  await using discord = discordLike();
  const acceptedAtMs: number[] = [];
  discord.intercept = async (request, text) => {
    const response = await options.intercept?.(request, text);
    if (response === undefined || response.ok) options.onAccepted?.(acceptedAtMs.push(performance.now()));
    return response;
  };
  await host.writeConfig(configFor("discord", `webhook_url = "${discord.webhookUrl}"`));
  await queueInto(host, options);
  const { code, stdout, stderr } = await host.run(["sh", "-c", SEND_ALL], {
    user: "ssh-session-notifier",
    timeoutMs: 900_000,
  });
  if (code !== 0) throw new Error(`send exited ${code}: ${stderr}`);
  const [peakKiB = NaN, nanoseconds = NaN] = stdout.trim().split(" ").map(Number);
  const users = new Set(discord.accepted.flatMap(({ text }) => text.match(/user\d+/g) ?? []));
  if (users.size !== options.logins) throw new Error(`${users.size} of ${options.logins} events arrived`);
  return {
    requests: discord.received.length,
    refused: discord.received.length - discord.accepted.length,
    seconds: nanoseconds / 1e9,
    peakMiB: peakKiB / 1024,
    acceptedAtMs: acceptedAtMs.map((atMs) => atMs - (acceptedAtMs[0] ?? NaN)),
  };
}

/** Creates the database outside of the host, because SQLite cannot resolve paths in the host's namespace. */
async function queueInto(host: TestHost, { logins, urgent = false, scratch }: SendOptions): Promise<void> {
  const directory = await Deno.makeTempDir({ dir: scratch });
  queueLogins(`${directory}/queue.db`, logins, { urgent });
  // Held open, so the log stays next to the database, as hooks leave it, whatever the garbage collector closes.
  const held = openDatabase(`${directory}/queue.db`, { busyTimeoutMs: 0 });
  held.prepare("SELECT count(*) FROM event").get();
  for (const suffix of ["", "-wal", "-shm"]) {
    await Deno.copyFile(`${directory}/queue.db${suffix}`, host.path(`${QUEUE_DATABASE}${suffix}`));
  }
  held.close();
  await Deno.remove(directory, { recursive: true });
  const own = `chown ssh-session-queue:ssh-session-queue ${QUEUE_DATABASE}* && chmod 0640 ${QUEUE_DATABASE}*`;
  const { code, stderr } = await host.run(["sh", "-c", own]);
  if (code !== 0) throw new Error(stderr);
}
