// The keys of a route that say how its requests reach the server, with certificates made by openssl.

import assert from "node:assert/strict";
import { type Config, parseConfig } from "../../src/config/config.ts";
import { services } from "../../src/services/registry.ts";
import { makeCertificates } from "../helpers/certificates.ts";
import { faultsIn } from "../helpers/config_faults.ts";

const { cert, key, others } = await makePairs();

const FILES: Readonly<Record<string, string>> = {
  headers: "CF-Access-Client-Id: id.access\r\n\r\nCF-Access-Client-Secret:\ts3cr3t-value \n",
  "no-colon.headers": "X-A: 1\ns3cr3t\n",
  "folded.headers": "X-A: 1\n continued: s3cr3t\n",
  "repeated.headers": "X-A: 1\nx-a: s3cr3t\n",
  "host.headers": "Host: s3cr3t\n",
  "empty.headers": "X-A:\n",
  "control.headers": "X-A: s3cr3t\x07\n",
  cert,
  key,
  // As some programs write it: both in one file, with text between.
  both: `Bag Attributes\n${key}\nsubject=CN\n${cert}`,
  chain: `${cert}\n${others.p256.cert}`,
  "damaged-chain": `${cert}\n-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n`,
  text: "s3cr3t",
  ...Object.fromEntries(
    Object.entries(others).flatMap(([name, pair]) => [[`${name}.cert`, pair.cert], [`${name}.key`, pair.key]]),
  ),
};

