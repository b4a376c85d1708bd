import assert from "node:assert/strict";
import { isFile, MUST_RUN } from "../../.ci/checkout.ts";
import { namingVersions } from "./versions.ts";

const ignore = !MUST_RUN && !await isFile("/usr/sbin/sshd");

Deno.test("namingVersions() adds the versions to a failure, and keeps its cause", { ignore }, async () => {
  const cause = new Error("no");
  await assert.rejects(namingVersions(() => Promise.reject(cause)), (error) => {
    assert.ok(error instanceof Error);
    assert.equal(error.cause, cause);
    assert.match(error.message, /^failed with OpenSSH_\d.*, (libpam-modules|pam)\S* \S*\d/);
    return true;
  });
  await namingVersions(() => Promise.resolve());
});
