// Several processes read the queue at the same time.

import assert from "node:assert/strict";
import { QueueBusyError, readUnread } from "../../src/admin/unread.ts";
import { statePaths } from "../../src/paths.ts";
import { ROOT } from "../../.ci/checkout.ts";
import { Installation, LOGIN } from "../helpers/program.ts";

Deno.test("status shows the same queue to several processes at once", async () => {
  await using installation = await Installation.create();
  for (const user of ["alice", "bob"]) {
    assert.equal((await installation.queue({ ...LOGIN, PAM_USER: user })).code, 0);
  }
  const script = `import { QueueBusyError, readUnread } from ${
    JSON.stringify(import.meta.resolve("../../src/admin/unread.ts"))
  };
    import { statePaths } from ${JSON.stringify(import.meta.resolve("../../src/paths.ts"))};
    const paths = statePaths(${JSON.stringify(installation.stateDir)});
    for (let i = 0; i < 100; i++) {
      const unread = readUnread(paths, { overview: undefined, command: "status" });
      if (unread?.count !== 2) throw new Error("no count");
    }`;
  const file = `${installation.stateDir}/look.ts`;
  Deno.writeTextFileSync(file, script);
  const looks = await Promise.all(
    [1, 2, 3].map(() =>
      new Deno.Command(Deno.execPath(), { args: ["run", "-A", "--no-check", "--config", `${ROOT}/deno.json`, file] })
        .output()
    ),
  );
  for (const { code, stderr } of looks) assert.equal(code, 0, new TextDecoder().decode(stderr));
});

Deno.test("readUnread() does not wait indefinitely for another reader, which may be stopped", async () => {
  await using installation = await Installation.create();
  const paths = statePaths(installation.stateDir);
  const other = Deno.openSync(paths.sendDir);
  other.lockSync(true);
  const look = () => readUnread(paths, { overview: undefined, command: "status", maxWaitMs: 100 });
  assert.throws(
    look,
    (error) =>
      error instanceof QueueBusyError && /another check or status .* 0\.1 s and may be stopped/.test(error.message),
  );
  other.close();
  assert.equal(look(), undefined);
});