/** Key pairs of kinds that administrators have; the first is of an ordinary server. */
async function makePairs() {
  const { cert, key } = await makeCertificates("DNS:a.example");
  const directory = await Deno.makeTempDir({ prefix: "pairs-" });
  const script = `
    make() { name=$1; shift; openssl req -x509 -newkey "$@" -nodes -keyout $name.key -out $name.cert -days 2 -subj /CN=x; }
    make p256 ec -pkeyopt ec_paramgen_curve:prime256v1
    make p521 ec -pkeyopt ec_paramgen_curve:secp521r1
    make ed25519 ed25519
    make rsa2048 rsa:2048
    make rsa1024 rsa:1024
    make secp256k1 ec -pkeyopt ec_paramgen_curve:secp256k1
    make ed448 ed448
    make pss rsa-pss -pkeyopt rsa_keygen_bits:2048
    openssl rsa -in rsa2048.key -traditional -out pkcs1.key; cp rsa2048.cert pkcs1.cert
    (openssl ecparam -name prime256v1; openssl ec -in p256.key) >sec1.key; cp p256.cert sec1.cert
    openssl pkey -in p256.key -aes256 -passout pass:x -out encrypted.key; cp p256.cert encrypted.cert
    openssl rsa -in rsa2048.key -traditional -aes256 -passout pass:x -out legacy.key; cp rsa2048.cert legacy.cert
    openssl req -new -key p256.key -subj /CN=x -out request
    openssl x509 -req -in request -signkey p256.key -days 2 -out v1.cert; cp p256.key v1.key`;
  try {
    const { success, stderr } = await new Deno.Command("sh", { args: ["-ec", script], cwd: directory }).output();
    assert.ok(success, new TextDecoder().decode(stderr));
    const names = [...Deno.readDirSync(directory)].flatMap(({ name }) => /^(.*)\.cert$/.exec(name)?.[1] ?? []);
    const others = Object.fromEntries(names.map((name) => [name, {
      cert: Deno.readTextFileSync(`${directory}/${name}.cert`),
      key: Deno.readTextFileSync(`${directory}/${name}.key`),
    }]));
    const { p256, ...rest } = others;
    assert.ok(p256 !== undefined);
    return { cert, key, others: { p256, ...rest } };
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

function parsed(text: string): Config {
  return parseConfig(text, {
    hostName: () => "h",
    readBeside: (path) => {
      const text = FILES[path.replace("/etc/x/", "")];
      if (text === undefined) throw new Error("the file does not exist");
      return { text, ...(path.endsWith("/both") ? { openMode: "0644" } : {}) };
    },
  });
}

const ROUTE = `[routes.r]\nservice = "ntfy"\ntopic_url = "https://ntfy.internal/ssh-topic"\n`;

function connectionOf(lines: string) {
  return parsed(`${ROUTE}${lines}`).routes[0]?.connection;
}

Deno.test("parseConfig() reads headers from a table or a file, and treats every value and part of one as secret", () => {
  const table = `headers = { CF-Access-Client-Id = "id.access", "CF-Access-Client-Secret" = "s3cr3t-value" }`;
  for (const lines of [table, `headers_file = "/etc/x/headers"`]) {
    assert.deepEqual(connectionOf(lines), {
      headers: { "cf-access-client-id": "id.access", "cf-access-client-secret": "s3cr3t-value" },
    });
    const { secrets } = parsed(`${ROUTE}${lines}`);
    for (const secret of ["id.access", "s3cr3t-value"]) assert.ok(secrets.includes(secret));
  }
  const { secrets } = parsed(`${ROUTE}headers = { Authorization = "Bearer s3cr3t-value" }`);
  assert.ok(secrets.includes("s3cr3t-value") && !secrets.includes("Bearer"));
  // [notification] is a route like any other.
  const { routes } = parsed(
    `[notification]\nservice = "discord"\ndiscord.webhook_url = "https://discord.com/api/webhooks/1/x"
[notification.headers]\nX-A = "1"\n${ROUTE}`,
  );
  assert.deepEqual(routes.map(({ connection }) => connection), [{ headers: { "x-a": "1" } }, {}]);
});

Deno.test("parseConfig() reports each wrong header once, and shows neither its value nor a name that is not valid", () => {
  const r = "routes.r";
  const table: [lines: string, ...faults: string[]][] = [
    [`headers = "X-A: s3cr3t"`, `config.wrong-type ${r}.headers`],
    [`headers = ["X-A: s3cr3t"]`, `config.wrong-type ${r}.headers`],
    [`headers = { "X-A: s3cr3t" = "" }`, `config.wrong-value ${r}.headers`],
    [`headers = { "X-A\\r\\nX-B" = "s3cr3t" }`, `config.wrong-value ${r}.headers`],
    [`headers = { "" = "s3cr3t" }`, `config.wrong-value ${r}.headers`],
    [`headers = { X-A = "s3cr3t\\r\\nX-B: 1" }`, `config.wrong-value ${r}.headers.X-A`],
    [`headers = { X-A = "s3cr3t\\n" }`, `config.wrong-value ${r}.headers.X-A`],
    [`headers = { X-A = " s3cr3t" }`, `config.wrong-value ${r}.headers.X-A`],
    [`headers = { X-A = "s3cr3t\\u00e9" }`, `config.wrong-value ${r}.headers.X-A`],
    [`headers = { X-A = "" }`, `config.wrong-value ${r}.headers.X-A`],
    [`headers = { X-A = 5 }`, `config.wrong-type ${r}.headers.X-A`],
    [`headers = { X-A = ["s3cr3t"] }`, `config.wrong-type ${r}.headers.X-A`],
    [`headers = { X-A = "1", x-a = "s3cr3t" }`, `config.wrong-value ${r}.headers.x-a`],
    [`headers = { Host = "s3cr3t" }`, `config.wrong-value ${r}.headers.Host`],
    [`headers = { content-length = "5" }`, `config.wrong-value ${r}.headers.content-length`],
    [`headers = { Transfer-Encoding = "chunked" }`, `config.wrong-value ${r}.headers.Transfer-Encoding`],
    [`headers = { Proxy-Authorization = "s3cr3t" }`, `config.wrong-value ${r}.headers.Proxy-Authorization`],
    [`headers = { Content-Type = "text/plain" }`, `config.wrong-value ${r}.headers.Content-Type`],
    [
      `token = "tk_s3cr3t"\nheaders = { Authorization = "Basic s3cr3t" }`,
      `config.wrong-value ${r}.headers.Authorization`,
    ],
    [`headers = { X-A = "1" }\nheaders_file = "/etc/x/headers"`, `config.conflicting-keys ${r}.headers_file "headers"`],
    [`headers_file = "/etc/x/none"`, `config.file-unusable ${r}.headers_file`],
    [`headers_file = 5`, `config.wrong-type ${r}.headers_file`],
    [`headers_file = "/etc/x/no-colon.headers"`, `config.wrong-value ${r}.headers_file 2 "Name: value"`],
    [`headers_file = "/etc/x/folded.headers"`, `config.wrong-value ${r}.headers_file 2 "Name: value"`],
    [`headers_file = "/etc/x/repeated.headers"`, `config.wrong-value ${r}.headers_file 2`],
    [`headers_file = "/etc/x/host.headers"`, `config.wrong-value ${r}.headers_file 1`],
    [`headers_file = "/etc/x/empty.headers"`, `config.wrong-value ${r}.headers_file 1`],
    [`headers_file = "/etc/x/control.headers"`, `config.wrong-value ${r}.headers_file 1`],
    [
      `headers = { Host = "s3cr3t", X-A = "" }`,
      `config.wrong-value ${r}.headers.Host`,
      `config.wrong-value ${r}.headers.X-A`,
    ],
  ];
  for (const [lines, ...expected] of table) {
    assert.deepEqual(faultsIn(() => parsed(`${ROUTE}${lines}`)), expected, lines);
    assert.throws(() => parsed(`${ROUTE}${lines}`), (error) => !/s3cr3t|X-B/.test(String(error)), lines);
  }
  // Without a token, ntfy sets no Authorization.
  assert.ok(connectionOf(`headers = { Authorization = "Basic s3cr3t-value" }`)?.headers?.["authorization"]);
});

Deno.test("parseConfig() reports a header, a proxy or a failure URL that is still a placeholder", () => {
  const { placeholders } = parsed(`[notification]\nproxy = "socks5h://proxy.example:1080"
${ROUTE}headers = { X-A = "1", X-B = "YOUR_TOKEN" }\nproxy = "http://proxy.example.com:3128"
[heartbeat]\nurl = "https://kuma.internal/api/push/abc"\nfail_url = "https://kuma.internal/api/push/TOKEN?status=down"`);
  assert.deepEqual(placeholders, [
    "notification.proxy",
    "routes.r.headers.X-B",
    "routes.r.proxy",
    "heartbeat.fail_url",
  ]);
});

Deno.test("parseConfig() reads a client certificate and its key, of every kind that TLS supports here", () => {
  const files = (name: string) => `client_cert_file = "/etc/x/${name}.cert"\nclient_key_file = "/etc/x/${name}.key"`;
  for (const name of ["p256", "p521", "ed25519", "rsa2048", "pkcs1", "sec1"]) {
    const { clientCert = "", clientKey = "" } = connectionOf(files(name)) ?? {};
    Deno.createHttpClient({ cert: clientCert, key: clientKey }).close();
    assert.match(clientKey, /^-----BEGIN PRIVATE KEY-----\n/, name);
  }
  const both = `client_cert_file = "/etc/x/both"\nclient_key_file = "/etc/x/both"`;
  assert.deepEqual(
    connectionOf(both),
    connectionOf(`client_cert_file = "/etc/x/cert"\nclient_key_file = "/etc/x/key"`),
  );
  const { warnings, files: named } = parsed(`${ROUTE}${both}`);
  assert.deepEqual(warnings.map(({ id, place }) => [id, place]), [[
    "config.secret-exposed",
    "routes.r.client_key_file",
  ]]);
  assert.deepEqual(named, ["/etc/x/both"]);
  const chained = connectionOf(`client_cert_file = "/etc/x/chain"\nclient_key_file = "/etc/x/key"`);
  assert.equal(chained?.clientCert?.match(/BEGIN/g)?.length, 2);
});

Deno.test("parseConfig() reports a client certificate without its key, and each file that TLS could not use, once", () => {
  const [certFile, keyFile] = ["routes.r.client_cert_file", "routes.r.client_key_file"];
  const table: [cert: string | undefined, key: string | undefined, fault: string][] = [
    ["cert", undefined, `config.missing-key ${keyFile}`],
    [undefined, "key", `config.missing-key ${certFile}`],
    ["none", "key", `config.file-unusable ${certFile}`],
    ["cert", "none", `config.file-unusable ${keyFile}`],
    ["text", "key", `config.file-unusable ${certFile}`],
    ["key", "key", `config.file-unusable ${certFile}`],
    ["damaged-chain", "key", `config.file-unusable ${certFile}`],
    ["v1.cert", "v1.key", `config.file-unusable ${certFile} 1 3`],
    ["cert", "text", `config.file-unusable ${keyFile}`],
    ["cert", "cert", `config.file-unusable ${keyFile}`],
    ["cert", "p256.key", `config.file-unusable ${keyFile}`],
    ["cert", "rsa2048.key", `config.file-unusable ${keyFile}`],
    ["encrypted.cert", "encrypted.key", `config.file-unusable ${keyFile}`],
    ["legacy.cert", "legacy.key", `config.file-unusable ${keyFile}`],
    ...["rsa1024", "secp256k1", "ed448", "pss"].map((name): [string, string, string] => [
      `${name}.cert`,
      `${name}.key`,
      `config.file-unusable ${keyFile} 2048 8192`,
    ]),
  ];
  for (const [cert, key, fault] of table) {
    const lines = Object.entries({ client_cert_file: cert, client_key_file: key }).flatMap(([name, file]) =>
      file === undefined ? [] : `${name} = "/etc/x/${file}"`
    );
    assert.deepEqual(faultsIn(() => parsed(`${ROUTE}${lines.join("\n")}`)), [fault], `${cert} ${key}`);
  }
  assert.deepEqual(faultsIn(() => parsed(`${ROUTE}client_cert_file = 1\nclient_key_file = true`)), [
    `config.wrong-type ${certFile}`,
    `config.wrong-type ${keyFile}`,
  ]);
});

Deno.test("parseConfig() uses a route's proxy, or that of [notification], also for the heartbeat; or none", () => {
  const config = (all: string, own: string) =>
    parsed(`[notification]\n${all}\n${ROUTE}${own}\n[heartbeat]\nurl = "https://up.internal/x"\n`);
  const proxies = (all: string, own: string) => {
    const { routes, heartbeat } = config(all, own);
    return [routes[0]?.connection.proxyUrl, heartbeat?.connection.proxyUrl];
  };
  const all = `proxy = "http://u:s3cr%40t@all.internal:3128"`;
  const url = "http://u:s3cr%40t@all.internal:3128/";
  assert.deepEqual(proxies("", ""), [undefined, undefined]);
  assert.deepEqual(proxies(all, ""), [url, url]);
  assert.deepEqual(proxies(all, `proxy = "none"`), [undefined, url]);
  assert.deepEqual(proxies(all, `proxy = "socks5h://Localhost"`), ["socks5h://localhost:1080", url]);
  assert.deepEqual(proxies(`proxy = "none"`, `proxy = "socks5://[::1]:9050"`), ["socks5://[::1]:9050", undefined]);
  assert.deepEqual(proxies("", `proxy = "SOCKS5://10.0.0.1:80"`), ["socks5://10.0.0.1:80", undefined]);
  const { secrets } = config(all, `proxy = "socks5://u:0ther%25@own.internal:1080"`);
  for (const secret of ["s3cr%40t", "s3cr@t", "0ther%25", "0ther%"]) assert.ok(secrets.includes(secret), secret);
});

Deno.test("parseConfig() reports a wrong proxy without its password", () => {
  const values = ["proxy.internal:3128", "ftp://h", "socks4://h", "socks://h", "socks5:h", "socks5://", "socks5://a b"];
  const more = [
    "http://u:s3cr3t@h:x",
    "socks5://u:s3cr3t@h:99999",
    "socks5://u:%zzs3cr3t@h",
    "http://%zz:s3cr3t@h",
    "None",
  ];
  for (const value of [...values, ...more]) {
    const text = `${ROUTE}proxy = "${value}"`;
    const [fault = "", ...others] = faultsIn(() => parsed(text));
    assert.match(fault, /^config\.wrong-value routes\.r\.proxy/, value);
    assert.deepEqual(others, []);
    assert.throws(() => parsed(text), (error) => !/s3cr3t/.test(String(error)), value);
  }
  assert.deepEqual(faultsIn(() => parsed(`${ROUTE}proxy = 1080`)), ["config.wrong-type routes.r.proxy"]);
});

Deno.test("parseConfig() reports keys of HTTP requests on a service that makes none", () => {
  const lines = `headers = { X-A = "1" }\nclient_cert_file = "/etc/x/cert"\nclient_key_file = "/etc/x/key"\n`;
  const keys = ["headers", "client_cert_file", "client_key_file"];
  const faults = (place: string) => (key: string) => `config.conflicting-keys ${place}.${key} "stdout"`;
  assert.deepEqual(
    faultsIn(() => parsed(`[routes.out]\nservice = "stdout"\n${lines}proxy = "http://h:1"`)),
    [...keys, "proxy"].map(faults("routes.out")),
  );
  assert.deepEqual(
    faultsIn(() => parsed(`[notification]\nservice = "stdout"\nproxy = "http://h:1"\n${lines}`)),
    keys.map(faults("notification")),
  );
  // The proxy is for other routes.
  assert.deepEqual(parsed(`[notification]\nservice = "stdout"\nproxy = "http://h:1"`).routes[0]?.connection, {});
  assert.deepEqual(faultsIn(() => parsed(`[notification]\nheaders = { X-A = "1" }\nproxy = "http://h:1"\n${ROUTE}`)), [
    "config.conflicting-keys notification.headers",
  ]);
});

Deno.test("parseConfig() accepts headers for a service with several servers, but none that the service sets", () => {
  const route =
    `[routes.r]\nservice = "alertmanager"\ntoken = "t0ken"\nserver_urls = ["https://a.lan", "https://b.lan"]\n`;
  assert.deepEqual(parsed(`${route}headers = { X-A = "1" }`).routes[0]?.connection.headers, { "x-a": "1" });
  assert.equal(faultsIn(() => parsed(`${route}headers = { Authorization = "x" }`)).length, 1);
});

Deno.test("a change of the connection is a change of the route's settings", () => {
  const fingerprintOf = (lines: string) => parsed(`${ROUTE}${lines}`).routes[0]?.service.fingerprint ?? "";
  const ways = ["", `headers = { X-A = "1" }`, `headers = { X-A = "2" }`, `proxy = "socks5://h"`];
  assert.equal(new Set(ways.map(fingerprintOf)).size, ways.length);
  assert.equal(fingerprintOf(`headers = { X-A = "1" }`), fingerprintOf(`headers = { x-a = "1" }`));
  const registered = services.get("ntfy")?.configure({ topic_url: "https://ntfy.internal/ssh-topic" });
  assert.ok(registered !== undefined && "service" in registered);
  assert.equal(fingerprintOf(""), registered.service.fingerprint);
});
