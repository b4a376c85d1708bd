import assert from "node:assert/strict";
import fc from "npm:fast-check@4.10.2";
import { contains, parseAddress } from "../../src/session/address.ts";
import { type Config, parseConfig } from "../../src/config/config.ts";
import { ConfigError } from "../../src/config/config_error.ts";
import { faultsIn } from "../helpers/config_faults.ts";
import { localTime } from "../../src/send/render.ts";

const DAY_MS = 24 * 60 * 60 * 1000;

/** The shortest configuration that works. */
const SHORTEST = `[notification]\nservice = "stdout"\n`;

const GO_EXAMPLE = `[host]
timezone = "Pacific/Auckland"
name = "example.com"
[notification]
service = "discord"
[notification.discord]
webhook_url = "https://discord.com/api/webhooks/xyz"
[allowlist]
ips = ["10.0.0.2", "10.0.0.3"]
`;

/** The error that parsing a text throws. */
function errorOf(text: string): ConfigError {
  try {
    parsed(text);
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error));
    return error;
  }
  return assert.fail(`accepted: ${text}`);
}

function parsed(text: string): Config {
  return parseConfig(text, { hostName: () => "this-machine" });
}

/** The faults, one per line: see {@link faultsIn}. */
function faultsOf(text: string): string[] {
  return faultsIn(() => parsed(text));
}

Deno.test("parseConfig() reads the example of the Go program unchanged", () => {
  const { host, routes, allowlist, ...rest } = parsed(GO_EXAMPLE);
  assert.deepEqual(host, { timezone: "Pacific/Auckland", name: "example.com", keyNames: new Map() });
  assert.deepEqual(routes.map(({ name, service }) => [name, service.name]), [["default", "discord"]]);
  assert.deepEqual(routes[0]?.service.endpoints, ["discord.com:443"]);
  assert.deepEqual(
    ["10.0.0.2", "10.0.0.3", "10.0.0.4"].map((text) => {
      const address = parseAddress(text);
      const networks = allowlist.flatMap(({ networks = [] }) => networks);
      return address !== undefined && networks.some((network) => contains(network, address));
    }),
    [true, true, false],
  );
  assert.ok(rest.secrets.includes("https://discord.com/api/webhooks/xyz"));
});

Deno.test("parseConfig() has a default for every key except the service", () => {
  const { routes, ...rest } = parsed(SHORTEST);
  assert.deepEqual(rest, {
    host: { timezone: "Etc/UTC", name: "this-machine", keyNames: new Map() },
    giveUpAfterMs: 7 * DAY_MS,
    requestTimeoutMs: 10_000,
    runDeadlineMs: 600_000,
    allowlist: [],
    services: new Map(),
    learningMs: 7 * DAY_MS,
    placeDatabases: [],
    placeSize: "address",
    retentionDays: 365,
    secrets: [],
    warnings: [],
    placeholders: [],
    files: [],
  });
  assert.deepEqual(routes.map(({ name, service }) => [name, service.name]), [["default", "stdout"]]);
});

Deno.test("parseConfig() reads every option", () => {
  const config = parsed(`[host]
name = "ssh on %H"
[notification]
service = "ntfy"
give_up_after_days = 1.5
request_timeout_seconds = 3
run_deadline_seconds = 60
proxy = "http://user:p%40ss@proxy.example:3128"
[notification.ntfy]
topic_url = "https://ntfy.example/ssh-topic"
token = "tk_1234567"
[notification.discord]
webhook_url = "https://discord.com/api/webhooks/1/unused"
`);
  assert.equal(config.host.name, "ssh on this-machine");
  assert.equal(config.giveUpAfterMs, 1.5 * DAY_MS);
  assert.equal(config.requestTimeoutMs, 3_000);
  assert.equal(config.runDeadlineMs, 60_000);
  assert.equal(config.routes[0]?.connection.proxyUrl, "http://user:p%40ss@proxy.example:3128/");
  for (const secret of ["tk_1234567", "ssh-topic", "p%40ss", "p@ss"]) {
    assert.ok(config.secrets.includes(secret), secret);
  }
});

Deno.test("parseConfig() asks for the host name only if the configuration has %H", () => {
  const hostName = () => assert.fail("asked");
  assert.equal(parseConfig(`[host]\nname = "x"\n${SHORTEST}`, { hostName }).host.name, "x");
});

Deno.test("parseConfig() inserts the host name literally, not as a replacement pattern", () => {
  assert.equal(parseConfig(SHORTEST, { hostName: () => "$&-$1" }).host.name, "$&-$1");
});

