// Runs the program from its sources as processes of their own, in a state directory that needs no root, with the
// permissions that deno.json has for the command.

import denoConfig from "../../deno.json" with { type: "json" };
import type { PermissionSet } from "../../src/sandbox.ts";
import { CONFIG_FILE, RUN_DIR, STATE_DIR } from "../../src/paths.ts";
import { ROOT } from "./compile.ts";

/** The least that pam_exec passes at a login, of alice. */
export const LOGIN = {
  PAM_TYPE: "open_session",
  PAM_USER: "alice",
  PAM_RHOST: "203.0.113.7",
  PAM_SERVICE: "sshd",
} as const;

/** What a process left. */
export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** The commands that run here. */
type Command = "queue" | "send" | "test" | "status" | "history" | "explain" | "retry" | "repair";

interface RunOptions {
  readonly flags: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly wrapper?: readonly string[];
  readonly killAfterMs?: number;
}

/** A state directory and a configuration, in a temporary folder. */
export class Installation implements AsyncDisposable {
  readonly directory: string;
  readonly stateDir: string;
  readonly configFile: string;

  private constructor(directory: string) {
    this.directory = directory;
    this.stateDir = `${directory}/state`;
    this.configFile = `${directory}/etc/config.toml`;
  }

  /** Makes the directories, which are all there is to install but the configuration. */
  static async create(): Promise<Installation> {
    const installation = new Installation(await Deno.makeTempDir({ prefix: "ssh-session-notifier-" }));
    for (const path of ["etc", "state/queue", "state/send"]) {
      await Deno.mkdir(`${installation.directory}/${path}`, { recursive: true });
    }
    return installation;
  }

  async writeConfig(toml: string): Promise<void> {
    await Deno.writeTextFile(this.configFile, toml);
  }

  /** Runs `queue` in an environment of its own, which is what pam_exec passes. */
  async queue(environment: Readonly<Record<string, string>>): Promise<Ended> {
    return await this.#run("queue", { flags: this.#stateFlags, environment });
  }

  async send(...flags: string[]): Promise<Ended> {
    return await this.#run("send", { flags: [...this.#sendFlags, ...flags], environment: {} });
  }

  /** Runs `send` below another program, such as strace; that one's arguments come first. */
  async sendUnder(wrapper: readonly string[], ...flags: string[]): Promise<Ended> {
    return await this.#run("send", { flags: [...this.#sendFlags, ...flags], environment: {}, wrapper });
  }

  /** Runs `send`, and kills it by SIGKILL after some time; `killed`: whether it had not ended by then. */
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

  /** Starts `send`, and lets it run: to be watched, or killed. */
  startSend(...flags: string[]): Deno.ChildProcess {
    return this.#start("send", { flags: [...this.#sendFlags, ...flags], environment: {} });
  }

  /** Runs `repair` below another program, as {@link sendUnder} does `send`. */
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
        // It has just ended by itself.
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

  /** The paths of a permission set, moved to this installation; the rest of the set stays as it is. */
  #pathFlags(set: PermissionSet): string[] {
    const configDir = CONFIG_FILE.replace(/\/[^/]*$/, "");
    return (["read", "write"] as const).flatMap((kind) => {
      const paths = (set[kind] ?? [])
        .map((path) =>
          path.replace(STATE_DIR, this.stateDir).replace(RUN_DIR, `${this.stateDir}/run`)
            .replace(configDir, `${this.directory}/etc`)
        );
      // The sources are embedded in the binary; here the Worker's are read from disk.
      if (kind === "read") paths.push(`${ROOT}/src`);
      return paths.length === 0 ? [] : [`--allow-${kind}=${paths.join(",")}`];
    });
  }
}
