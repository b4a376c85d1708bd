// Runs the program from its sources as separate processes, with a state directory that needs no root and each command's
// permissions from deno.json.

import denoConfig from "../../deno.json" with { type: "json" };
import type { PermissionSet } from "../../src/sandbox.ts";
import { CONFIG_FILE, RUN_DIR, STATE_DIR, statePaths } from "../../src/paths.ts";
import { ROOT } from "../../.ci/compile.ts";
import { sessionEvent } from "./fixtures.ts";

/** The minimum that pam_exec passes when alice logs in. */
export const LOGIN = {
  PAM_TYPE: "open_session",
  PAM_USER: "alice",
  PAM_RHOST: "203.0.113.7",
  PAM_SERVICE: "sshd",
} as const;

/** The result of a process. */
export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** The commands that can run here. */
type Command = "queue" | "send" | "test" | "status" | "history" | "explain" | "retry" | "repair";

interface RunOptions {
  readonly flags: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly wrapper?: readonly string[];
  readonly killAfterMs?: number;
}

/** A state directory and a configuration, in a temporary directory. */
export class Installation implements AsyncDisposable {
  readonly directory: string;
  readonly stateDir: string;
  readonly configFile: string;

  private constructor(directory: string) {
    this.directory = directory;
    this.stateDir = `${directory}/state`;
    this.configFile = `${directory}/etc/config.toml`;
  }

  /** Creates the directories; only the configuration is left to install. */
  static async create(): Promise<Installation> {
    const installation = new Installation(await Deno.makeTempDir({ prefix: "ssh-session-notifier-" }));
    for (const path of ["etc", "state/queue/db", "state/send"]) {
      await Deno.mkdir(`${installation.directory}/${path}`, { recursive: true });
    }
    return installation;
  }

  async writeConfig(toml: string): Promise<void> {
    await Deno.writeTextFile(this.configFile, toml);
  }

  /** Runs `queue` with only the environment that pam_exec passes. */
  async queue(environment: Readonly<Record<string, string>>): Promise<Ended> {
    return await this.#run("queue", { flags: this.#stateFlags, environment });
  }

  /** Leaves a login of now in the spool, like a `queue` that cannot write to the database. */
  async spool(user: string): Promise<void> {
    const { spoolDir } = statePaths(this.stateDir);
    const event = sessionEvent({ uuid: crypto.randomUUID(), user, occurredAtMs: Date.now() });
    await Deno.mkdir(spoolDir, { recursive: true });
    await Deno.writeTextFile(`${spoolDir}/${event.uuid}.json`, JSON.stringify(event));
  }

  async send(...flags: string[]): Promise<Ended> {
    return await this.#run("send", { flags: [...this.#sendFlags, ...flags], environment: {} });
  }

  /** Runs `send` under another program, such as strace, given with its arguments. */
  async sendUnder(wrapper: readonly string[], ...flags: string[]): Promise<Ended> {
    return await this.#run("send", { flags: [...this.#sendFlags, ...flags], environment: {}, wrapper });
  }

  /** Runs `send`, and kills it with SIGKILL after some time; `killed`: whether it was still running. */
  async sendKilledAfter(ms: number): Promise<Ended & { readonly killed: boolean }> {
    const ended = await this.#run("send", { flags: this.#sendFlags, environment: {}, killAfterMs: ms });
    return { ...ended, killed: ended.code === 128 + 9 };
  }

  async test(): Promise<Ended> {
    return await this.#run("test", {
      flags: ["--state-dir", this.stateDir, "--config", this.configFile],
      environment: {},
    });
  }

  async explain(...flags: string[]): Promise<Ended> {
    return await this.#run("explain", { flags: [...this.#sendFlags, ...flags], environment: {} });
  }

  async status(...flags: string[]): Promise<Ended> {
    return await this.#run("status", { flags: [...this.#sendFlags, ...flags], environment: {} });
  }

  async history(...flags: string[]): Promise<Ended> {
    return await this.#run("history", { flags: [...this.#sendFlags, ...flags], environment: {} });
  }

  async retry(...flags: string[]): Promise<Ended> {
    return await this.#run("retry", { flags: [...this.#sendFlags, ...flags], environment: {} });
  }

  /** Starts `send` and returns while it runs, so a test can watch or kill it. */
  startSend(...flags: string[]): Deno.ChildProcess {
    return this.#start("send", { flags: [...this.#sendFlags, ...flags], environment: {} });
  }

  /** Runs `repair` under another program, like {@link sendUnder}. */
  async repairUnder(wrapper: readonly string[], ...flags: string[]): Promise<Ended> {
    return await this.#run("repair", { flags: [...this.#stateFlags, ...flags], environment: {}, wrapper });
  }

  async repair(...flags: string[]): Promise<Ended> {
    return await this.#run("repair", { flags: [...this.#stateFlags, ...flags], environment: {} });
  }

  get #sendFlags(): string[] {
    return [...this.#stateFlags, "--config", this.configFile];
  }

  get #stateFlags(): string[] {
    return ["--state-dir", this.stateDir];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.directory, { recursive: true });
  }

  async #run(command: Command, { killAfterMs, ...options }: RunOptions): Promise<Ended> {
    const child = this.#start(command, options);
    const kill = () => {
      try {
        child.kill("SIGKILL");
      } catch {
        // It has already ended.
      }
    };
    const timer = killAfterMs === undefined ? undefined : setTimeout(kill, killAfterMs);
    const { code, stdout, stderr } = await child.output();
    clearTimeout(timer);
    const decoder = new TextDecoder();
    return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
  }

  #start(command: Command, { flags, environment, wrapper = [] }: Omit<RunOptions, "killAfterMs">): Deno.ChildProcess {
    const home = ["HOME", "DENO_DIR", "XDG_CACHE_HOME"].flatMap((name) => {
      const value = Deno.env.get(name);
      return value === undefined ? [] : [[name, value]];
    });
    const [program = "", ...args] = [
      ...wrapper,
      Deno.execPath(),
      "run",
      "--quiet",
      "--no-prompt",
      `--config=${ROOT}/deno.json`,
      `--permission-set=${command}`,
      ...this.#pathFlags(denoConfig.permissions[command]),
      `${ROOT}/src/main.ts`,
      command,
      ...flags,
    ];
    return new Deno.Command(program, {
      args,
      clearEnv: true,
      env: { ...Object.fromEntries(home), ...environment },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
  }

  /** A permission set with its paths moved to this installation. */
  #pathFlags(set: PermissionSet): string[] {
    const configDir = CONFIG_FILE.replace(/\/[^/]*$/, "");
    return (["read", "write"] as const).flatMap((kind) => {
      const paths = (set[kind] ?? [])
        .map((path) =>
          path.replace(STATE_DIR, this.stateDir).replace(RUN_DIR, `${this.stateDir}/run`)
            .replace(configDir, `${this.directory}/etc`)
        );
      // In the binary the sources are embedded; here the Worker's are read from disk.
      if (kind === "read") paths.push(`${ROOT}/src`);
      return paths.length === 0 ? [] : [`--allow-${kind}=${paths.join(",")}`];
    });
  }
}
