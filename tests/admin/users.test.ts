import assert from "node:assert/strict";
import { Findings } from "../../src/admin/finding.ts";
import { inspectUsers } from "../../src/admin/users.ts";
import { statePaths } from "../../src/paths.ts";

const PASSWD = `root:x:0:0:root:/root:/bin/sh
ssh-session-queue:x:901:901::/nonexistent:/usr/sbin/nologin
ssh-session-notifier:x:902:902::/nonexistent:/usr/sbin/nologin
`;
const GROUP = `root:x:0:
ssh-session-queue:x:901:ssh-session-notifier
ssh-session-notifier:x:902:
`;

function found(passwd: string, group = GROUP, queueId = 901): string {
  const paths = statePaths();
  const findings = new Findings();
  const look = (path: string) => {
    const id = path === paths.queueDir ? queueId : 902;
    return { uid: id, gid: id } as Deno.FileInfo;
  };
  inspectUsers({ paths, look, passwd, group }, findings);
  return findings.all.map(({ level, message }) => `${level}: ${message}`).join("\n");
}

Deno.test("inspectUsers() faults a user or a group that is missing, or is another one", () => {
  assert.match(found(PASSWD), /^pass: [^\n]*$/);
  assert.equal(
    found(PASSWD.replace(/^ssh-session-queue.*\n/m, "")),
    "fault: there is no user ssh-session-queue in /etc/passwd",
  );
  assert.match(
    found(PASSWD.replace(/^ssh-session-notifier.*\n/m, "")),
    /^fault: there is no user ssh-session-notifier/,
  );
  assert.match(
    found(PASSWD, GROUP.replace(/^ssh-session-notifier.*\n/m, "")),
    /^fault: there is no group ssh-session-notif/,
  );
  // The id was given to another user, who owns the queue now.
  assert.equal(
    found(`${PASSWD}mallory:x:903:903::/:/bin/sh\n`, GROUP, 903),
    `fault: "${statePaths().queueDir}" belongs to 903:903, which is not ssh-session-queue:ssh-session-queue`,
  );
  // A second line with the same name has no effect.
  assert.match(found(`${PASSWD}ssh-session-queue:x:903:903::/:/bin/sh\n`), /^pass: [^\n]*$/);
});

Deno.test("inspectUsers() faults a user of send that is not in the group of the queue", () => {
  const without = GROUP.replace(":ssh-session-notifier\n", ":bob\n");
  assert.match(found(PASSWD, without), /^fault: the user ssh-session-notifier is not in the group ssh-session-queue/);
  assert.match(found(PASSWD, GROUP.replace(":ssh-session-notifier\n", ":bob,ssh-session-notifier\n")), /^pass: /);
  assert.match(found(PASSWD.replace("902:902", "902:901"), without), /^pass: /);
});
