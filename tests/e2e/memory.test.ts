// No command ever has writable and executable memory, so the hook works in sshd's SELinux domain, and an attacker that
// controls the memory of `send` cannot run injected code.

import assert from "node:assert/strict";
import config from "../../deno.json" with { type: "json" };
import { ROOT } from "../../.ci/checkout.ts";
import { configFor, endToEnd, PAM_OPEN, queue, send, shell } from "../helpers/end_to_end.ts";
import type { TestHost } from "../helpers/host.ts";
import { ntfyLike } from "../helpers/receivers.ts";
import { parseTrace, straceTo } from "../helpers/strace.ts";

const BINARY = "/usr/sbin/ssh-session-notifier";
const SEND_USER = "ssh-session-notifier";
const TRACE = "/tmp/trace";
const MEMORY_CALLS = ["mmap", "mprotect", "pkey_mprotect"];

/** A command line for each permission set except `binary`. `send` is first, so the others find a history. */
const COMMANDS: Readonly<Record<string, string>> = {
  queue: "queue",
  send: "send",
  check: "check --json",
  test: "test",
  status: "status --json",
  history: "history",
  explain: "explain --user alice --ip 203.0.113.7",
  retry: "retry",
  repair: "repair",
  help: "completions bash",
};

/** The command line that denies a program such memory, and traces its requests. */
async function strict(host: TestHost): Promise<string[]> {
  await Deno.copyFile(`${ROOT}/tests/helpers/exec_mdwe.pl`, host.path("/tmp/exec_mdwe.pl"));
  return [...straceTo(TRACE), `--trace=${MEMORY_CALLS.join(",")}`, "/usr/bin/perl", "/tmp/exec_mdwe.pl"];
}

/** Requests for memory that is both, or that the kernel refused. */
async function askedFor(host: TestHost): Promise<string[]> {
  const calls = parseTrace(await Deno.readTextFile(host.path(TRACE)));
  assert.ok(calls.some(({ name, args }) => name === "mmap" && args.includes("PROT_EXEC")), "the trace shows libraries");
  return calls
    .filter(({ args, result }) =>
      /PROT_WRITE\|PROT_EXEC|PROT_EXEC\|PROT_WRITE/.test(args) || /E(ACCES|PERM)/.test(result)
    )
    .map(({ name, args, result }) => `${name}(${args}) = ${result}`);
}

endToEnd("no command requests memory that is writable and executable, or changes memory to be both", async (host) => {
  await using ntfy = ntfyLike();
  await host.writeConfig(configFor("ntfy", `topic_url = "${ntfy.topicUrl}"`));
  assert.equal((await queue(host)).code, 0);
  const wrapper = await strict(host);
  const { binary: _, ...sets } = config.permissions;
  assert.deepEqual(Object.keys(COMMANDS).sort(), Object.keys(sets).sort());
  for (const [name, line] of Object.entries(COMMANDS)) {
    const args = line.split(" ");
    // `send` runs as its own user; the others become that user.
    const user = name === "send" ? SEND_USER : undefined;
    const run = (prefix: readonly string[]) =>
      host.run([...prefix, BINARY, ...args], { ...user === undefined ? {} : { user }, env: PAM_OPEN, clearEnv: true });
    await shell(host, `rm -f ${TRACE}`);
    const { code, stderr } = await run(wrapper);
    assert.ok(code < 128 && code !== 64, `${line} exited ${code}: ${stderr}`);
    assert.deepEqual(await askedFor(host), [], line);
    assert.equal(code, (await run([])).code, `${line}: ${stderr}`);
  }
  assert.ok(ntfy.accepted.length > 0, "the Worker has delivered");
});

endToEnd("a send whose Worker waits for a response has no writable and executable memory", async (host) => {
  await using ntfy = ntfyLike();
  await host.writeConfig(configFor("ntfy", `topic_url = "${ntfy.topicUrl}"`));
  assert.equal((await queue(host)).code, 0);
  const maps = Promise.withResolvers<string>();
  ntfy.intercept = async () => {
    maps.resolve(await shell(host, "cat /proc/$(pgrep --full --oldest '^/usr/sbin/ssh-session-notifier send')/maps"));
    return undefined;
  };
  const sent = await send(host);
  assert.deepEqual([sent.code, sent.stderr], [0, ""]);
  const lines = (await maps.promise).trim().split("\n");
  assert.ok(lines.some((line) => / r-xp .*\/ssh-session-notifier$/.test(line)), "the maps show the program");
  assert.deepEqual(lines.filter((line) => /^\S+ .wx/.test(line)), []);
});
