// `status` and `retry` as administrators run them: as root, with the real paths, in their sandboxes.

import assert from "node:assert/strict";
import { endToEnd, findingsOn, queue, send } from "../helpers/end_to_end.ts";
import { assertFound } from "../helpers/findings.ts";
import { json, ntfyLike } from "../helpers/receivers.ts";

const BINARY = "/usr/sbin/ssh-session-notifier";
const SEND_DIR = "/var/lib/ssh-session-notifier/send";
const TOKEN_FILE = "/etc/ssh-session-notifier/ntfy.token";

endToEnd("status and retry work as root, keep the owner of all files, and reject other users", async (host) => {
  await using ntfy = ntfyLike({ token: "tk_s3cr3t" });
  await host.writeConfig(
    `[routes.oncall]\nservice = "ntfy"\ntopic_url = "${ntfy.topicUrl}"\ntoken_file = "${TOKEN_FILE}"`,
  );
  const secret =
    `printf 'tk_s3cr3t\\n' >${TOKEN_FILE}; chown root:ssh-session-notifier ${TOKEN_FILE}; chmod 0640 ${TOKEN_FILE}`;
  assert.equal((await host.run(["sh", "-ec", secret])).code, 0);
  assert.equal((await queue(host)).code, 0);
  ntfy.intercept = (_request, text) => text.includes("logged in to") ? json(422, { error: "no tk_s3cr3t" }) : undefined;
  assert.equal((await send(host)).code, 0);

  const before = await host.run([BINARY, "status"]);
  assert.deepEqual([before.code, before.stderr], [0, ""]);
  assert.match(before.stdout, /^route "oncall" \(ntfy\): 1 given up \(1 for: HTTP 422: no \[secret\]\); /m);
  const retried = await host.run([BINARY, "retry", "--route", "oncall"]);
  assert.deepEqual([retried.code, retried.stderr], [0, ""]);
  assert.match(retried.stdout, /^route "oncall": restored 1 given-up notification; /);
  ntfy.intercept = () => undefined;
  assert.equal((await send(host)).code, 0);
  assert.equal(ntfy.accepted.filter(({ body }) => String(body["message"]).includes("logged in to")).length, 1);
  const after = await host.run([BINARY, "status", "--json"]);
  assert.equal(JSON.parse(after.stdout).routes[0].dead, 0);

  const owners = await host.run(["sh", "-c", `stat -c %U ${SEND_DIR}/* | sort -u`]);
  assert.equal(owners.stdout, "ssh-session-notifier\n");
  // The group may run the binary, but this user is not that of send.
  const asGroup = ["setpriv", "--reuid=alice", "--regid=ssh-session-notifier", "--clear-groups"];
  for (const command of ["status", "retry"]) {
    const { code, stdout, stderr } = await host.run([...asGroup, BINARY, command]);
    assert.deepEqual([code, stdout], [77, ""], command);
    assert.match(stderr, / \[command\.not-permitted\]\n/);
    assert.match(stderr, new RegExp(`sudo ssh-session-notifier ${command}`));
  }

  await host.run(["chmod", "0644", TOKEN_FILE]);
  assertFound(await findingsOn(host), ["warning config.secret-exposed", "routes.oncall.token_file: ", "mode 0644"]);
});
