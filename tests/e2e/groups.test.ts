// Commands that root starts with supplementary groups drop them when they become another user.

import assert from "node:assert/strict";
import { configFor, endToEnd, queue, send, shell } from "../helpers/end_to_end.ts";
import type { TestHost } from "../helpers/host.ts";

const BINARY = "/usr/sbin/ssh-session-notifier";
/** Runs as root with the groups adm and sudo. Deno would refuse to pass the loader's variable. */
const WITH_GROUPS = ["env", "LD_ANY=1", "setpriv", "--groups", "0,4,27"];

async function prepare(host: TestHost): Promise<void> {
  await host.writeConfig(configFor("stdout"));
  assert.equal((await queue(host)).code, 0);
  assert.equal((await send(host)).code, 0);
}

endToEnd("no command keeps a group of root when it becomes another user", async (host) => {
  await prepare(host);
  const table = {
    check: 61112,
    test: 61112,
    status: 61112,
    history: 61112,
    "explain --user alice": 61112,
    retry: 61112,
    repair: 61111,
  };
  for (const [command, uid] of Object.entries(table)) {
    const trace = "/run/trace";
    const strace = ["strace", "-f", "-o", trace, "-e", "trace=setgroups,setuid"];
    const plain = await host.run([BINARY, ...command.split(" ")]);
    const { code, stdout, stderr } = await host.run([...WITH_GROUPS, ...strace, BINARY, ...command.split(" ")]);
    assert.equal(code, plain.code, `${command}: ${stdout}${stderr}`);
    const calls = (await Deno.readTextFile(host.path(trace))).split("\n");
    const became = calls.find((call) => call.includes(`setuid(${uid})`)) ?? "";
    const [pid = ""] = became.split(" ");
    const dropped = calls.findIndex((call) => call.startsWith(`${pid} `) && call.includes("setgroups(0, "));
    assert.ok(became !== "" && dropped >= 0 && dropped < calls.indexOf(became), `${command}: ${calls.join("\n")}`);
  }
});

endToEnd(
  "a command that became the user of send has no group of root, and ends on a signal",
  async (host) => {
    await prepare(host);
    // Its output is a full pipe, so it waits.
    const script = `
    mkfifo /run/full; exec 8<>/run/full; head -c 65536 /dev/zero >&8
    ${WITH_GROUPS.join(" ")} ${BINARY} status >&8 2>/run/out & parent=$!
    for try in $(seq 1000); do
      child=$(cat /proc/$parent/task/*/children 2>/dev/null | tr -d ' ')
      [ -n "$child" ] && grep -q '^Uid:.61112.61112.61112.61112' /proc/$child/status && break
      sleep 0.01
    done
    grep -E '^(Uid|Gid|Groups):' /proc/$child/status
    kill -TERM $parent; wait $parent; echo "exit $?"; [ -d /proc/$child ] && echo "still there"; cat /run/out`;
    const { stdout } = await host.run(["sh", "-c", script]);
    assert.deepEqual(stdout.split("\n").map((line) => line.trimEnd()), [
      "Uid:\t61112\t61112\t61112\t61112",
      "Gid:\t61111\t61111\t61111\t61111",
      "Groups:",
      "exit 143",
      "",
    ]);
  },
);

endToEnd("a command that cannot drop the groups stops with a hint", async (host) => {
  await prepare(host);
  // A copy at another path is not allowed to run itself.
  await shell(host, `cp ${BINARY} /run/copy`);
  const { code, stderr } = await host.run([...WITH_GROUPS, "/run/copy", "check"]);
  assert.equal(code, 77, stderr);
  assert.match(stderr, / \(0, 4, 27\) .* \[command\.has-groups\]\n.*: setpriv --clear-groups \/run\/copy check\n$/);
  const { stdout } = await host.run(["setpriv", "--clear-groups", "/run/copy", "check"]);
  assert.match(stdout, /^pass +config\.valid /m);
});
