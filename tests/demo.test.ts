// Runs the demo of the README.

import assert from "node:assert/strict";
import { ROOT } from "../.ci/compile.ts";

Deno.test("the demo shows both notifications", async () => {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["task", "--quiet", "demo"],
    cwd: ROOT,
    env: { NO_COLOR: "1" },
  }).output();
  const text = new TextDecoder().decode(stdout);
  assert.equal(code, 0, `${text}${new TextDecoder().decode(stderr)}`);
  assert.match(text, /"content": "'alice' \(203\.0\.113\.7\) logged in to example\.com via ssh \(sshd\) at /);
  assert.match(text, /"content": "'alice' \(203\.0\.113\.7\) logged out from example\.com via ssh \(sshd\) at /);
});
