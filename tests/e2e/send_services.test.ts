// How `send` handles services and proxies on a hostile network, and what it logs.

import assert from "node:assert/strict";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { makeCertificates } from "../helpers/certificates.ts";
import { socksProxy } from "../helpers/debian_servers.ts";
import { configFor, endToEnd, queue, send, sendUntilItSays, shell } from "../helpers/end_to_end.ts";
import { discordLike, json, ntfyLike, Receiver } from "../helpers/receivers.ts";
import { silentAt } from "../helpers/silent.ts";

const STATE = "/var/lib/ssh-session-notifier";
const BINARY = "/usr/sbin/ssh-session-notifier";

endToEnd(
  "a redirect is not followed, its target gets no request, and the route counts as broken",
  async (host) => {
    await using elsewhere = new Receiver(() => json(200, { id: "stolen" }));
    await using discord = discordLike();
    discord.intercept = () => Response.redirect(`${elsewhere.origin}/`, 307);
    await host.writeConfig(configFor("discord", `webhook_url = "${discord.webhookUrl}"`));
    assert.equal((await queue(host)).code, 0);
    const { code, stderr } = await sendUntilItSays(host);
    assert.equal(code, 78);
    const [, waitS] =
      /^error: route "default" is broken: HTTP 307; correct its settings; next attempt in (\d+) s$/m.exec(
        stderr,
      ) ??
        [];
    assert.ok(waitS !== undefined, stderr);
    assert.equal(elsewhere.received.length, 0);
    // Because of full jitter, the next attempt may be due before the run ends.
    if (Number(waitS) > 1) assert.equal(discord.received.length, 1);
  },
);

endToEnd("proxies in the environment are ignored, and the configured one is used", async (host) => {
  await using proxy = new Receiver(() => json(200, { id: "by proxy" }));
  await using ntfy = ntfyLike();
  const options = `topic_url = "${ntfy.topicUrl}"`;
  await host.writeConfig(configFor("ntfy", options));
  assert.equal((await queue(host)).code, 0);
  const variables = ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"].map((name) => [name, proxy.origin]);
  const finished = await host.run([BINARY, "send"], {
    user: "ssh-session-notifier",
    env: Object.fromEntries(variables),
    clearEnv: true,
  });
  assert.equal(finished.code, 0, finished.stderr);
  assert.deepEqual([ntfy.accepted.length, proxy.received.length], [1, 0]);

  await host.writeConfig(
    configFor("ntfy", options).replace(`service = "ntfy"`, `service = "ntfy"\nproxy = "${proxy.origin}"`),
  );
  assert.equal((await queue(host)).code, 0);
  assert.equal((await send(host)).code, 0);
  assert.deepEqual([ntfy.accepted.length, proxy.accepted.length], [1, 1]);
});