Deno.test("parseConfig() reports all faults at once, each with its key path", () => {
  const faults = faultsOf(`colour = "red"
[host]
timezone = "Pacific/Aukland"
name = ""
[notification]
service = "ntfy"
give_up_after_days = 0
request_timeout_seconds = "10"
[notification.ntfy]
topic_url = "https://ntfy.sh/a topic"
tokn = "x"
[allowlist]
ips = ["10.0.0.2", "10.1", 5]
`);
  assert.deepEqual(faults.map((fault) => fault.split(" ")[1]).sort(), [
    "allowlist.ips.1",
    "allowlist.ips.2",
    "colour",
    "host.name",
    "host.timezone",
    "notification.give_up_after_days",
    "notification.ntfy.tokn",
    "notification.ntfy.topic_url",
    "notification.request_timeout_seconds",
  ]);
});

Deno.test("parseConfig() reports values of the wrong type or range", async (t) => {
  const table: [text: string, faults: (string | RegExp)[]][] = [
    ["", ["config.missing-key notification"]],
    ["[notification]", ["config.missing-key notification.service"]],
    [`[notification]\nservice = "discord"`, ["config.missing-key notification.discord.webhook_url"]],
    [`host = 3\n${SHORTEST}`, ["config.wrong-type host"]],
    [`host = []\n${SHORTEST}`, ["config.wrong-type host"]],
    [`host = 2026-01-01\n${SHORTEST}`, ["config.wrong-type host"]],
    [`notification = "discord"`, ["config.wrong-type notification"]],
    [`${SHORTEST}[host]\nname = 5`, ["config.wrong-type host.name"]],
    [`${SHORTEST}[host]\nname = "a\\nb"`, ["config.wrong-value host.name"]],
    [`${SHORTEST}[host]\nname = "${"a".repeat(254)}"`, ["config.wrong-value host.name 253"]],
    [`${SHORTEST}[host]\ntimezone = "Mars/Olympus"`, [/^config\.wrong-value host\.timezone.* "Mars\/Olympus"/]],
    [`${SHORTEST}[host]\ntimezone = ""`, [/^config\.wrong-value host\.timezone.* ""/]],
    [`${SHORTEST}give_up_after_days = nan`, ["config.wrong-type notification.give_up_after_days"]],
    [`${SHORTEST}give_up_after_days = inf`, ["config.wrong-value notification.give_up_after_days 1 365"]],
    [`${SHORTEST}run_deadline_seconds = -1`, ["config.wrong-value notification.run_deadline_seconds 10 86400"]],
    [`${SHORTEST}request_timeout_seconds = true`, ["config.wrong-type notification.request_timeout_seconds"]],
    [`${SHORTEST}proxy = "proxy.example"`, [/^config\.wrong-value notification\.proxy(?: |$)/]],
    [`${SHORTEST}proxy = "socks4://proxy.example"`, [/^config\.wrong-value notification\.proxy(?: |$)/]],
    [`${SHORTEST}discord = "x"`, ["config.wrong-type notification.discord"]],
    [`${SHORTEST}[allowlist]\nips = "10.0.0.2"`, ["config.wrong-type allowlist.ips"]],
    [`${SHORTEST}[allowlist]\nips = ["10.0.0.2", "10.0.0.1/8"]`, [
      'config.wrong-value allowlist.ips.1 "10.0.0.1/8" "10.0.0.0/8"',
    ]],
    [`[notification]\nservice = "discord"\ndiscord = "x"`, ["config.wrong-type notification.discord"]],
    [`[notification]\nservice = 5`, [
      /^config\.wrong-value notification\.service(?: |$)/,
    ]],
  ];
  for (const [text, expected] of table) {
    await t.step(JSON.stringify(text.slice(0, 80)), () => {
      const faults = faultsOf(text);
      assert.equal(faults.length, expected.length, faults.join("\n"));
      for (const [index, fault] of faults.entries()) {
        const wanted = expected[index] ?? "";
        if (typeof wanted === "string") assert.equal(fault, wanted);
        else assert.match(fault, wanted);
      }
    });
  }
});

Deno.test("parseConfig() reports a service name that is not a string", () => {
  for (const value of ["{}", "{ toString = 1 }", "[]", "[{}]", "2026-01-01", "[[[]]]"]) {
    assert.match(
      faultsOf(`[notification]\nservice = ${value}`).join(),
      /^config\.wrong-value notification\.service(?: |$)/,
      value,
    );
  }
});

