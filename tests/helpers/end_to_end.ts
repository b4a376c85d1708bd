// End-to-end tests: where they can run, and what all of them need.

import type { Finding } from "../../src/admin/check/finding.ts";
import { MUST_RUN } from "../../.ci/checkout.ts";
import { compiledBinary } from "../../.ci/compile.ts";
import { type Finished, missingForTestHost, TestHost, type TestHostOptions } from "./host.ts";
import { namingVersions } from "./versions.ts";
import { waitFor } from "./wait_for.ts";

const missing = await missingForTestHost();
if (missing !== undefined && !MUST_RUN) {
  // deno-lint-ignore no-console -- says why a test cannot run; on stderr, because the bench prints tables
  console.error(`The end-to-end tests are skipped on this machine: ${missing}`);
}

/** The part of a test's context with which it has steps. */
export interface Steps {
  readonly step: (name: string, test: () => Promise<void>) => Promise<boolean>;
}

/**
 * A test on its own host, with the compiled program as sshd's hook. Cases that need no host of their own can be steps of
 * `context`, each with its own name. A failure names the versions of OpenSSH and PAM.
 */
export function endToEnd(
  name: string,
  test: (host: TestHost, context: Steps) => Promise<void>,
  options: Omit<TestHostOptions, "binary"> = {},
): void {
  Deno.test({
    name,
    ignore: missing !== undefined && !MUST_RUN,
    fn: async (context) => {
      if (missing !== undefined) throw new Error(`The end-to-end tests cannot run: ${missing}`);
      const binary = await compiledBinary();
      await namingVersions(async () => {
        await using host = await TestHost.create({ ...options, binary });
        await test(host, { step: (name, run) => context.step(name, () => namingVersions(run)) });
      });
    },
  });
}

/** The findings of `check --json`, run as root. */
export async function findingsOn(host: TestHost): Promise<readonly Finding[]> {
  const { code, stdout, stderr } = await host.run(["/usr/sbin/ssh-session-notifier", "check", "--json"]);
  if (stderr !== "") throw new Error(`check exited ${code}: ${stderr}`);
  const { ok, findings } = JSON.parse(stdout) as { ok: boolean; findings: Finding[] };
  if (ok !== (code === 0)) throw new Error(`check exited ${code}: ${stdout}`);
  return findings;
}

/** Runs `send` as its own user. */
export async function send(host: TestHost, ...flags: string[]): Promise<Finished> {
  return await host.run(["/usr/sbin/ssh-session-notifier", "send", ...flags], {
    user: "ssh-session-notifier",
    env: { PATH: "/usr/bin:/bin" },
    clearEnv: true,
  });
}

/** Runs `send` until its first warning or error, then ends it as systemd does, without waiting for the next attempt. */
export async function sendUntilItSays(host: TestHost): Promise<Finished> {
  const script = `
    : >/tmp/stderr; /usr/sbin/ssh-session-notifier send 2>>/tmp/stderr & pid=$!
    while [ ! -s /tmp/stderr ] && kill -0 $pid 2>/dev/null; do sleep 0.05; done
    kill -TERM $pid; wait $pid; code=$?; cat /tmp/stderr >&2; exit $code`;
  return await host.run(["sh", "-c", script], { user: "ssh-session-notifier" });
}

/**
 * Runs a shell script as root; it must not fail.
 *
 * @returns its stdout
 */
export async function shell(host: TestHost, script: string): Promise<string> {
  const { code, stdout, stderr } = await host.run(["sh", "-c", script]);
  if (code !== 0) throw new Error(`Script "${script}" exited ${code}: ${stdout}${stderr}`);
  return stdout;
}

/** The environment that pam_exec passes when alice logs in. */
export const PAM_OPEN: Readonly<Record<string, string>> = {
  PAM_TYPE: "open_session",
  PAM_USER: "alice",
  PAM_RHOST: "203.0.113.7",
  PAM_TTY: "ssh",
  PAM_SERVICE: "sshd",
  SSH_CONNECTION: "203.0.113.7 50022 192.0.2.1 22",
  SSH_AUTH_INFO_0: "password",
};

/** Runs `queue` as pam_exec does, as root; by default for a login of alice. */
export async function queue(
  host: TestHost,
  options: { env?: Record<string, string>; wrapper?: readonly string[] } = {},
): Promise<Finished> {
  return await host.run([...options.wrapper ?? [], "/usr/sbin/ssh-session-notifier", "queue"], {
    env: { ...PAM_OPEN, ...options.env },
    clearEnv: true,
  });
}

/**
 * Takes the write lock of the queue database, as root.
 *
 * @returns a handle that releases the lock
 */
export async function holdWriteLock(host: TestHost): Promise<() => Promise<void>> {
  const database = "/var/lib/ssh-session-notifier/queue/db/session_events.db";
  const wait = "touch /run/lock-is-held; until [ -e /run/lock-is-over ]; do sleep 0.02; done";
  await shell(host, "rm -f /run/lock-is-held /run/lock-is-over");
  const holder = host.run(["sqlite3", database, "BEGIN IMMEDIATE;", `.shell ${wait}`, "ROLLBACK;"]);
  await waitFor(() => host.has("/run/lock-is-held"), { what: "sqlite3 holds the write lock" });
  return async () => {
    await shell(host, "touch /run/lock-is-over");
    const { code, stderr } = await holder;
    if (code !== 0) throw new Error(`sqlite3 exited ${code}: ${stderr}`);
  };
}

/** A configuration with one service. */
export function configFor(service: "discord" | "ntfy" | "stdout", options = "", rest = ""): string {
  return `[host]
timezone = "Pacific/Auckland"
name = "example.com"

[notification]
service = "${service}"

[notification.${service}]
${options}

${rest}
`;
}
