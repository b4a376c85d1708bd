// The journal query in ssh-session-notifier(8) shows the events that the hook wrote to the journal, and no lines of other processes.

import assert from "node:assert/strict";
import { ROOT } from "../../.ci/compile.ts";
import { PAM_OPEN } from "../helpers/end_to_end.ts";
import { displaysOf } from "../helpers/mdoc.ts";
import { underSystemd } from "../helpers/systemd.ts";

const QUEUE = "/var/lib/ssh-session-notifier/queue";
const HOOK = "/usr/sbin/ssh-session-notifier queue";

const page = await Deno.readTextFile(`${ROOT}/src/man/ssh-session-notifier.8`);

underSystemd("the manual's journal query finds the hook's lines, and no forged one", async (_host, systemd) => {
  const query = displaysOf(page).find((text) => text.startsWith("journalctl "))?.trim() ?? "";
  assert.notEqual(query, "");
  await systemd.shell("systemctl stop ssh-session-notifier.path ssh-session-notifier.timer");
  const as = (user: string) =>
    `env -i ${Object.entries({ ...PAM_OPEN, PAM_USER: user }).map(([name, value]) => `${name}='${value}'`).join(" ")}`;

  const forge = "setpriv --reuid=alice --regid=alice --clear-groups";
  await systemd.shell(`${forge} logger -t ssh-session-notifier -p auth.err 'forged "user":"alice"'`);
  await systemd.shell(`${forge} systemd-cat -t ssh-session-notifier -p err echo 'forged "user":"alice"'`);
  // A process can choose any name.
  await systemd.shell(
    `cp /usr/bin/logger /tmp/ssh-session-not; chmod 0755 /tmp/ssh-session-not
     ${forge} /tmp/ssh-session-not -t ssh-session-notifier -p auth.err 'forged "user":"alice"'`,
  );
  // As the user of queue, and as root: the hook stays root if the directory, and so its owner, is missing.
  await systemd.shell(`rm -rf ${QUEUE}/*; chmod 0550 ${QUEUE}; chmod 0550 /run/ssh-session-notifier/spool`);
  await systemd.shell(`${as("one")} ${HOOK}`);
  await systemd.shell(`rm -rf ${QUEUE}; ${as("two")} ${HOOK}`);

  await systemd.shell("journalctl --sync");
  const all = await systemd.shell("journalctl --quiet --output=cat --identifier=ssh-session-notifier --priority=err");
  const found = await systemd.shell(`${query} --quiet --output=cat`);
  const usersOf = (text: string) => [...text.matchAll(/"user":"(\w+)"/g)].map(([, user]) => user);
  assert.deepEqual(usersOf(all).toSorted(), ["alice", "alice", "alice", "one", "two"]);
  assert.deepEqual(usersOf(found), ["one", "two"]);
});
