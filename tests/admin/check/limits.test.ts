import assert from "node:assert/strict";
import fc from "npm:fast-check@4.10.2";
import { lowLimits } from "../../../src/admin/check/limits.ts";

Deno.test("lowLimits() finds limits that would kill the hook, for any user and of either type", () => {
  const found = lowLimits(`
# <domain> <type> <item> <value>
#*        hard  as      1000
*         hard  as      2000000        # 2 GB
@students soft  NOFILE  10
alice     -     fsize   0
bob       hard  data    30000
root      hard  stack   64
%group    hard  cpu     0
`);
  assert.deepEqual(found.map(({ domain, item, value }) => [domain, item, value]), [
    ["*", "as", "2000000"],
    ["@students", "nofile", "10"],
    ["alice", "fsize", "0"],
    ["bob", "data", "30000"],
    ["root", "stack", "64"],
    ["%group", "cpu", "0"],
  ]);
});

Deno.test("lowLimits() ignores limits that are high enough, unlimited or irrelevant for the hook", () => {
  const text = `
* soft as unlimited
* hard as infinity
* hard data -1
* hard data 32768
* hard nofile 1024
* soft stack 8192
* hard nproc 1
* hard memlock 0
* - maxlogins 1
* hard
alice
`;
  assert.deepEqual(lowLimits(text), []);
});

Deno.test("lowLimits() accepts any text", () => {
  fc.assert(fc.property(fc.string(), (text) => Array.isArray(lowLimits(text))));
});
