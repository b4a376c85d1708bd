// `repair` on a disk that is full, or that fails: it says that the next hook could not write.

import assert from "node:assert/strict";
import { endToEnd, queue } from "../helpers/end_to_end.ts";

const QUEUE = "/var/lib/ssh-session-notifier/queue";

endToEnd(
  "repair says with 75 that the disk takes no event, and with 0 that it does; check and status say it, too",
  async (host) => {
    const shell = (command: string) => host.run(["sh", "-c", command]);
    const repair = () => host.run(["/usr/sbin/ssh-session-notifier", "repair"]);
    const mount = `mount -t tmpfs -o size=80m,mode=2750 tmpfs ${QUEUE} && ` +
      `chown ssh-session-queue:ssh-session-queue ${QUEUE} && chmod 2750 ${QUEUE}`;
    assert.equal((await shell(mount)).code, 0);
    assert.equal((await queue(host)).code, 0);
    assert.equal((await repair()).code, 0);
    const check = async () => (await host.run(["/usr/sbin/ssh-session-notifier", "check"])).stdout;
    assert.match(await check(), /^pass +disk +there is room in ".*\/queue"$/m);
    await shell(`cat /dev/zero >${QUEUE}/filler`);
    // Whoever looks is told so before the next login.
    assert.match(
      await check(),
      /^fault +disk +there is no room in ".*\/queue": 0 MiB and \d+ files are left; to mend it/m,
    );
    const status = await host.run(["/usr/sbin/ssh-session-notifier", "status"]);
    assert.match(status.stdout, /^alarm: does not work: there is no room in ".*\/queue"/m);
    const full = await repair();
    assert.equal(full.code, 75, full.stdout);
    assert.match(full.stderr, /the disk is full\n.*make room/);
    assert.equal((await shell(`rm ${QUEUE}/filler && ls ${QUEUE}`)).stdout.includes("room."), false);
    const strace = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", "inject=fsync,fdatasync:error=EIO"];
    const failing = await host.run([...strace, "/usr/sbin/ssh-session-notifier", "repair"]);
    assert.equal(failing.code, 75, failing.stderr);
    assert.match(failing.stderr, /^error: Cannot mend ".*": .*\nerror: to mend it: see what the disk says/);
    const { code, stdout, stderr } = await repair();
    assert.deepEqual([code, stderr], [0, ""], stdout);
  },
);
