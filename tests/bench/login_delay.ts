// How much longer a login takes with our hook, and with a common script that calls `curl` in the PAM stack. Uses real
// logins over a real sshd, in turn, with the service in various states.

import { compiledBinary } from "../../.ci/compile.ts";
import { TestHost, type TestHostOptions } from "../helpers/host.ts";
import { discordLike } from "../helpers/receivers.ts";
import { putStateOnDisk } from "./disk_state.ts";
import { type Bar, type Comparison, numberText } from "./row.ts";
import { alternating, differences, median } from "./statistics.ts";
import { pause } from "../helpers/wait_for.ts";

/** The maximum time for a login: neither a hanging `curl` nor `pam_exec` has a timeout. */
const CUT_OFF_MS = 20_000;

const SCRIPT_FILE = "/etc/ssh/login-notify.sh";

/** The lines that people commonly add at the end of the stack for such a script. */
const CURL_HOOK = { pamSessionFirst: [], pamSessionLast: [`session optional pam_exec.so seteuid ${SCRIPT_FILE}`] };

const HOOKS = {
  none: { pamSessionFirst: [] },
  queue: {},
  curl: CURL_HOOK,
  limitedCurl: CURL_HOOK,
} as const satisfies Readonly<Record<string, Omit<TestHostOptions, "binary">>>;

type Hook = keyof typeof HOOKS;

type Hosts = Readonly<Record<Hook, TestHost>>;

/** A service in a certain state, and a function that ends it. */
interface Service {
  readonly url: string;
  readonly hangs?: true;
  /** Ends the requests that hang. */
  readonly release: () => void;
  readonly close: () => Promise<void>;
}

const SERVICES: Readonly<Record<string, () => Service>> = {
  "fast": () => answering(0),
  "answers after 200 ms": () => answering(200),
  "down (refuses connections)": down,
  "hangs (accepts, never answers)": hanging,
};

/** Logins with each hook; fewer with `curl` if the service hangs. */
const ROUNDS = 20;
const HANGING_ROUNDS = 3;

/** The comparison `login-delay`. */
export const loginDelay: Comparison = {
  name: "login-delay",
  needs: ["test host", "curl"],
  what: "How much longer a login over sshd takes than one without any hook: with `queue`, and with a script of two " +
    "lines that posts to a Discord webhook with `curl`, as people put it into the PAM stack. The service is on " +
    "loopback, by plain HTTP: no TLS and no distance, which a real one adds to `curl`. Medians over logins in turn, " +
    `${ROUNDS} each, but ${HANGING_ROUNDS} with \`curl\` where the service hangs; what takes ${
      CUT_OFF_MS / 1000
    } s is cut off.`,
  async measure({ scratch, report }) {
    await using stack = new AsyncDisposableStack();
    const binary = await compiledBinary();
    const create = async (hook: Hook) => stack.use(await TestHost.create({ ...HOOKS[hook], binary }));
    const hosts: Hosts = {
      none: await create("none"),
      queue: await create("queue"),
      curl: await create("curl"),
      limitedCurl: await create("limitedCurl"),
    };
    await putStateOnDisk(hosts.queue, scratch);
    const lines: string[][] = [];
    const bars: Bar[] = [];
    for (const [name, start] of Object.entries(SERVICES)) {
      const service = start();
      const logins = await loginsOf(hosts, { service, report: (text) => report(`${name}: ${text}`) })
        .finally(() => service.close());
      const { none, queue, curl, limitedCurl } = logins;
      const without = numberText(median(none), { unit: "ms" });
      const texts = [queue, curl, limitedCurl].map((times) => delayText(times, none));
      lines.push([name, without, ...texts, ratioText(queue, curl, none)]);
      for (const [index, [series, times]] of Object.entries({ queue, curl }).entries()) {
        bars.push({ label: name, series, ms: median(differences(times, none)), text: texts[index] ?? "" });
      }
    }
    return {
      titles: [
        "the service",
        "a login without a hook",
        "`queue`",
        "`curl`",
        "`curl --max-time 5`",
        "`queue` over `curl`",
      ],
      lines,
      chart: { title: "Delay of a login, by state of the service", bars },
    };
  },
};

