import assert from "node:assert/strict";
import { Findings } from "../../src/admin/finding.ts";
import { inspectSelinux } from "../../src/admin/selinux.ts";

const OURS = "/run/ssh-session-notifier(/.*)?\tsystem_u:object_r:ssh_session_queue_t:s0\n";

function levels(files: Readonly<Record<string, string>>): string[] {
  const findings = new Findings();
  inspectSelinux((path) => files[path], findings);
  return findings.all.map(({ level }) => level);
}

Deno.test("inspectSelinux() says nothing where SELinux does not enforce", () => {
  for (const config of [undefined, "", "SELINUX=permissive\n", "SELINUX=disabled\n", "# SELINUX=enforcing\n"]) {
    assert.deepEqual(levels(config === undefined ? {} : { "/etc/selinux/config": config }), [], config);
  }
});

Deno.test("inspectSelinux() passes only a policy that has the module", () => {
  const enforcing = { "/etc/selinux/config": "SELINUX=enforcing\nSELINUXTYPE=default\n" };
  const contexts = "/etc/selinux/default/contexts/files/file_contexts";
  assert.deepEqual(levels({ ...enforcing, [contexts]: OURS }), ["pass"]);
  assert.deepEqual(levels({ ...enforcing, [contexts]: "/var(/.*)?\tsystem_u:object_r:var_t:s0\n" }), ["fault"]);
  assert.deepEqual(levels(enforcing), ["fault"]);
  assert.deepEqual(levels({ "/etc/selinux/config": "selinux = \nSELINUX= Enforcing \n" }), ["fault"]);
});

Deno.test("inspectSelinux() reads no path that the name of a policy could lead to", () => {
  assert.deepEqual(levels({ "/etc/selinux/config": "SELINUX=enforcing\nSELINUXTYPE=../../root\n" }), ["fault"]);
});
