// Checks the two system users. The program itself uses only the ids that own the directories. But without the names,
// systemd and cron cannot start `send`, and a user that is created later may get these ids.

import type { StatePaths } from "../../paths.ts";
import type { Findings } from "./finding.ts";
import type { Look } from "./files.ts";
import { QUEUE_USER as QUEUE, SEND_USER as SEND } from "./manifest.ts";

/**
 * Checks the users and their groups, and reports the findings.
 *
 * @param passwd the text of /etc/passwd (passwd(5)), where install.sh creates the users
 * @param group the text of /etc/group (group(5))
 */
export function inspectUsers(
  { paths, look, passwd, group }: { paths: StatePaths; look: Look; passwd: string; group: string },
  findings: Findings,
): void {
  const users = entriesOf(passwd);
  const groups = entriesOf(group);
  for (const [name, directory] of [[QUEUE, paths.queueDir], [SEND, paths.sendDir]] as const) {
    const owner = look(directory);
    const isOurs = ([, , id]: readonly string[], owned: number | null) => owned !== null && id === String(owned);
    const [user, ownGroup] = [users.get(name), groups.get(name)];
    if (user === undefined) {
      findings.fault(
        "users.user-missing",
        `the user ${name} does not exist in /etc/passwd`,
        "run install.sh, or reinstall the package",
      );
    }
    if (ownGroup === undefined) {
      findings.fault(
        "users.group-missing",
        `the group ${name} does not exist in /etc/group`,
        "run install.sh, or reinstall the package",
      );
    }
    // files.ts reports a missing directory.
    if (owner === undefined || user === undefined || ownGroup === undefined) continue;
    if (isOurs(user, owner.uid) && isOurs(ownGroup, owner.gid)) continue;
    findings.fault(
      "users.not-owner",
      `"${directory}" belongs to ${owner.uid}:${owner.gid}, not to ${name}:${name}`,
      `chown ${name}: ${directory}`,
    );
  }
  const members = groups.get(QUEUE)?.[3]?.trim().split(",");
  if (members?.includes(SEND) === false && users.get(SEND)?.[3] !== groups.get(QUEUE)?.[2]) {
    findings.fault(
      "users.not-member",
      `the user ${SEND} is not in the group ${QUEUE}, so send cannot read the queue`,
      `usermod --append --groups ${QUEUE} ${SEND}`,
    );
  }
  if (!findings.hasFault("users")) {
    findings.pass("users.accounts", `the users ${QUEUE} and ${SEND} exist and own their directories`);
  }
}

/** The ids of the groups that list the user of `send` as a member. */
export function groupsOfSender(group: string): number[] {
  const isMember = ([, , , members = ""]: readonly string[]) => members.trim().split(",").includes(SEND);
  return [...entriesOf(group).values()].filter(isMember).map(([, , id]) => Number(id));
}

/** Splits lines into fields; the key is the first field. */
function entriesOf(text: string): Map<string, readonly string[]> {
  const lines = text.split("\n").map((line) => line.split(":")).reverse();
  // Reversed, because the first of two lines with the same name counts.
  return new Map(lines.map((fields) => [fields[0] ?? "", fields]));
}
