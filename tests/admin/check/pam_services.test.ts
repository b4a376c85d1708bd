// Which services `check` looks at, on files that are given.

import assert from "node:assert/strict";
import { Findings } from "../../../src/admin/check/finding.ts";
import {
  hookedServices,
  inspectServices,
  namedServices,
  type PamFiles,
} from "../../../src/admin/check/pam_services.ts";

const BLOCK = "auth required a.so\n# ssh-session-notifier begin: do not edit\nsession optional b.so\n";
const PLAIN = "session required pam_unix.so\nsession required pam_limits.so\n";

function filesOf(texts: Readonly<Record<string, string>>): PamFiles {
  return {
    read: (path) => Object.hasOwn(texts, path) ? texts[path] : undefined,
    list: (directory) => Object.keys(texts).filter((path) => path.replace(/\/[^/]*$/, "") === directory).sort(),
  };
}

const FILES = filesOf({
  "/etc/pam.d/login": BLOCK,
  "/etc/pam.d/login.dpkg-old": BLOCK,
  "/etc/pam.d/login.rpmsave": BLOCK,
  "/etc/pam.d/login.bak": BLOCK,
  "/etc/pam.d/login~": BLOCK,
  "/etc/pam.d/su": PLAIN,
  "/etc/pam.d/mentions": "session required a.so # see # ssh-session-notifier begin\n",
  "/usr/lib/pam.d/vendor": PLAIN,
  "/etc/security/limits.conf": "* hard as 2000000\n",
  "/etc/security/limits.d/README": "* hard nofile 1\n",
});

Deno.test("hookedServices() returns sshd, and the services with the lines of install.sh, without backups", () => {
  assert.deepEqual(hookedServices(FILES), ["sshd", "login"]);
  assert.deepEqual(hookedServices(filesOf({ "/etc/pam.d/sshd": BLOCK, "/etc/pam.d/a": BLOCK })), ["sshd", "a"]);
});

Deno.test("namedServices() returns the services of [services] that exist, without the hooked and the silent ones", () => {
  const named = namedServices(
    new Map([["login", "all"], ["su", "unexpected"], ["vendor", "urgent"], ["gone", "all"], ["mentions", "none"]]),
    FILES,
  );
  assert.deepEqual(named, ["su", "vendor"]);
});

Deno.test("inspectServices() reports each service, with its file, and the limits once", () => {
  const findings = new Findings();
  const files = filesOf({ ...PAM, "/etc/security/limits.conf": "* hard as 2000000\n" });
  inspectServices(["sshd", "su", "login"], files, findings);
  const faults = findings.all.filter(({ level }) => level === "fault").map((
    { id, message },
  ) => [id, message.split(":")[0]]);
  assert.deepEqual(faults.filter(([id]) => id === "pam.hook-missing"), [["pam.hook-missing", "/usr/lib/pam.d/login"]]);
  assert.equal(faults.filter(([id]) => id === "limits.values").length, 1);
});

/** sshd without limits, su with limits, both with a hook; login in the other directory, without one. */
const HOOK = "session optional pam_exec.so quiet seteuid /usr/sbin/ssh-session-notifier queue\n";
const PAM = {
  "/etc/pam.d/sshd": HOOK,
  "/etc/pam.d/su": `${HOOK}${PLAIN}`,
  "/usr/lib/pam.d/login": PLAIN,
};
