// Routes behind a gateway, a proxy, or a server that requires a client certificate, with the real program.

import assert from "node:assert/strict";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { makeCertificates } from "../helpers/certificates.ts";
import { socksProxy } from "../helpers/debian_servers.ts";
import { Installation, LOGIN } from "../helpers/program.ts";
import { json, ntfyLike } from "../helpers/receivers.ts";

/** A short run, because `send` waits for the next attempt. */
/** For runs that fail, and would try again for a minute. */
const SHORT = "[notification]\nrun_deadline_seconds = 10\n";

/** For runs that succeed, also on a busy machine. */
const PATIENT = "[notification]\nrequest_timeout_seconds = 60\n";

function route(name: string, topicUrl: string, more = ""): string {
  return `[routes.${name}]\nservice = "ntfy"\ntopic_url = "${topicUrl}"\n${more}\n`;
}

Deno.test("send passes a gateway with headers of a table or a file, shows none of them, and tries a corrected one at once", async () => {
  await using installation = await Installation.create();
  await using ntfy = ntfyLike();
  ntfy.intercept = ({ headers }) => {
    const id = headers.get("cf-access-client-id");
    if (id === "id.access" && headers.get("cf-access-client-secret") === "s3cr3t-key") return undefined;
    return json(403, { error: `no access for ${JSON.stringify([...headers])}` });
  };
  const wrong = `headers = { CF-Access-Client-Id = "id.access", CF-Access-Client-Secret = "s3cr3t-old" }`;
  await installation.writeConfig(SHORT + route("a", ntfy.topicUrl, wrong));
  await installation.queue(LOGIN);
  const refused = await installation.send("--verbose");
  assert.equal(refused.code, 78);
  assert.match(refused.stderr, /route "a" is broken: HTTP 403: no access for .*cf-access-client-secret.*\[secret\]/);
  const { stdout: tested } = await installation.test();
  assert.match(tested, /^fault .*HTTP 403/);

  const file = `${installation.directory}/etc/gateway.headers`;
  await Deno.writeTextFile(file, "CF-Access-Client-Id: id.access\nCF-Access-Client-Secret: s3cr3t-key\n", {
    mode: 0o640,
  });
  await installation.writeConfig(PATIENT + route("a", ntfy.topicUrl, `headers_file = "${file}"`));
  const sent = await installation.send("--verbose");
  assert.deepEqual([sent.code, ntfy.accepted.length], [0, 1], sent.stderr);
  const shown = await Promise.all([
    installation.status(),
    installation.history(),
    installation.explain("--user", "alice"),
  ]);
  assert.doesNotMatch(JSON.stringify([refused, tested, sent, shown]), /s3cr3t|id\.access/);
});

Deno.test("send uses a route's own proxy for that route only, and says if the proxy wants a password", async () => {
  await using installation = await Installation.create();
  await using ntfy = ntfyLike();
  await using socks = await socksProxy();
  await using guarded = await socksProxy({ password: "s3cr3t-word" });
  const ports = () => socks.log().match(/connected to 127\.0\.0\.1:\d+/g) ?? [];
  const own = `proxy = "socks5h://127.0.0.1:${socks.port}"`;
  await installation.writeConfig(PATIENT + route("direct", ntfy.topicUrl) + route("own", ntfy.topicUrl, own));
  await installation.queue(LOGIN);
  const sent = await installation.send();
  assert.equal(sent.code, 0, sent.stderr);
  assert.deepEqual([ntfy.accepted.length, ports()], [2, [`connected to 127.0.0.1:${ntfy.port}`]]);

  const wrong = `proxy = "socks5h://alice:s3cr3t-wrong@127.0.0.1:${guarded.port}"`;
  await installation.writeConfig(SHORT + route("direct", ntfy.topicUrl) + route("own", ntfy.topicUrl, wrong));
  await installation.queue(LOGIN);
  const refused = await installation.send();
  assert.equal(refused.code, 78);
  assert.match(refused.stderr, /^error: route "own" is broken: the SOCKS proxy asks for a user name and a password/m);
  const { stdout } = await installation.test();
  assert.match(stdout, /^fault .*route "own".*the SOCKS proxy.*; hint: set user and password in "proxy"/m);
  assert.doesNotMatch(`${refused.stderr}${stdout}`, /s3cr3t/);

  const all = `${PATIENT}proxy = "socks5h://alice:s3cr3t-word@127.0.0.1:${guarded.port}"\n`;
  await installation.writeConfig(all + route("direct", ntfy.topicUrl, `proxy = "none"`) + route("own", ntfy.topicUrl));
  const fixed = await installation.send();
  assert.equal(fixed.code, 0, fixed.stderr);
  assert.deepEqual(guarded.log().match(/connected to/g)?.length, 1);
});

Deno.test("send presents a route's client certificate, and keeps the event if the server wants another", async () => {
  await using installation = await Installation.create();
  const { ca, cert, key } = await makeCertificates("IP:127.0.0.1");
  const names: unknown[] = [];
  const server = createServer({ ca, cert, key, requestCert: true, rejectUnauthorized: true }, (request, response) => {
    const { socket } = request as unknown as { socket: { getPeerCertificate(): { subject: { CN: string } } } };
    names.push(socket.getPeerCertificate().subject.CN);
    request.resume().on("end", () => response.end(JSON.stringify({ id: "x" })));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
  const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}/some-topic`;
  const file = (name: string, text: string, mode = 0o640) => {
    Deno.writeTextFileSync(`${installation.directory}/etc/${name}`, text, { mode });
    return `"${installation.directory}/etc/${name}"`;
  };
  const trust = `ca_file = ${file("ca.pem", ca)}\n`;
  await installation.writeConfig(SHORT + route("a", url, trust));
  await installation.queue(LOGIN);
  const without = await installation.send();
  assert.equal(without.code, 75);
  // Under load, the server may end the connection before its reason arrives, which tests/transport/connection.test.ts covers.
  assert.match(without.stderr, /CertificateRequired \(.*set client_cert_file|close_notify|reset by peer|broken pipe/i);

  const files = `client_cert_file = ${file("a.pem", cert)}\nclient_key_file = ${file("a.key", key)}\n`;
  await installation.writeConfig(PATIENT + route("a", url, trust + files));
  assert.match((await installation.test()).stdout, /^pass /);
  const sent = await installation.send();
  assert.equal(sent.code, 0, sent.stderr);
  assert.deepEqual(names, ["test", "test"]);

  // A key of another certificate would end the process in older versions of Deno.
  file("a.key", (await makeCertificates("IP:127.0.0.1")).key);
  const wrong = await installation.send();
  assert.equal(wrong.code, 78);
  assert.match(
    wrong.stderr,
    /: routes\.a\.client_key_file: the private key does not belong to .*\[config\.file-unusable\]/,
  );
  await new Promise((resolve) => server.close(resolve));
});