endToEnd("a route presents its client certificate and its headers, through its own SOCKS proxy", async (host) => {
  const { ca, cert, key } = await makeCertificates("IP:127.0.0.1");
  const gateway: unknown[] = [];
  const server = createServer({ ca, cert, key, requestCert: true, rejectUnauthorized: true }, (request, response) => {
    gateway.push(request.headers["x-gateway"]);
    request.resume().on("end", () => response.end(JSON.stringify({ id: "x" })));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
  const { port } = server.address() as AddressInfo;
  await using socks = await socksProxy();
  const etc = "/etc/ssh-session-notifier";
  for (const [name, text] of Object.entries({ "ca.pem": ca, "own.pem": cert, "own.key": key })) {
    await shell(host, `umask 027; echo '${text}' >${etc}/${name}; chgrp ssh-session-notifier ${etc}/${name}`);
  }
  await host.writeConfig(`[routes.own]
service = "ntfy"
topic_url = "https://127.0.0.1:${port}/own-topic"
ca_file = "${etc}/ca.pem"
client_cert_file = "${etc}/own.pem"
client_key_file = "${etc}/own.key"
headers = { X-Gateway = "s3cr3t-header" }
proxy = "socks5://127.0.0.1:${socks.port}"
`);
  assert.equal((await queue(host)).code, 0);
  const sent = await send(host, "--verbose");
  assert.equal(sent.code, 0, sent.stderr);
  assert.deepEqual(gateway, ["s3cr3t-header"]);
  assert.match(socks.log(), new RegExp(`connected to 127\\.0\\.0\\.1:${port}`));
  const checked = await host.run([BINARY, "check"]);
  assert.match(checked.stdout, /config\.valid/);
  assert.doesNotMatch(JSON.stringify([sent, checked]), /s3cr3t|PRIVATE KEY/);
  await new Promise((resolve) => server.close(resolve));
});

endToEnd("a request to a hanging service times out, even in the middle of its response", async (host) => {
  await using discord = discordLike();
  const hanging: (() => Response | Promise<Response>)[] = [
    () => new Promise(() => {}),
    () => new Response(new ReadableStream({ start: (stream) => stream.enqueue(new TextEncoder().encode(`{"id": "`)) })),
  ];
  const config = configFor("discord", `webhook_url = "${discord.webhookUrl}"`);
  await host.writeConfig(config.replace(`service = "discord"`, `service = "discord"\nrequest_timeout_seconds = 1`));
  for (const hang of hanging) {
    discord.intercept = hang;
    assert.equal((await queue(host)).code, 0);
    const { code, stderr } = await sendUntilItSays(host);
    assert.equal(code, 75);
    assert.match(stderr, /no answer in 1 s; next attempt/);
    // As on a new host: the lock file says that a store existed.
    await shell(host, `rm ${STATE}/send/deliveries.db* ${STATE}/send/send.lock`);
  }
});

endToEnd("only the start of an endless response is read", async (host) => {
  await using discord = discordLike();
  const chunk = new Uint8Array(64 * 1024).fill(0x20);
  let sent = 0;
  discord.intercept = () =>
    new Response(
      new ReadableStream({
        pull: (stream) => {
          sent += chunk.length;
          stream.enqueue(chunk);
        },
      }),
      { status: 404 },
    );
  await host.writeConfig(configFor("discord", `webhook_url = "${discord.webhookUrl}"`));
  assert.equal((await queue(host)).code, 0);
  const { code, stderr } = await sendUntilItSays(host);
  assert.equal(code, 78);
  assert.match(stderr, /is broken: HTTP 404/);
  assert.ok(sent < 64 * 1024 * 1024, `${sent} bytes were asked for`);
});

endToEnd("no secret is shown, whatever the response", async (host) => {
  await using discord = discordLike();
  discord.intercept = (request) => json(400, { message: `bad \u001b[31m\n ${request.url} webhook-secret-token` });
  await host.writeConfig(configFor("discord", `webhook_url = "${discord.webhookUrl}"`));
  assert.equal((await queue(host)).code, 0);
  const { code, stdout, stderr } = await sendUntilItSays(host);
  assert.equal(code, 78);
  assert.match(stderr, /^warning: the service refuses event .*: HTTP 400: bad /m);
  assert.doesNotMatch(`${stdout}${stderr}`, /webhook-secret-token/);
  assert.ok(!stderr.includes("\u001b"));
  const stored = await shell(host, `sqlite3 ${STATE}/send/deliveries.db 'SELECT state, last_error FROM delivery'`);
  assert.match(stored, /^pending\|/);
  assert.doesNotMatch(stored, /webhook-secret-token/);
});

endToEnd("a sender name that Discord refuses loses no notification: the plain form omits it", async (host) => {
  await using discord = discordLike();
  discord.intercept = (_request, text) =>
    text.includes('"username"')
      ? json(400, { message: "Invalid Form Body", code: 50035, errors: { username: {} } })
      : undefined;
  await host.writeConfig(configFor("discord", `webhook_url = "${discord.webhookUrl}"`));
  assert.equal((await queue(host)).code, 0);
  assert.equal((await send(host)).code, 0);
  assert.deepEqual(discord.received.map(({ status, body }) => [status, body["username"]]), [[400, "example.com"], [
    200,
    undefined,
  ]]);
});

endToEnd("non-ASCII text arrives intact, without invisible characters", async (host) => {
  await using discord = discordLike();
  const config = configFor("discord", `webhook_url = "${discord.webhookUrl}"`).replace("example.com", "büro-東京 🗼");
  await host.writeConfig(config);
  const user = "zoë\u202Eevil\u001B[31m\n@everyone <@1> **b** https://evil.example";
  assert.equal((await queue(host, { env: { PAM_USER: user } })).code, 0);
  assert.equal((await send(host)).code, 0);
  const content = String(discord.accepted[0]?.body["content"]);
  assert.ok(
    content.startsWith(
      "'zoë\uFFFDevil\uFFFD\\[31m\uFFFD\\@everyone \\<\\@1\\> \\*\\*b\\*\\* https：／／evil.example' ",
    ),
    content,
  );
  assert.ok(content.includes("logged in to büro-東京 🗼 via ssh"), content);
  assert.deepEqual(discord.accepted[0]?.body["allowed_mentions"], { parse: [] });
});

endToEnd("an event reaches a service even if only the second address of its name responds", async (host) => {
  await using ntfy = ntfyLike();
  using _silent = await silentAt(ntfy.port);
  await shell(host, "printf '127.0.0.2 two.example\\n127.0.0.1 two.example\\n' >>/etc/hosts");
  await host.writeConfig(configFor("ntfy", `topic_url = "${ntfy.topicUrl.replace("127.0.0.1", "two.example")}"`));
  assert.equal((await queue(host)).code, 0);
  assert.deepEqual([(await send(host)).code, ntfy.accepted.length, ntfy.received.length], [0, 1, 1]);
  assert.equal(ntfy.received[0]?.headers.get("host"), `two.example:${ntfy.port}`);
});
