// `send` as installed, with many logins in its queue, against a Discord-like server on loopback.

import { openDatabase } from "../../src/store/open.ts";
import { compiledBinary } from "../helpers/compile.ts";
import { configFor } from "../helpers/end_to_end.ts";
import { QUEUE_DATABASE } from "../helpers/hook_counts.ts";
import { TestHost } from "../helpers/host.ts";
import { queueLogins } from "../helpers/logins.ts";
import { discordLike, type Interceptor } from "../helpers/receivers.ts";

/** What is sent, and to what. */
export interface SendOptions {
  /** How many logins there are, each of a user of its own. */
  readonly logins: number;
  /** Whether each is urgent, and so a message of its own. */
  readonly urgent?: boolean;
  /** Answers in place of the server, if it wants to. */
  readonly intercept?: Interceptor;
  /** A folder for what is made on the way. */
  readonly scratch: string;
  /** Told how many requests were accepted so far. */
  readonly onAccepted?: (requests: number) => void;
}

/** What came of it. */
export interface Sent {
  readonly requests: number;
  readonly refused: number;
  /** How long it took, from the start of the first run to the end of the last. */
  readonly seconds: number;
  /** The most memory that a run had. */
  readonly peakMiB: number;
  /** When the requests that were accepted were answered, in milliseconds after the first one. */
  readonly acceptedAtMs: readonly number[];
}

// A run that leaves something for later (75) is followed by another one. The peak is what the kernel has counted when
// the process was last seen.
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
 * Sends it all, on a host of its own.
 *
 * @throws Error where not all arrives, or `send` fails
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

/** Makes the database elsewhere, since SQLite does not find its way through the namespace of the host. */
async function queueInto(host: TestHost, { logins, urgent = false, scratch }: SendOptions): Promise<void> {
  const directory = await Deno.makeTempDir({ dir: scratch });
  queueLogins(`${directory}/queue.db`, logins, { urgent });
  // Held open, so that the log stays beside the database, as hooks leave it, whatever the garbage collector closes.
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
