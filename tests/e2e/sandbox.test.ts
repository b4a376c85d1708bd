// What a command cannot do in its sandbox, whatever code runs in it: compiled, as root, on a real host.

import assert from "node:assert/strict";
import { compiled } from "../../.ci/compile.ts";
import { endToEnd } from "../helpers/end_to_end.ts";
import type { TestHost } from "../helpers/host.ts";
import { ntfyLike } from "../helpers/receivers.ts";

const STATE = "/var/lib/ssh-session-notifier";

/** The result of each attempt that the probe makes as root in the sandbox of a command. */
async function probe(host: TestHost, command: string, attempts: readonly string[]): Promise<Record<string, string>> {
  const binary = "/run/sandbox_probe";
  await Deno.copyFile(await compiled("tests/helpers/sandbox_probe.ts"), host.path(binary));
  const { code, stdout, stderr } = await host.run([binary, command, ...attempts]);
  assert.equal(code, 0, stderr);
  return JSON.parse(stdout);
}

/** The result if everything is refused. */
function allRefused(attempts: readonly string[]): Record<string, string> {
  return Object.fromEntries(attempts.map((attempt) => [attempt, "NotCapable"]));
}

const NEVER = [
  "run:/bin/true",
  "run:/usr/bin/env",
  "ffi:libc.so.6",
  "sys:",
  "read:/etc/shadow",
  "write:/etc/cron.d/probe",
  "write:/tmp/probe",
  "read:/proc/self/environ",
];

endToEnd("queue cannot use the network or write outside of queue/", async (host) => {
  await using receiver = ntfyLike();
  const refused = [
    ...NEVER,
    "run:/usr/sbin/ssh-session-notifier",
    `connect:127.0.0.1:${receiver.port}`,
    `fetch:${receiver.origin}/`,
    "listen:127.0.0.1:0",
    "resolve:localhost",
    "unix:/run/probe.sock",
    `worker:127.0.0.1:${receiver.port}`,
    "grant:net",
    "read:/etc/ssh-session-notifier/config.toml",
    `write:${STATE}/probe`,
    `write:${STATE}/send/deliveries.db`,
    `write:${STATE}/queue_beside`,
    `write:${STATE}/queue/../send/probe`,
    `list:${STATE}/send`,
    `link:${STATE}/queue/link`,
  ];
  const expected = {
    [`write:${STATE}/queue/probe`]: "allowed",
    // A compiled program loads only its own modules.
    [`import:${receiver.origin}/module.ts`]: "TypeError",
  };
  const results = await probe(host, "queue", [...refused, ...Object.keys(expected)]);
  assert.deepEqual(results, { ...allRefused(refused), ...expected });
  assert.equal(receiver.received.length, 0);
});

endToEnd("repair cannot use the network, or read or write outside of queue/", async (host) => {
  await using receiver = ntfyLike();
  const refused = [
    ...NEVER,
    `connect:127.0.0.1:${receiver.port}`,
    `fetch:${receiver.origin}/`,
    "resolve:localhost",
    "unix:/run/probe.sock",
    `worker:127.0.0.1:${receiver.port}`,
    "grant:net",
    "read:/etc/ssh-session-notifier/config.toml",
    `write:${STATE}/probe`,
    `write:${STATE}/send/deliveries.db`,
    `list:${STATE}/send`,
  ];
  const results = await probe(host, "repair", [...refused, `write:${STATE}/queue/probe`]);
  assert.deepEqual(results, { ...allRefused(refused), [`write:${STATE}/queue/probe`]: "allowed" });
});

endToEnd(
  "send cannot write to queue/, and once its Worker runs, it reaches only configured hosts",
  async (host) => {
    await using configured = ntfyLike();
    await using other = ntfyLike();
    configured.intercept = (request) =>
      new URL(request.url).pathname === "/elsewhere" ? Response.redirect(`${other.origin}/`, 307) : undefined;
    const allowed = { [`transport:127.0.0.1:${configured.port}`]: "allowed", [`write:${STATE}/send/probe`]: "allowed" };
    const expected = {
      [`request:${configured.origin}/`]: "status 400",
      // A redirect is returned as a response, not followed.
      [`request:${configured.origin}/elsewhere`]: "status 307",
      [`request:${other.origin}/`]: "refused",
      [`request:http://localhost:${configured.port}/`]: "refused",
      "request:file:///etc/passwd": "network",
    };
    const refused = [
      ...NEVER,
      `write:${STATE}/queue/probe`,
      `write:${STATE}/queue/db/session_events.db`,
      `remove:${STATE}/queue/spool`,
      `link:${STATE}/queue/link`,
      "write:/etc/ssh-session-notifier/config.toml",
      // The main isolate has no network access, not even to the configured host.
      `connect:127.0.0.1:${configured.port}`,
      `fetch:${configured.origin}/`,
      `connect:127.0.0.1:${other.port}`,
      "listen:127.0.0.1:0",
      "resolve:localhost",
      `worker:127.0.0.1:${other.port}`,
      "grant:net",
    ];
    const attempts = [...Object.keys(allowed), ...Object.keys(expected), ...refused];
    assert.deepEqual(await probe(host, "send", attempts), { ...allowed, ...expected, ...allRefused(refused) });
    assert.equal(other.received.length, 0);
  },
);

endToEnd("help has no permissions", async (host) => {
  await using receiver = ntfyLike();
  const refused = [
    ...NEVER,
    `write:${STATE}/queue/probe`,
    `write:${STATE}/send/probe`,
    "read:/etc/ssh-session-notifier/config.toml",
    `fetch:${receiver.origin}/`,
  ];
  assert.deepEqual(await probe(host, "help", refused), allRefused(refused));
});

endToEnd("check cannot use the network; check and test write only to send/", async (host) => {
  await using receiver = ntfyLike();
  const refused = [
    ...NEVER,
    `write:${STATE}/queue/probe`,
    "write:/etc/ssh-session-notifier/config.toml",
    "write:/etc/pam.d/sshd",
    "read:/etc/ssh/ssh_host_ed25519_key",
    "read:/etc/sudoers",
  ];
  const network = [`fetch:${receiver.origin}/`, `connect:127.0.0.1:${receiver.port}`, "grant:net"];
  const expected = { "read:/etc/pam.d/sshd": "allowed", [`write:${STATE}/send/probe`]: "allowed" };
  const results = await probe(host, "check", [...refused, ...network, ...Object.keys(expected)]);
  assert.deepEqual(results, { ...allRefused([...refused, ...network]), ...expected });

  // It may run a tool of SELinux, which this host does not have, and only before it reads what other users wrote.
  const tool = "run:/usr/sbin/getenforce";
  assert.deepEqual(await probe(host, "check", [tool]), { [tool]: "NotFound" });
  assert.deepEqual(await probe(host, "check", ["become:check", tool]), {
    "become:check": "allowed",
    [tool]: "NotCapable",
  });
  assert.deepEqual(await probe(host, "status", [tool]), { [tool]: "NotCapable" });

  const ofTest = [...refused, "read:/etc/pam.d/sshd"];
  const writes = `write:${STATE}/send/probe`;
  assert.deepEqual(await probe(host, "test", [...ofTest, writes]), { ...allRefused(ofTest), [writes]: "allowed" });
  assert.equal(receiver.received.length, 0);
});
