// Runs the installed `send` with many queued logins against a Discord-like server on loopback, over TLS, which offers
// HTTP/2 too.

import { openDatabase } from "../../src/sqlite/open.ts";
import { compiledBinary } from "../../.ci/compile.ts";
import { makeCertificates } from "../helpers/certificates.ts";
import { QUEUE_DATABASE } from "../helpers/hook_counts.ts";
import { TestHost } from "../helpers/host.ts";
import { type LoginsOptions, queueLogins } from "../helpers/logins.ts";
import { discordLike } from "../helpers/receivers.ts";
import { type RateLimit, rateLimited } from "./rate_limit.ts";

/** The events, and the server. */
export interface SendOptions extends LoginsOptions {
  readonly logins: number;
  /** Runs on the host when the logins are queued, before `send` starts. */
  readonly before?: (host: TestHost) => Promise<unknown>;
  /** The server's rate limits; by default none. */
  readonly limits?: readonly RateLimit[];
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
  /** The accepted messages, and when each was answered, in seconds after `send` was started. */
  readonly accepted: readonly { readonly text: string; readonly atSeconds: number }[];
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
  const { logins, users = logins, limits = [], before, onAccepted } = options;
  await using host = await TestHost.create({ binary: await compiledBinary() });
  const certificates = await makeCertificates("IP:127.0.0.1");
  await using discord = discordLike(certificates);
  const accepted: { text: string; atSeconds: number }[] = [];
  const limit = limits.length === 0 ? () => undefined : rateLimited(limits);
  discord.intercept = async (request, text) => {
    const response = await limit(request, text);
    // Without a limit, the server answers.
    if (response?.ok ?? true) {
      const requests = accepted.push({ text, atSeconds: (performance.now() - startedAtMs) / 1000 });
      onAccepted?.(requests);
    }
    return response;
  };
  await Deno.writeTextFile(host.path(CA_FILE), certificates.ca);
  await host.writeConfig(
    `[notification]\nservice = "discord"\nca_file = "${CA_FILE}"\ndiscord.webhook_url = "${discord.webhookUrl}"\n`,
  );
  await queueInto(host, options);
  await before?.(host);
  const startedAtMs = performance.now();
  const { code, stdout, stderr } = await host.run(["sh", "-c", SEND_ALL], {
    user: "ssh-session-notifier",
    timeoutMs: 900_000,
  });
  if (code !== 0) throw new Error(`send exited ${code}: ${stderr}`);
  const [peakKiB = NaN, nanoseconds = NaN] = stdout.trim().split(" ").map(Number);
  const arrived = new Set(accepted.flatMap(({ text }) => text.match(/user\d+/g) ?? []));
  if (arrived.size !== users) throw new Error(`the logins of ${arrived.size} of ${users} users arrived`);
  return {
    requests: discord.received.length,
    refused: discord.received.length - accepted.length,
    seconds: nanoseconds / 1e9,
    peakMiB: peakKiB / 1024,
    accepted,
  };
}

const CA_FILE = "/etc/ssh-session-notifier/ca.pem";

/** Creates the database outside of the host, because SQLite cannot resolve paths in the host's namespace. */
export async function queueInto(
  host: TestHost,
  { logins, scratch, ...options }: LoginsOptions & Pick<SendOptions, "logins" | "scratch">,
): Promise<void> {
  const directory = await Deno.makeTempDir({ dir: scratch });
  queueLogins(`${directory}/queue.db`, logins, options);
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
