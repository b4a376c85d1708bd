// The hook is killed, or the power fails, at any moment. An event is kept if the hook exited with 0, and the next hook works.

import assert from "node:assert/strict";
import { DiskModel, straceContentsTo, VARIANTS } from "../helpers/disk_model.ts";
import { endToEnd, queue, shell } from "../helpers/end_to_end.ts";
import { QUEUE, readFiles, RESET, SITUATIONS, usersOf } from "../helpers/queue_situations.ts";
import { parseTrace, straceTo } from "../helpers/strace.ts";
import type { TestHost } from "../helpers/host.ts";
import { sampleOf, sweep } from "../helpers/kill_points.ts";

for (const [situation, { arrange, earlier }] of Object.entries(SITUATIONS)) {
  endToEnd(`a power loss after any write of the hook loses no committed event: ${situation}`, async (host) => {
    await shell(host, arrange);
    const disk = new DiskModel(QUEUE, readFiles(host.path(QUEUE)));
    const { code, stderr } = await queue(host, { wrapper: straceContentsTo("/run/trace"), env: { PAM_USER: "late" } });
    assert.equal(code, 0, stderr);
    const calls = parseTrace(await Deno.readTextFile(host.path("/run/trace")));
    let moments = 0;
    for (const call of calls) {
      if (!disk.apply(call)) continue;
      moments++;
      for (const variant of VARIANTS) {
        const users = usersOf(disk.held(variant));
        const missing = earlier.filter((user) => !users.includes(user));
        assert.deepEqual(missing, [], `${variant}, after ${call.name}(${call.args.slice(0, 200)})`);
      }
    }
    assert.ok(moments >= 4, `${moments} moments`);
    // The hook has exited with 0.
    for (const variant of VARIANTS) {
      assert.deepEqual(usersOf(disk.held(variant)).sort(), [...earlier, "late"].sort(), variant);
    }
  });

  endToEnd(
    `a hook that is killed at any call leaves nothing that disturbs the next hook: ${situation}`,
    (host) =>
      sweep(async () => {
        let kills = 0;
        for (const { call, when } of await placesOf(host, { situation, arrange })) {
          await shell(host, `${RESET}; ${arrange}`);
          const wrapper = ["strace", "-qq", "-f", "-o", "/dev/null", `--inject=${call}:signal=KILL:when=${when}`];
          const { code } = await queue(host, { wrapper, env: { PAM_USER: "killed" } });
          // Runs differ: the last call of one may not exist in another.
          if (code === 0) continue;
          kills++;
          assert.equal((await queue(host, { env: { PAM_USER: "late" } })).code, 0);
          const users = usersOf(readFiles(host.path(QUEUE)));
          const expected = users.includes("killed") ? [...earlier, "killed", "late"] : [...earlier, "late"];
          assert.deepEqual(users.sort(), expected.sort(), `killed at call ${when} of ${call}`);
        }
        assert.ok(kills >= 5, `${kills} kills`);
      }),
  );
}

/** The calls to kill the hook at, counted as by strace: per thread and per name. */
async function placesOf(
  host: TestHost,
  { situation, arrange }: { situation: string; arrange: string },
): Promise<{ readonly call: string; readonly when: number }[]> {
  await shell(host, `${RESET}; ${arrange}`);
  const { code, stderr } = await queue(host, { wrapper: straceTo("/run/trace"), env: { PAM_USER: "counted" } });
  assert.equal(code, 0, stderr);
  const calls = parseTrace(await Deno.readTextFile(host.path("/run/trace")));
  const pid = calls.find(({ name }) => name === "setuid")?.pid;
  return CALLS.flatMap((call) => {
    const { length } = calls.filter((made) => made.pid === pid && made.name === call);
    const places = Array.from({ length }, (_, index) => ({ call, when: index + 1 }));
    return sampleOf(places, { name: `${situation}, ${call}` });
  });
}

/** All system calls by which the hook changes a file. strace counts each name separately. */
const CALLS = ["write", "pwrite64", "ftruncate", "fsync", "fdatasync", "link", "rename", "unlink", "chmod", "mkdir"];
