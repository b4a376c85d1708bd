// A disposable host for the end-to-end tests: a real sshd, and the program at its real paths.
// All mounts, files and processes are in a mount and a pid namespace that end with the test process, even if it is
// killed, so the machine is not changed.

import { waitFor } from "./wait_for.ts";

const PAM_FILE = "/etc/pam.d/sshd";
const CONFIG_FILE = "/etc/ssh-session-notifier/config.toml";
const BINARY = "/usr/sbin/ssh-session-notifier";
const HOOK_LINE = `session optional pam_exec.so quiet ${BINARY} queue`;
/** The directory of the helper's own files, in the host's /run. */
const OWN_DIR = "/run/test-host";
const SSHD_LOG = `${OWN_DIR}/sshd.log`;

/** How {@linkcode TestHost.ssh} logs in. */
export interface LoginOptions {
  readonly auth: "key" | "password";
  /** The command to run in the session; by default `true`. */
  readonly command?: string;
  /** Arguments of `ssh`. They come first, so their options override the helper's. */
  readonly extraSshOptions?: readonly string[];
  /** When to kill the client (code 137); sshd and the hook keep running. By default 60,000. */
  readonly timeoutMs?: number;
}

/** How {@linkcode TestHost.run} runs a command. */
export interface RunOptions {
  /** The user to run as, with all its groups; by default root. */
  readonly user?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Whether the command's environment is only `env`, without the test's own. */
  readonly clearEnv?: boolean;
  /** By default empty. */
  readonly stdin?: string;
  /** When to kill its process group (code 137); by default 60,000. */
  readonly timeoutMs?: number;
}

/** A process that has ended. */
export interface Finished {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly elapsedMs: number;
}

/** Options of {@linkcode TestHost.create}. */
export interface TestHostOptions {
  /** The path of the compiled program; it is copied. */
  readonly binary: string;
  /** The text of the configuration; without it, the file does not exist. */
  readonly config?: string;
  /**
   * Lines to add at the start of the session stack of the machine's own PAM file,
   * after `pam_selinux close`; by default the hook's line.
   */
  readonly pamSessionFirst?: readonly string[];
  /** Lines to add at the end of the session stack; by default empty. */
  readonly pamSessionLast?: readonly string[];
  /** Lines of `sshd_config`, such as `PermitRootLogin no`; they override the helper's. */
  readonly sshdOptions?: readonly string[];
}

/**
 * Returns why the end-to-end tests cannot run on this machine.
 *
 * @returns the reason, for display; undefined if {@linkcode TestHost} works
 */
export async function missingForTestHost(): Promise<string | undefined> {
  if (Deno.build.os !== "linux") return "needs Linux";
  if (Deno.uid() !== 0) return "needs root";
  const tools = ["ssh", "ssh-keygen", "unshare", "nsenter", "setpriv", "strace", "sqlite3"]
    .map((tool) => `/usr/bin/${tool}`);
  for (const file of ["/usr/sbin/sshd", PAM_FILE, ...tools]) {
    const exists = await Deno.stat(file).then(() => true, () => false);
    if (!exists) return `needs ${file}`;
  }
  // The only way to find out if namespaces and overlay mounts work here is to try.
  const namespace = startNamespace();
  try {
    await readReadyPid(namespace);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  } finally {
    await endNamespace(namespace);
  }
}

/**
 * A host for one test: the machine's files under copy-on-write layers, with the
 * program, its two system users, the users `alice` and `bob` with a key and a
 * password each, and an sshd with the hook in its PAM stack.
 *
 * ```ts
 * await using host = await TestHost.create({ binary: "dist/ssh-session-notifier" });
 * const login = await host.ssh("alice", { auth: "key" });
 * ```
 */
export class TestHost implements AsyncDisposable {
  readonly #namespace: Deno.ChildProcess;
  readonly #pid: number;
  #sshdStatus: Promise<unknown> = Promise.resolve();
  #port = 0;

  private constructor(namespace: Deno.ChildProcess, pid: number) {
    this.#namespace = namespace;
    this.#pid = pid;
  }

