// The real Alertmanager, from Debian's package, on loopback ports of its own choice.

import { MUST_RUN } from "../../.ci/checkout.ts";
import { waitFor } from "./wait_for.ts";

const PROGRAM = "/usr/bin/prometheus-alertmanager";

/** Whether the tests with it are skipped on this machine. */
export const LACKS_ALERTMANAGER = !MUST_RUN && !isThere(PROGRAM);

/** An alert as Alertmanager returns it. */
export interface GotAlert {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly startsAt: string;
  readonly endsAt: string;
  readonly status: { readonly state: "active" | "suppressed" | "unprocessed" };
}

/** One Alertmanager, with a data directory of its own. */
export class Alertmanager implements AsyncDisposable {
  readonly origin: string;
  readonly #child: Deno.ChildProcess;
  readonly #directory: string;

  private constructor(child: Deno.ChildProcess, { origin, directory }: { origin: string; directory: string }) {
    this.#child = child;
    this.origin = origin;
    this.#directory = directory;
  }

  /**
   * Starts it, and waits until it listens.
   *
   * @param config its configuration, as YAML
   * @param options.peers the addresses of other servers of its cluster; see {@link clusterAddress}
   * @param options.web its web configuration, as YAML
   */
  static async start(
    config: string,
    { peers = [], web = "" }: { peers?: readonly string[]; web?: string } = {},
  ): Promise<Alertmanager> {
    const directory = await Deno.makeTempDir({ prefix: "alertmanager-" });
    await Deno.writeTextFile(`${directory}/config.yml`, config);
    await Deno.writeTextFile(`${directory}/web.yml`, web);
    const log = `${directory}/log`;
    const flags = [
      `--config.file=${directory}/config.yml`,
      `--web.config.file=${directory}/web.yml`,
      `--storage.path=${directory}/data`,
      "--web.listen-address=127.0.0.1:0",
      "--cluster.listen-address=127.0.0.1:0",
      "--cluster.settle-timeout=1s",
      "--cluster.peer-timeout=1s",
      ...peers.map((peer) => `--cluster.peer=${peer}`),
    ];
    const command = `exec ${PROGRAM} "$@" 2>"$0"`;
    const child = new Deno.Command("sh", { args: ["-c", command, log, ...flags], stdin: "null" }).spawn();
    try {
      const port = await waitFor(async () => {
        const text = isThere(log) ? await Deno.readTextFile(log) : "";
        return /msg="Listening on" address=127\.0\.0\.1:(\d+)/.exec(text)?.[1];
      }, { what: "Alertmanager listens" });
      return new Alertmanager(child, { origin: `http://127.0.0.1:${port}`, directory });
    } catch (error) {
      child.kill();
      throw error;
    }
  }

  /** The alerts that are not resolved, sorted by the label `user`. */
  async alerts(): Promise<readonly GotAlert[]> {
    const alerts = await this.#get<GotAlert[]>("alerts");
    return alerts.sort((a, b) => String(a.labels["user"]).localeCompare(String(b.labels["user"])));
  }

  /** Its own address within the cluster. */
  async clusterAddress(): Promise<string> {
    const { cluster } = await this.#get<{ cluster: { name: string; peers: { name: string; address: string }[] } }>(
      "status",
    );
    return cluster.peers.find(({ name }) => name === cluster.name)?.address ?? "";
  }

  /** How many servers its cluster has. */
  async clusterSize(): Promise<number> {
    return (await this.#get<{ cluster: { peers: unknown[] } }>("status")).cluster.peers.length;
  }

  /** Runs a shell command that ends with an amtool(1) command, against this server; returns what it prints. */
  async shell(command: string): Promise<string> {
    const args = ["-c", `${command.trim()} --alertmanager.url="$0"`, this.origin];
    const { success, stdout, stderr } = await new Deno.Command("sh", { args }).output();
    if (!success) throw new Error(new TextDecoder().decode(stderr));
    return new TextDecoder().decode(stdout).trim();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGTERM");
    await this.#child.status;
    await Deno.remove(this.#directory, { recursive: true });
  }

  async #get<Body>(path: string): Promise<Body> {
    return await (await fetch(`${this.origin}/api/v2/${path}`)).json();
  }
}

function isThere(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}
