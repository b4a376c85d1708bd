// A real systemd in a test host, with the units that install.sh writes, including the real path unit and timer.

import { MUST_RUN } from "../../.ci/checkout.ts";
import { endToEnd, type Steps } from "./end_to_end.ts";
import { unpackInstaller } from "./install.ts";
import type { Finished, TestHost } from "./host.ts";

/** The directory of the helper's own files, in the host's /run. */
const OWN_DIR = "/run/test-systemd";
export const SERVICE = "ssh-session-notifier.service";
export const TIMER = "ssh-session-notifier.timer";
/** The journal's message ID of "Starting …" (systemd's sd-messages.h, SD_MESSAGE_UNIT_STARTING). */
const STARTING = "7d4958e842da4a758f6c1cdc7b36dcc5";

const missing = await missingForSystemd();
if (missing !== undefined && !MUST_RUN) {
  // deno-lint-ignore no-console -- says why a test cannot run
  console.log(`The tests under systemd are skipped on this machine: ${missing}`);
}

async function missingForSystemd(): Promise<string | undefined> {
  for (
    const file of ["/lib/systemd/systemd", "/usr/bin/systemctl", "/usr/bin/systemd-analyze", "/usr/bin/journalctl"]
  ) {
    if (!await Deno.stat(file).then(() => true, () => false)) return `needs ${file}`;
  }
  return undefined;
}

/** A test on its own host, in which install.sh installed the program under a running systemd. */
export function underSystemd(
  name: string,
  test: (host: TestHost, systemd: Systemd, context: Steps) => Promise<void>,
): void {
  if (missing !== undefined && !MUST_RUN) {
    Deno.test({ name, ignore: true, fn: () => {} });
    return;
  }
  endToEnd(name, async (host, context) => {
    if (missing !== undefined) throw new Error(`The tests under systemd cannot run: ${missing}`);
    await using systemd = await Systemd.start(host);
    await systemd.install();
    await test(host, systemd, context);
  });
}

/** The running systemd of a host. */
export class Systemd implements AsyncDisposable {
  readonly #host: TestHost;
  readonly #ended: Promise<Finished>;
  /** The PID in the host's pid namespace. */
  #pid = "";

  private constructor(host: TestHost) {
    this.#host = host;
    const command = ["sh", `${import.meta.dirname}/systemd_setup.sh`, OWN_DIR];
    this.#ended = host.run(command, { timeoutMs: 600_000 });
  }

  /** @throws Error if it does not start, with its output */
  static async start(host: TestHost): Promise<Systemd> {
    const systemd = new Systemd(host);
    const findFirst = `for try in $(seq 500); do
        if [ -S /run/systemd/private ]; then pid=$(cat ${OWN_DIR}/pid); exec cat /proc/$pid/task/$pid/children; fi
        sleep 0.02
      done; exit 1`;
    const first = await Promise.race([systemd.#ended, host.run(["sh", "-c", findFirst])]);
    if (first.code !== 0) throw new Error(`Cannot start systemd: ${first.stdout}${first.stderr}`);
    systemd.#pid = first.stdout.trim();
    await systemd.shell("systemctl is-system-running --wait");
    return systemd;
  }

  /** Installs the program as an administrator would, but with a yearly timer, so that it does not elapse in a test. */
  async install(): Promise<void> {
    await this.extend(TIMER, "[Timer]\nOnCalendar=\nOnCalendar=yearly\n");
    await unpackInstaller(this.#host.path("/run/installer"));
    await this.shell(
      "sh /run/installer/install.sh >/run/install.log 2>&1 || cat /run/install.log >&2; rm -r /run/installer",
    );
    await this.shell(`systemctl is-active --quiet ssh-session-notifier.path ${TIMER}`);
  }

  /** Runs a command as root in systemd's pid namespace. */
  async run(script: string): Promise<Finished> {
    return await this.#host.run(["nsenter", `--target=${this.#pid}`, "--mount", "--pid", "--", "sh", "-c", script]);
  }

  /**
   * Runs a command that must succeed.
   *
   * @returns its stdout
   */
  async shell(script: string): Promise<string> {
    const { code, stdout, stderr } = await this.run(script);
    if (code !== 0) throw new Error(`Command "${script}" exited ${code}: ${stdout}${stderr}`);
    return stdout;
  }

  /** How many times the service has started. */
  async starts(): Promise<number> {
    await this.shell("journalctl --sync");
    const log = await this.shell(`journalctl --quiet --output=cat UNIT=${SERVICE} MESSAGE_ID=${STARTING}`);
    return log.split("\n").length - 1;
  }

  /** The service's journal so far. */
  async journal(): Promise<string> {
    await this.shell("journalctl --sync");
    return await this.shell(`journalctl --quiet --output=cat _SYSTEMD_UNIT=${SERVICE}`);
  }

  /** Whether the service is running. */
  async isRunning(): Promise<boolean> {
    return /^activ/.test((await this.run(`systemctl is-active ${SERVICE}`)).stdout);
  }

  /** Adds settings to a unit like `systemctl edit`, replacing those added before. */
  async extend(unit: string, settings: string): Promise<void> {
    const folder = `/etc/systemd/system/${unit}.d`;
    await Deno.mkdir(this.#host.path(folder), { recursive: true });
    await Deno.writeTextFile(this.#host.path(`${folder}/test.conf`), settings);
    await this.shell("systemctl daemon-reload");
  }

  /** Ends all its processes and removes its control groups, which would otherwise remain. */
  async [Symbol.asyncDispose](): Promise<void> {
    const end = `kill -KILL $(cat ${OWN_DIR}/pid)
      for try in $(seq 200); do
        find "$(cat ${OWN_DIR}/group)" -depth -type d -exec rmdir {} + 2>/dev/null && exit 0
        sleep 0.02
      done`;
    await this.#host.run(["sh", "-c", end]);
    await this.#ended;
  }
}