  /**
   * Creates a host, installs the program and starts sshd.
   *
   * @throws Error if the host cannot be created or sshd does not start, with
   * their output
   */
  static async create(options: TestHostOptions): Promise<TestHost> {
    return await TestHost.#start(startNamespace(), async (host) => {
      await Deno.copyFile(options.binary, host.path(BINARY));
      await host.#setMode(BINARY, "2750");
      if (options.config !== undefined) await host.writeConfig(options.config);
      await host.#writePam(options);
      await host.#startSshd(options.sshdOptions ?? []);
    });
  }

  /**
   * Creates a host on which the program is not installed, with the users `alice` and `bob`, and starts sshd.
   *
   * @param root the directory of the system; it is not changed
   */
  static async bare(root: string): Promise<TestHost> {
    return await TestHost.#start(startNamespace(root), (host) => host.#startSshd([]));
  }

  static async #start(
    namespace: Deno.ChildProcess,
    setUp: (host: TestHost) => Promise<void>,
  ): Promise<TestHost> {
    try {
      const host = new TestHost(namespace, await readReadyPid(namespace));
      await setUp(host);
      return host;
    } catch (error) {
      await endNamespace(namespace);
      throw error;
    }
  }

  /** sshd's port on 127.0.0.1. */
  get port(): number {
    return this.#port;
  }

  /**
   * The path of a file of the host for the test process. An absolute symlink on
   * the path leads out of the host, because the test process resolves it.
   */
  path(absolute: string): string {
    return `/proc/${this.#pid}/root${absolute}`;
  }

  /** Whether a path of the host exists. */
  async has(absolute: string): Promise<boolean> {
    return await Deno.lstat(this.path(absolute)).then(() => true, () => false);
  }

  /** The path, in the host, of a user's private key; the public key ends in `.pub`. */
  keyPath(user: string): string {
    return `${OWN_DIR}/${user}.key`;
  }

  /** The log of sshd so far, at `LogLevel VERBOSE`. */
  async readSshdLog(): Promise<string> {
    return await Deno.readTextFile(this.path(SSHD_LOG)).catch(() => "");
  }

  /**
   * Logs in with a real ssh client, runs a command, and logs out. The logout's
   * hook may still be running on return: see {@linkcode TestHost.loggedOut}.
   */
  async ssh(user: string, options: LoginOptions): Promise<Finished> {
    const byKey = options.auth === "key";
    const settings = [
      `BatchMode=${byKey ? "yes" : "no"}`,
      `PreferredAuthentications=${byKey ? "publickey" : "password"}`,
      "NumberOfPasswordPrompts=1",
      `IdentityFile=${this.keyPath(user)}`,
      "IdentitiesOnly=yes",
      "IdentityAgent=none",
      "HostKeyAlias=test-host",
      `UserKnownHostsFile=${OWN_DIR}/known_hosts`,
      "StrictHostKeyChecking=yes",
      "UpdateHostKeys=no",
      `Port=${this.#port}`,
      `User=${user}`,
    ];
    const command = ["ssh", "-F", "none", ...options.extraSshOptions ?? []]
      .concat(settings.map((setting) => `-o${setting}`))
      .concat("127.0.0.1", options.command ?? "true");
    const env = {
      SSH_ASKPASS: `${OWN_DIR}/askpass`,
      SSH_ASKPASS_REQUIRE: "force",
      TEST_HOST_PASSWORD: `${user}-password`,
    };
    return await this.run(command, { env, timeoutMs: options.timeoutMs ?? 60_000 });
  }

  /** Waits until sshd has no connections, so the hooks of all logouts have ended. */
  async loggedOut(): Promise<void> {
    const script = `pid=$(cat ${OWN_DIR}/sshd.pid)
      while [ -n "$(cat /proc/$pid/task/$pid/children)" ]; do sleep 0.01; done`;
    await this.#runOrThrow(["sh", "-c", script]);
  }

  /**
   * Runs a command in the host, in its root directory.
   *
   * @param command the program and its arguments
   */
  async run(
    command: readonly string[],
    options: RunOptions = {},
  ): Promise<Finished> {
    const { user, stdin, timeoutMs = 60_000 } = options;
    const identity = `setpriv --reuid=${user} --regid=${user} --init-groups`;
    const variables = Object.entries(options.env ?? {});
    const startedAtMs = performance.now();
    const child = new Deno.Command("nsenter", {
      args: [
        ...this.#nsenterArgs(),
        "timeout",
        "--signal=KILL",
        String(timeoutMs / 1000),
        ...user === undefined ? [] : identity.split(" "),
        // Last, so that hostile variables affect only the command, not the tools before it.
        "env",
        ...options.clearEnv ? ["-i"] : [],
        ...variables.map(([name, value]) => `${name}=${value}`),
        ...command,
      ],
      stdin: stdin === undefined ? "null" : "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    // A command that ends without reading its stdin closes the pipe; that is allowed.
    const written = stdin === undefined ? undefined : new Blob([stdin]).stream().pipeTo(child.stdin).catch(() => {});
    const output = await child.output();
    const elapsedMs = performance.now() - startedAtMs;
    await written;
    return {
      code: output.code,
      stdout: new TextDecoder().decode(output.stdout),
      stderr: new TextDecoder().decode(output.stderr),
      elapsedMs,
    };
  }

  /** Writes the configuration, with the owner and mode of an installed one. */
  async writeConfig(toml: string): Promise<void> {
    await Deno.writeTextFile(this.path(CONFIG_FILE), toml);
    await this.#setMode(CONFIG_FILE, "0640");
  }

  /** Ends all processes in the host, and the host. */
  async [Symbol.asyncDispose](): Promise<void> {
    await endNamespace(this.#namespace);
    await this.#sshdStatus;
  }

  #nsenterArgs(): string[] {
    return [`--target=${this.#pid}`, "--mount", "--pid", "--"];
  }

  async #runOrThrow(command: readonly string[]): Promise<void> {
    const { code, stdout, stderr } = await this.run(command);
    if (code === 0) return;
    throw new Error(`Command "${command.join(" ")}" exited ${code}: ${stdout}${stderr}`);
  }

  /** Sets the mode after the owner, because a change of owner clears setgid. */
  async #setMode(file: string, mode: string): Promise<void> {
    await this.#runOrThrow(["chown", "root:ssh-session-notifier", file]);
    await this.#runOrThrow(["chmod", mode, file]);
  }

  async #writePam(options: TestHostOptions): Promise<void> {
    const { pamSessionFirst = [HOOK_LINE], pamSessionLast = [] } = options;
    const lines = (await Deno.readTextFile(this.path(PAM_FILE))).trimEnd()
      .split("\n")
      // If the program is installed on this machine, its PAM file already has hook lines.
      .filter((line) => !line.includes("ssh-session-notifier"));
    const start = lines.findIndex((line) => /^(-?session|@include\s+common-session)(\s|$)/.test(line));
    if (start === -1) throw new Error(`${PAM_FILE} has no session line`);
    const isSelinux = /pam_selinux\.so\s+close\b/.test(lines[start] ?? "");
    lines.splice(isSelinux ? start + 1 : start, 0, ...pamSessionFirst);
    const text = [...lines, ...pamSessionLast, ""].join("\n");
    await Deno.writeTextFile(this.path(PAM_FILE), text);
  }

  async #startSshd(options: readonly string[]): Promise<void> {
    // Another program may take the port before sshd starts.
    for (let attempt = 1; attempt <= 3; attempt++) {
      if (await this.#sshdListens(chooseFreePort(), options)) return;
    }
    throw new Error(`Cannot start sshd: ${await this.readSshdLog()}`);
  }

  /** Starts sshd; true once it listens, false if it ends instead. */
  async #sshdListens(
    port: number,
    options: readonly string[],
  ): Promise<boolean> {
    const args = `-D -E ${SSHD_LOG} -f ${OWN_DIR}/sshd_config -p ${port}`;
    const sshd = new Deno.Command("nsenter", {
      args: [
        ...this.#nsenterArgs(),
        "sh",
        "-c",
        // Also log what it prints before it opens its log.
        `exec /usr/sbin/sshd ${args} "$@" 2>>${SSHD_LOG}`,
        "sshd",
        ...options.map((option) => `-o${option}`),
      ],
      // As when started by an init system: sshd gets none of the test's environment.
      clearEnv: true,
      env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin" },
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
    let hasEnded = false;
    this.#port = port;
    this.#sshdStatus = sshd.status.then(() => hasEnded = true);
    // Check the log instead of connecting, because sshd would log a connection as a client's.
    const sign = `listening on 127.0.0.1 port ${port}.`;
    const isListening = async () => (await this.readSshdLog()).includes(sign);
    const outcome = await waitFor(async () => await isListening() ? "listens" : hasEnded && "ended", {
      what: "sshd listens or ends",
    }).catch(async (cause) => {
      throw new Error(`sshd does not listen: ${await this.readSshdLog()}`, { cause });
    });
    return outcome === "listens";
  }
}

/** @param root the directory of the host's system; by default the machine's own */
function startNamespace(root = ""): Deno.ChildProcess {
  return new Deno.Command("sh", {
    args: [
      "-c",
      'exec unshare --mount --propagation=private --pid --fork --kill-child "$@" 2>&1',
      "unshare",
      "sh",
      `${import.meta.dirname}/host_setup.sh`,
      OWN_DIR,
      root,
    ],
    stdin: "piped",
    stdout: "piped",
    stderr: "null",
  }).spawn();
}

/** The PID of the namespace's first process. */
async function readReadyPid(namespace: Deno.ChildProcess): Promise<number> {
  let text = "";
  for await (const chunk of namespace.stdout.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    const pid = /^ready (\d+)\n/m.exec(text)?.[1];
    if (pid !== undefined) return Number(pid);
  }
  throw new Error(`Cannot make the test host's namespace: ${text.trim()}`);
}

async function endNamespace(namespace: Deno.ChildProcess): Promise<void> {
  await namespace.stdin.close().catch(() => {}); // the process may have ended already
  await namespace.status;
}

function chooseFreePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}
