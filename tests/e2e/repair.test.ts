// `repair` on a disk that is full: it says so, and that the next hook could not write.

import assert from "node:assert/strict";
import { endToEnd, queue } from "../helpers/end_to_end.ts";

const QUEUE = "/var/lib/ssh-session-notifier/queue";

endToEnd("repair says with 75 that the disk takes no event, and with 0 that it does", async (host) => {
  const shell = (command: string) => host.run(["sh", "-c", command]);
  const repair = () => host.run(["/usr/sbin/ssh-session-notifier", "repair"]);
  const mount = `mount -t tmpfs -o size=512k,mode=2750 tmpfs ${QUEUE} && ` +
    `chown ssh-session-queue:ssh-session-notifier ${QUEUE} && chmod 2750 ${QUEUE}`;
  assert.equal((await shell(mount)).code, 0);
  assert.equal((await queue(host)).code, 0);
  assert.equal((await repair()).code, 0);
  await shell(`cat /dev/zero >${QUEUE}/filler`);
  const full = await repair();
  assert.equal(full.code, 75, full.stdout);
  assert.match(full.stderr, /the disk is full\n.*make room/);
  assert.equal((await shell(`rm ${QUEUE}/filler && ls ${QUEUE}`)).stdout.includes("room."), false);
  const { code, stdout, stderr } = await repair();
  assert.deepEqual([code, stderr], [0, ""], stdout);
});
