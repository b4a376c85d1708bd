import { type Finding, Findings } from "../../../src/admin/check/finding.ts";
import { inspectUsers } from "../../../src/admin/check/users.ts";
import { statePaths } from "../../../src/paths.ts";
import { assertAllFound } from "../../helpers/findings.ts";

const PASS = ["pass users.accounts"] as const;

const PASSWD = `root:x:0:0:root:/root:/bin/sh
ssh-session-queue:x:901:901::/nonexistent:/usr/sbin/nologin
ssh-session-notifier:x:902:902::/nonexistent:/usr/sbin/nologin
`;
const GROUP = `root:x:0:
ssh-session-queue:x:901:ssh-session-notifier
ssh-session-notifier:x:902:
`;

function found(passwd: string, group = GROUP, queueId = 901): readonly Finding[] {
  const paths = statePaths();
  const findings = new Findings();
  const look = (path: string) => {
    const id = path === paths.queueDir ? queueId : 902;
    return { uid: id, gid: id } as Deno.FileInfo;
  };
  inspectUsers({ paths, look, passwd, group }, findings);
  return findings.all;
}

Deno.test("inspectUsers() reports a user or a group that is missing or does not own its folder", () => {
  assertAllFound(found(PASSWD), [PASS]);
  for (const name of ["ssh-session-queue", "ssh-session-notifier"]) {
    const without = (text: string) => text.replace(new RegExp(`^${name}:.*\n`, "m"), "");
    assertAllFound(found(without(PASSWD)), [["fault users.user-missing", ` ${name} `, "/etc/passwd"]]);
    assertAllFound(found(PASSWD, without(GROUP)), [["fault users.group-missing", ` ${name} `, "/etc/group"]]);
  }
  // Another user got the id, and so owns the queue.
  assertAllFound(found(`${PASSWD}mallory:x:903:903::/:/bin/sh\n`, GROUP, 903), [
    ["fault users.not-owner", `"${statePaths().queueDir}"`, "903:903", "ssh-session-queue:ssh-session-queue"],
  ]);
  // A second line with the same name has no effect.
  assertAllFound(found(`${PASSWD}ssh-session-queue:x:903:903::/:/bin/sh\n`), [PASS]);
});

Deno.test("inspectUsers() reports if the user of send is not in the group of the queue", () => {
  const without = GROUP.replace(":ssh-session-notifier\n", ":bob\n");
  assertAllFound(found(PASSWD, without), [
    ["fault users.not-member", "usermod --append --groups ssh-session-queue ssh-session-notifier"],
  ]);
  assertAllFound(found(PASSWD, GROUP.replace(":ssh-session-notifier\n", ":bob,ssh-session-notifier\n")), [PASS]);
  assertAllFound(found(PASSWD.replace("902:902", "902:901"), without), [PASS]);
});