Deno.test("parseConfig() rejects a proxy whose password is not percent-encoded correctly", () => {
  assert.match(
    faultsOf(`${SHORTEST}proxy = "http://user:%zz@proxy.example:3128"`).join(),
    /^config\.wrong-value notification\.proxy(?: |$)/,
  );
});

Deno.test("parseConfig() suggests the closest key, section or service", () => {
  const table: [text: string, fault: string][] = [
    [`[hosts]\nname = "x"\n${SHORTEST}`, 'config.unknown-key hosts "host"'],
    [`${SHORTEST}[host]\ntimezon = "x"`, 'config.unknown-key host.timezon "timezone"'],
    [`${SHORTEST}[host]\nxyzzy = 1`, "config.unknown-key host.xyzzy"],
    [
      `${SHORTEST}[allowlist]\nip = ["10.0.0.2"]`,
      'config.unknown-key allowlist.ip "ips"',
    ],
    [
      `${SHORTEST}[notification.discrod]\nx = 1`,
      'config.unknown-key notification.discrod "discord"',
    ],
    [
      `[notification]\nservice = "dicsord"`,
      'config.wrong-value notification.service "discord"',
    ],
    [
      `[notification]\nservice = "discord"\n[notification.discord]\nwebhok_url = "https://discord.com/api/webhooks/1/x"`,
      'config.unknown-key notification.discord.webhok_url "webhook_url"',
    ],
  ];
  for (const [text, expected] of table) assert.ok(faultsOf(text).includes(expected), `${faultsOf(text)}`);
  // All keys are listed if none is close, and also for a short word, which is close to any other.
  for (const key of ["xyzzy", "no"]) {
    assert.match(errorOf(`${SHORTEST}[host]\n${key} = 1`).message, / timezone, name$/);
  }
  // The message itself lists all services.
  assert.match(errorOf('[notification]\nservice = "xyzzy"').message, /: must be one of [a-z, ]+$/);
});

Deno.test("parseConfig() reports every unknown key of a table", () => {
  assert.deepEqual(faultsOf(`${SHORTEST}[host]\nnaem = "x"\nname = "x"\ntimezon = "x"\n[routes.a]\nclient_cert = 1`), [
    'config.unknown-key host.naem "name"',
    'config.unknown-key host.timezon "timezone"',
    "config.missing-key routes.a.service",
  ]);
  const route = '[routes.a]\nservice = "webhook"\nurl = "https://x.test"\nclient_cert = "x"\nsecrets = "x"';
  assert.deepEqual(faultsOf(`${SHORTEST}${route}`), [
    'config.unknown-key routes.a.client_cert "client_cert_file"',
    'config.unknown-key routes.a.secrets "secret"',
  ]);
});

Deno.test("parseConfig() rejects keys that are properties of every JavaScript object", () => {
  for (const key of ["toString", "constructor", "__proto__", "hasOwnProperty"]) {
    for (const section of ["", "[host]\n", "[allowlist]\n"]) {
      const text = section === "" ? `${key} = 1\n${SHORTEST}` : `${SHORTEST}${section}${key} = 1`;
      assert.ok(faultsOf(text).some((fault) => fault.split(" ", 1)[0] === "config.unknown-key"), text);
    }
  }
});

Deno.test("parseConfig() reports line and column of a syntax error without quoting the line", () => {
  const [fault, ...more] = errorOf(`[notification]\nservice = "discord" password = "s3cr3t"\n`).faults;
  assert.deepEqual([fault?.id, more], ["config.syntax", []]);
  assert.match(fault?.place ?? "", /^line 2, column \d+$/);
  assert.match(fault?.message ?? "", /\S/);
  assert.doesNotMatch(fault?.message ?? "", /s3cr3t|\n|Invalid TOML/);
});

const SECRET = "s3cr3tT0ken";
const WITH_SECRETS = `[notification]
service = "discord"
proxy = "http://user:${SECRET}@proxy.example:3128"
discord = { webhook_url = "https://discord.com/api/webhooks/1/${SECRET}" }
ntfy = { topic_url = 'https://ntfy.sh/${SECRET}', token = """${SECRET}""" }
`;