async function loginsOf(
  hosts: Hosts,
  { service, report }: { service: Service; report: (text: string) => void },
): Promise<Readonly<Record<Hook, readonly number[]>>> {
  await writeScript(hosts.curl, `curl -s`, service.url);
  await writeScript(hosts.limitedCurl, `curl -s --max-time 5`, service.url);
  const login = (hook: Hook) => async () => {
    const { code, stderr, elapsedMs } = await hosts[hook].ssh("alice", { auth: "key", timeoutMs: CUT_OFF_MS });
    const isCutOff = elapsedMs >= CUT_OFF_MS;
    if (code !== 0 && !isCutOff) throw new Error(stderr);
    if (isCutOff) service.release();
    await hosts[hook].loggedOut();
    return isCutOff ? Infinity : elapsedMs;
  };
  const quick = { none: login("none"), queue: login("queue") };
  const all = { ...quick, curl: login("curl"), limitedCurl: login("limitedCurl") };
  if (!service.hangs) return await alternating(all, { rounds: ROUNDS, report });
  const first = await alternating(quick, { rounds: ROUNDS - HANGING_ROUNDS, report });
  const rest = await alternating(all, { rounds: HANGING_ROUNDS, report, warmUp: false });
  return { ...rest, none: [...rest.none, ...first.none], queue: [...rest.queue, ...first.queue] };
}

/** The script: it reports only logins, like most such scripts. */
async function writeScript(host: TestHost, curl: string, url: string): Promise<void> {
  const script = `#!/bin/sh
if [ "$PAM_TYPE" = open_session ]; then
  ${curl} -H 'Content-Type: application/json' -d "{\\"content\\": \\"$PAM_USER logged in from $PAM_RHOST\\"}" '${url}'
fi
`;
  await Deno.writeTextFile(host.path(SCRIPT_FILE), script);
  await Deno.chmod(host.path(SCRIPT_FILE), 0o755);
}

/** How much longer a login took in the median round. */
export function delayText(times: readonly number[], base: readonly number[]): string {
  const delayMs = median(differences(times, base));
  if (delayMs === Infinity) return `more than ${CUT_OFF_MS / 1000} s, cut off`;
  const isLong = Math.abs(delayMs) >= 1_000;
  const text = isLong ? numberText(delayMs / 1000, { unit: "s", digits: 1 }) : numberText(delayMs, { unit: "ms" });
  return delayMs > 0 ? `+${text}` : text;
}

/** The delay by one hook, relative to that by another. */
export function ratioText(times: readonly number[], others: readonly number[], base: readonly number[]): string {
  const [delayMs, otherMs] = [times, others].map((some) => median(differences(some, base)));
  if (delayMs === undefined || otherMs === undefined || delayMs <= 0 || otherMs <= 0) return "";
  // Of a login that was cut off, only the least delay is known.
  const ratio = delayMs / (otherMs === Infinity ? CUT_OFF_MS : otherMs);
  return `${otherMs === Infinity ? "less than " : ""}${numberText(ratio, { digits: ratio < 0.1 ? 3 : 2 })}`;
}

function answering(afterMs: number): Service {
  const discord = discordLike();
  discord.intercept = async () => {
    if (afterMs > 0) await pause(afterMs);
    return undefined;
  };
  return { url: discord.webhookUrl, release: () => {}, close: () => discord.down() };
}

function hanging(): Service {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const connections: Deno.Conn[] = [];
  const accepting = (async () => {
    for await (const connection of listener) connections.push(connection);
  })();
  const release = () => connections.splice(0).forEach((connection) => connection.close());
  const close = async () => {
    listener.close();
    release();
    await accepting;
  };
  return { url: `http://127.0.0.1:${listener.addr.port}/api/webhooks/1/token`, hangs: true, release, close };
}

function down(): Service {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  return { url: `http://127.0.0.1:${port}/api/webhooks/1/token`, release: () => {}, close: () => Promise.resolve() };
}
