// The binary for aarch64, emulated by qemu: from the hook to the notification.

import assert from "node:assert/strict";
import { MUST_RUN } from "../../.ci/checkout.ts";
import { compiledBinary } from "../../.ci/compile.ts";
import { configFor, endToEnd, PAM_OPEN } from "../helpers/end_to_end.ts";
import type { Finished, TestHost } from "../helpers/host.ts";

const QEMU = "/usr/bin/qemu-aarch64";
/** The loader of the C library for aarch64, of Debian's libc6:arm64. */
const LOADER = "/lib/ld-linux-aarch64.so.1";
const BINARY = "/run/ssh-session-notifier-aarch64";

const isThere = await Promise.all([QEMU, LOADER].map((path) => Deno.stat(path))).then(() => true, () => false);
const isNative = Deno.build.arch === "aarch64";

if (isThere || isNative || MUST_RUN) {
  endToEnd("the binary for aarch64 records a login and notifies it", async (host) => {
    await Deno.copyFile(await compiledBinary({ arch: "aarch64" }), host.path(BINARY));
    await host.run(["chmod", "0755", BINARY]);
    await host.writeConfig(configFor("stdout"));

    const version = await run(host, ["--version"]);
    assert.match(version.stdout, /^ssh-session-notifier \d+\.\d+\.\d+ \(Deno /, version.stderr);
    const hook = await run(host, ["queue"], { env: { ...PAM_OPEN } });
    assert.deepEqual([hook.code, hook.stdout, hook.stderr], [0, "", ""]);
    const { uid } = await Deno.stat(host.path("/var/lib/ssh-session-notifier/queue/db/session_events.db"));
    assert.equal(uid, 61111, "root was given up");
    const sent = await run(host, ["send"], { user: "ssh-session-notifier", env: { PATH: "/usr/bin:/bin" } });
    assert.deepEqual([sent.code, sent.stderr], [0, ""]);
    assert.match(sent.stdout, /^'alice' \(203\.0\.113\.7\) logged in to example\.com via ssh \(sshd\) at /);
  });
} else {
  // deno-lint-ignore no-console -- reports why a test cannot run
  console.log(`The test of the binary for aarch64 is skipped on this machine: needs ${QEMU} and ${LOADER}`);
}

async function run(
  host: TestHost,
  args: readonly string[],
  options: { user?: string; env?: Record<string, string> } = {},
): Promise<Finished> {
  return await host.run([...isNative ? [] : [QEMU], BINARY, ...args], {
    ...options,
    clearEnv: true,
    timeoutMs: 120_000,
  });
}