Deno.test("parseConfig() shows no secret, wherever the syntax error is", () => {
  parsed(WITH_SECRETS);
  const typos = ["", '"', "'", "\n", "=", ".", "[", "]", "{", "#", "\\", "\\x", " ", "\0", "é"];
  for (let at = 0; at < WITH_SECRETS.length; at++) {
    for (const typo of typos) {
      const text = `${WITH_SECRETS.slice(0, at)}${typo}${WITH_SECRETS.slice(at + 1)}`;
      try {
        parsed(text);
      } catch (error) {
        assert.ok(error instanceof ConfigError, `${text}: ${error}`);
        // Even a part of the secret must not appear.
        assert.doesNotMatch(error.message, /s3cr3t|T0ken/, text);
      }
    }
  }
});

Deno.test("parseConfig() shows no secret of an invalid value", () => {
  const discord = (url: string) => `[notification]\nservice = "discord"\n[notification.discord]\nwebhook_url = ${url}`;
  const ntfy = (line: string) => `[notification]\nservice = "ntfy"\n[notification.ntfy]\n${line}`;
  const table: [text: string, fault: string | RegExp][] = [
    [discord(`"${SECRET}"`), "config.wrong-value notification.discord.webhook_url"],
    [discord(`"discord.com/api/webhooks/1/${SECRET}"`), "config.wrong-value notification.discord.webhook_url"],
    [discord(`"ftp://discord.com/api/webhooks/1/${SECRET}"`), "config.wrong-value notification.discord.webhook_url"],
    [discord(`"http://discord.com/api/webhooks/1/${SECRET}"`), "config.wrong-value notification.discord.webhook_url"],
    [discord(`"https://discord.com/${SECRET}"`), "config.wrong-value notification.discord.webhook_url"],
    [
      discord(`"https://user:${SECRET}@discord.com/api/webhooks/1/x"`),
      "config.wrong-value notification.discord.webhook_url",
    ],
    [discord(`["https://discord.com/api/webhooks/1/${SECRET}"]`), "config.wrong-type notification.discord.webhook_url"],
    [discord(`{ url = "${SECRET}" }`), "config.wrong-type notification.discord.webhook_url"],
    [
      ntfy(`topic_url = "https://ntfy.sh/${SECRET}/?"\ntoken = "${SECRET} ${SECRET}"`),
      "config.wrong-value notification.ntfy.token",
    ],
    [ntfy(`topic_url = "https://user:${SECRET}@ntfy.sh/x"`), "config.wrong-value notification.ntfy.topic_url"],
    [ntfy(`topic_url = "https://ntfy.sh/${SECRET}."`), "config.wrong-value notification.ntfy.topic_url 1 64"],
    [`${SHORTEST}proxy = "ftp://user:${SECRET}@proxy.example"`, /^config\.wrong-value notification\.proxy /],
    [`${SHORTEST}proxy = "http://user:${SECRET}@:::"`, /^config\.wrong-value notification\.proxy /],
    [`[notification]\nservice = "${SECRET}"`, /^config\.wrong-value notification\.service(?: |$)/],
  ];
  for (const [text, expected] of table) {
    const faults = faultsOf(text);
    if (typeof expected === "string") assert.ok(faults.includes(expected), `${text}: ${faults}`);
    else assert.match(faults.join("\n"), expected, text);
    assert.doesNotMatch(errorOf(text).message, new RegExp(SECRET), text);
  }
});

Deno.test("parseConfig() accepts a plain http webhook only on the loopback interface", () => {
  const discord = (host: string) =>
    `[notification]\nservice = "discord"\n[notification.discord]\nwebhook_url = "http://${host}/api/webhooks/1/x"`;
  for (const host of ["localhost:8080", "127.0.0.1:8080", "127.9.9.9", "[::1]:8080"]) parsed(discord(host));
  for (const host of ["localhost.evil.example", "127.0.0.1.evil.example", "10.0.0.1", "[::2]", "notlocalhost"]) {
    assert.deepEqual(faultsOf(discord(host)), ["config.wrong-value notification.discord.webhook_url"], host);
  }
});

Deno.test("parseConfig() reads TOML 1.1: newlines in inline tables, a trailing comma, \\e and \\x, times without seconds", () => {
  const config = parsed(`host = {
  name = "\\x41", # a comment
  timezone = "Etc/UTC",
}
${SHORTEST}`);
  assert.equal(config.host.name, "A");
  // These values are invalid, but their syntax is valid.
  assert.deepEqual(faultsOf(`${SHORTEST}[host]\nname = "a\\eb"\ntimezone = 2026-01-01T07:32Z`).sort(), [
    "config.wrong-type host.timezone",
    "config.wrong-value host.name",
  ]);
});

