// A throw-away host for the end-to-end tests: a real sshd and the program at its real paths.
// The rule: all that is mounted, written or started lives in a mount and a pid namespace that end
// with the test process, however that ends, so the machine stays as it was found.

const PAM_FILE = "/etc/pam.d/sshd";
const CONFIG_FILE = "/etc/ssh-session-notifier/config.toml";
const BINARY = "/usr/sbin/ssh-session-notifier";
const HOOK_LINE = `session optional pam_exec.so quiet ${BINARY} queue`;
/** Where the helper keeps its own files, in the host's /run. */
const OWN_DIR = "/run/test-host";
const SSHD_LOG = `${OWN_DIR}/sshd.log`;

/** How {@linkcode TestHost.ssh} logs in. */
export interface LoginOptions {
  readonly auth: "key" | "password";
  /** What runs in the session; by default `true`. */
  readonly command?: string;
  /** Arguments of `ssh`, put first, so that an option there wins over the helper's. */
  readonly extraSshOptions?: readonly string[];
  /** When the client is killed (code 137), while sshd and the hook go on; by default 60,000. */
  readonly timeoutMs?: number;
}

/** How {@linkcode TestHost.run} runs a command. */
export interface RunOptions {
  /** The user to become, with all its groups; else root. */
  readonly user?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Whether the command sees `env` alone, nothing of the test's own. */
  readonly clearEnv?: boolean;
  /** Empty where absent. */
  readonly stdin?: string;
  /** When it and its process group are killed (code 137); by default 60,000. */
  readonly timeoutMs?: number;
}

/** A process that has ended. */
export interface Finished {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly elapsedMs: number;
}

/** What {@linkcode TestHost.create} makes. */
export interface TestHostOptions {
  /** The path of the compiled program; it is copied. */
  readonly binary: string;
  /** The config file's text; without it there is none. */
  readonly config?: string;
  /**
   * Lines put first into the session stack of the machine's own PAM file,
   * after `pam_selinux close`; by default the hook's line.
   */
  readonly pamSessionFirst?: readonly string[];
  /** Lines put last into the session stack; by default none. */
  readonly pamSessionLast?: readonly string[];
  /** Lines of `sshd_config`, such as `PermitRootLogin no`; they win over the helper's. */
  readonly sshdOptions?: readonly string[];
}

/**
 * Tells why the end-to-end tests can't run on this machine.
 *
 * @returns the reason, for people; undefined where {@linkcode TestHost} works
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
  // Whether namespaces and overlay mounts work here, only a try can tell.
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
 * A host of the test's own: the machine's files under copy-on-write layers, in
 * which stand the program, its two system users, the users `alice` and `bob`
 * with a key and a password each, and an sshd with the hook in its PAM stack.
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
   * Installs the program into a new host and starts its sshd.
   *
   * @throws Error where the host can't be made or sshd does not start, with
   * what they said
   */
  static async create(options: TestHostOptions): Promise<TestHost> {
    const namespace = startNamespace();
    try {
      const host = new TestHost(namespace, await readReadyPid(namespace));
      await Deno.copyFile(options.binary, host.path(BINARY));
      await host.#setMode(BINARY, "2750");
      if (options.config !== undefined) await host.writeConfig(options.config);
      await host.#writePam(options);
      await host.#startSshd(options.sshdOptions ?? []);
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
   * How the test process reaches a file of the host. An absolute symlink on the
   * way leads out of the host: the kernel follows it for the test process.
   */
  path(absolute: string): string {
    return `/proc/${this.#pid}/root${absolute}`;
  }

  /** The path, in the host, of a user's private key; the public key has `.pub` after it. */
  keyPath(user: string): string {
    return `${OWN_DIR}/${user}.key`;
  }

  /** What sshd has logged so far, at `LogLevel VERBOSE`. */
  async readSshdLog(): Promise<string> {
    return await Deno.readTextFile(this.path(SSHD_LOG)).catch(() => "");
  }

  /**
   * Logs in by a real ssh client, runs a command, and logs out. The hook of the
   * logout may still run when it returns: see {@linkcode TestHost.loggedOut}.
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

  /** Waits until sshd has no connection left, and so the hooks of all logouts have ended. */
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
        // Last, so that a hostile variable meets the command, none of the tools before it.
        "env",
        ...options.clearEnv ? ["-i"] : [],
        ...variables.map(([name, value]) => `${name}=${value}`),
        ...command,
      ],
      stdin: stdin === undefined ? "null" : "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    // A command that ends without reading its stdin breaks the pipe, which is no fault.
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

  /** Writes the program's config file, with the owner and mode of an installed one. */
  async writeConfig(toml: string): Promise<void> {
    await Deno.writeTextFile(this.path(CONFIG_FILE), toml);
    await this.#setMode(CONFIG_FILE, "0640");
  }

  /** Ends all that runs in the host, and the host. */
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

  /** The mode after the owner, since a change of the owner clears setgid. */
  async #setMode(file: string, mode: string): Promise<void> {
    await this.#runOrThrow(["chown", "root:ssh-session-notifier", file]);
    await this.#runOrThrow(["chmod", mode, file]);
  }

  async #writePam(options: TestHostOptions): Promise<void> {
    const { pamSessionFirst = [HOOK_LINE], pamSessionLast = [] } = options;
    const lines = (await Deno.readTextFile(this.path(PAM_FILE))).trimEnd()
      .split("\n")
      // A machine that has the program installed has lines of its own.
      .filter((line) => !line.includes("ssh-session-notifier"));
    const start = lines.findIndex((line) => /^(-?session|@include\s+common-session)(\s|$)/.test(line));
    if (start === -1) throw new Error(`${PAM_FILE} has no session line`);
    const isSelinux = /pam_selinux\.so\s+close\b/.test(lines[start] ?? "");
    lines.splice(isSelinux ? start + 1 : start, 0, ...pamSessionFirst);
    const text = [...lines, ...pamSessionLast, ""].join("\n");
    await Deno.writeTextFile(this.path(PAM_FILE), text);
  }

  async #startSshd(options: readonly string[]): Promise<void> {
    // Another program may take a port between its choice and sshd's start.
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
        // What it says before it opens its log is wanted there too.
        `exec /usr/sbin/sshd ${args} "$@" 2>>${SSHD_LOG}`,
        "sshd",
        ...options.map((option) => `-o${option}`),
      ],
      // As from an init system: nothing of the test's environment reaches sshd.
      clearEnv: true,
      env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin" },
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
    let hasEnded = false;
    this.#port = port;
    this.#sshdStatus = sshd.status.then(() => hasEnded = true);
    // Its log tells, not a connection, which sshd would log as a client's.
    const sign = `listening on 127.0.0.1 port ${port}.`;
    const deadlineAtMs = performance.now() + 10_000;
    while (!hasEnded && performance.now() < deadlineAtMs) {
      if ((await this.readSshdLog()).includes(sign)) return true;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    if (hasEnded) return false;
    throw new Error(`sshd is silent for 10 s: ${await this.readSshdLog()}`);
  }
}

function startNamespace(): Deno.ChildProcess {
  return new Deno.Command("sh", {
    args: [
      "-c",
      'exec unshare --mount --propagation=private --pid --fork --kill-child "$@" 2>&1',
      "unshare",
      "sh",
      `${import.meta.dirname}/host_setup.sh`,
      OWN_DIR,
    ],
    stdin: "piped",
    stdout: "piped",
    stderr: "null",
  }).spawn();
}

/** The pid of the namespace's first process. */
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
  await namespace.stdin.close().catch(() => {}); // its process may have ended already
  await namespace.status;
}

function chooseFreePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}