Deno.test("parseConfig() accepts only time zones that localTime() can show", () => {
  const names = [
    "UTC",
    "utc",
    "Etc/GMT+12",
    "EST5EDT",
    "+13:00",
    "-0330",
    "GMT+1",
    "UTC+1",
    "+25:00",
    "Factory",
    "localtime",
  ];
  for (const name of [...names, ...Intl.supportedValuesOf("timeZone")]) {
    let timezone;
    try {
      timezone = parsed(`${SHORTEST}[host]\ntimezone = "${name}"`).host.timezone;
    } catch (error) {
      assert.ok(error instanceof ConfigError, name);
      continue;
    }
    assert.match(localTime(0, timezone), /^19/, name);
  }
});

Deno.test("parseConfig() returns a Config or throws a ConfigError for any text", () => {
  const tokens = fc.constantFrom(
    ...'[ ] { } = . , # " \' \\ [[ ]] """ \n \n \n 1 1_000 -0 nan inf true 2026-01-01 07:32 0xff 9e999'.split(" "),
    ...[
      "host",
      "name",
      "timezone",
      "notification",
      "service",
      "discord",
      "ntfy",
      "stdout",
      "allowlist",
      "ips",
      "proxy",
    ],
    ...["webhook_url", "topic_url", "token", "__proto__", "toString", '"discord"', '"http://u:%zz@h"', '"10.0.0.1/8"'],
    ...[
      "[notification]\n",
      "[notification.discord]\n",
      "[[notification]]\n",
      "[host]\n",
      "[allowlist]\n",
      "service = ",
    ],
  );
  const text = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.array(tokens, { maxLength: 30 }).map((parts) => parts.join(" ")),
    fc.array(tokens, { maxLength: 10 }).map((parts) => `${GO_EXAMPLE}${parts.join(" ")}`),
    fc.tuple(fc.constantFrom("host", "notification", "allowlist"), fc.jsonValue()).map(([key, value]) =>
      `${key} = ${JSON.stringify(value).replaceAll(/"([^"\\]*)":/g, '"$1" =')}\n${SHORTEST}`
    ),
  );
  fc.assert(
    fc.property(text, (text) => {
      try {
        parsed(text);
      } catch (error) {
        assert.ok(error instanceof ConfigError, String(error));
      }
    }),
    { numRuns: 1_000 },
  );
});

Deno.test("parseConfig() survives deep nesting", () => {
  for (const [open, close] of [["[", "]"], ["{a=", "}"]] as const) {
    assert.ok(faultsOf(`x = ${open.repeat(5_000)}1${close.repeat(5_000)}`).length > 0);
  }
});

Deno.test("parseConfig() reads what is notified of a PAM service, whether or not the service exists", () => {
  const text = `[services]\nsshd = "all"\nsu = "none"\nsu-l = "unexpected"\n"my app" = "urgent"\n__proto__ = "none"\n`;
  assert.deepEqual([...parsed(`${text}${SHORTEST}`).services], [
    ["sshd", "all"],
    ["su", "none"],
    ["su-l", "unexpected"],
    ["my app", "urgent"],
    ["__proto__", "none"],
  ]);
});

Deno.test("parseConfig() refuses an unknown value of a PAM service, with a suggestion", () => {
  const faults: [line: string, ...expected: string[]][] = [
    ['su = "unexpcted"', 'config.wrong-value services.su "unexpected"'],
    ['su = "everything"', "config.wrong-value services.su"],
    ["su = true", "config.wrong-value services.su"],
    ['su.notify = "all"', "config.wrong-value services.su"],
    ['"" = "all"', "config.wrong-value services."],
    [`${"x".repeat(256)} = "all"`, `config.wrong-value services.${"x".repeat(256)}`],
    ['__proto__ = "x"', "config.wrong-value services.__proto__"],
  ];
  for (const [line, ...expected] of faults) {
    assert.deepEqual(faultsOf(`[services]\n${line}\n${SHORTEST}`), expected, line);
  }
  assert.deepEqual(faultsOf(`services = 1\n${SHORTEST}`), ["config.wrong-type services"]);
  assert.deepEqual(faultsOf(`[service]\nsu = "all"\n${SHORTEST}`), ['config.unknown-key service "services"']);
  const { message } = errorOf(`[services]\nsu = "everything"\n${SHORTEST}`);
  assert.match(message, /: is not a known value; expected one of: all, unexpected, urgent, none$/);
});
