import assert from "node:assert/strict";
import fc from "npm:fast-check@4.10.2";
import { contains, parseAddress } from "../../src/config/address.ts";
import { type Config, parseConfig } from "../../src/config/config.ts";
import { ConfigError } from "../../src/config/config_error.ts";
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

function parsed(text: string): Config {
  return parseConfig(text, { hostName: () => "this-machine" });
}

/** What is wrong, a line each: place, colon, message. */
function faultsOf(text: string): string[] {
  try {
    parsed(text);
  } catch (error) {
    assert.ok(error instanceof ConfigError, `not a ConfigError but ${error}`);
    assert.ok(error.faults.length > 0);
    return error.faults.map(({ place, message }) => `${place}: ${message}`);
  }
  return assert.fail(`accepted: ${text}`);
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

Deno.test("parseConfig() has a default for everything but the service", () => {
  const { routes, ...rest } = parsed(SHORTEST);
  assert.deepEqual(rest, {
    host: { timezone: "Etc/UTC", name: "this-machine", keyNames: new Map() },
    giveUpAfterMs: 7 * DAY_MS,
    requestTimeoutMs: 10_000,
    runDeadlineMs: 600_000,
    allowlist: [],
    learningMs: 7 * DAY_MS,
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
  assert.equal(config.proxy?.host, "proxy.example:3128");
  for (const secret of ["tk_1234567", "ssh-topic", "p%40ss", "p@ss"]) {
    assert.ok(config.secrets.includes(secret), secret);
  }
});

Deno.test("parseConfig() asks for this machine's name only where the configuration has %H", () => {
  const hostName = () => assert.fail("asked");
  assert.equal(parseConfig(`[host]\nname = "x"\n${SHORTEST}`, { hostName }).host.name, "x");
});

Deno.test("parseConfig() does not take what this machine is named for a pattern", () => {
  assert.equal(parseConfig(SHORTEST, { hostName: () => "$&-$1" }).host.name, "$&-$1");
});

Deno.test("parseConfig() names every fault at once, each with its key path", () => {
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
  assert.deepEqual(faults.map((fault) => fault.split(": ", 1)[0]).sort(), [
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

Deno.test("parseConfig() says of each value what it must be", async (t) => {
  const table: [text: string, faults: (string | RegExp)[]][] = [
    ["", ["notification: is missing"]],
    ["[notification]", ["notification.service: is missing"]],
    [`[notification]\nservice = "discord"`, ["notification.discord.webhook_url: is missing"]],
    [`host = 3\n${SHORTEST}`, ["host: must be a table"]],
    [`host = []\n${SHORTEST}`, ["host: must be a table"]],
    [`host = 2026-01-01\n${SHORTEST}`, ["host: must be a table"]],
    [`notification = "discord"`, ["notification: must be a table"]],
    [`${SHORTEST}[host]\nname = 5`, ["host.name: must be a text, in quotes"]],
    [`${SHORTEST}[host]\nname = "a\\nb"`, ["host.name: must be one line, without control characters"]],
    [`${SHORTEST}[host]\nname = "${"a".repeat(254)}"`, ["host.name: must have at most 253 characters"]],
    [`${SHORTEST}[host]\ntimezone = "Mars/Olympus"`, [/^host\.timezone: "Mars\/Olympus" is not a time zone/]],
    [`${SHORTEST}[host]\ntimezone = ""`, [/^host\.timezone: "" is not a time zone/]],
    [`${SHORTEST}give_up_after_days = nan`, ["notification.give_up_after_days: must be a number"]],
    [`${SHORTEST}give_up_after_days = inf`, ["notification.give_up_after_days: must be between 1 and 365"]],
    [`${SHORTEST}run_deadline_seconds = -1`, ["notification.run_deadline_seconds: must be between 10 and 86400"]],
    [`${SHORTEST}request_timeout_seconds = true`, ["notification.request_timeout_seconds: must be a number"]],
    [`${SHORTEST}proxy = "proxy.example"`, [/^notification\.proxy: must be a URL such as/]],
    [`${SHORTEST}proxy = "socks5://proxy.example"`, [/^notification\.proxy: must be a URL such as/]],
    [`${SHORTEST}discord = "x"`, ["notification.discord: must be a table"]],
    [`${SHORTEST}[allowlist]\nips = "10.0.0.2"`, ["allowlist.ips: must be an array"]],
    [`${SHORTEST}[allowlist]\nips = ["10.0.0.2", "10.0.0.1/8"]`, [/^allowlist\.ips\.1: "10.0.0.1\/8" .*"10.0.0.0\/8"/]],
    [`[notification]\nservice = "discord"\ndiscord = "x"`, ["notification.discord: must be a table"]],
    [`[notification]\nservice = 5`, [
      /^notification\.service: must be one of discord, slack, telegram, ntfy, gotify, pushover, matrix, webhook, stdout/,
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

Deno.test("parseConfig() says of a service that is no text what it must be", () => {
  for (const value of ["{}", "{ toString = 1 }", "[]", "[{}]", "2026-01-01", "[[[]]]"]) {
    assert.match(
      faultsOf(`[notification]\nservice = ${value}`).join(),
      /^notification\.service: must be one of/,
      value,
    );
  }
});

Deno.test("parseConfig() takes only a proxy whose password it can tell", () => {
  assert.match(faultsOf(`${SHORTEST}proxy = "http://user:%zz@proxy.example:3128"`).join(), /^notification\.proxy: /);
});

Deno.test("parseConfig() suggests the key, section or service that was meant", () => {
  const table: [text: string, fault: string][] = [
    [`[hosts]\nname = "x"\n${SHORTEST}`, 'hosts: is not a key that is known here; did you mean "host"?'],
    [`${SHORTEST}[host]\ntimezon = "x"`, 'host.timezon: is not a key that is known here; did you mean "timezone"?'],
    [`${SHORTEST}[host]\nxyzzy = 1`, "host.xyzzy: is not a key that is known here; known are: timezone, name"],
    [
      `${SHORTEST}[allowlist]\nip = ["10.0.0.2"]`,
      'allowlist.ip: is not a key that is known here; did you mean "ips"?',
    ],
    [
      `${SHORTEST}[notification.discrod]\nx = 1`,
      'notification.discrod: is not a key that is known here; did you mean "discord"?',
    ],
    [
      `[notification]\nservice = "dicsord"`,
      'notification.service: must be one of discord, slack, telegram, ntfy, gotify, pushover, matrix, webhook, stdout; did you mean "discord"?',
    ],
    [
      `[notification]\nservice = "discord"\n[notification.discord]\nwebhok_url = "https://discord.com/api/webhooks/1/x"`,
      'notification.discord.webhok_url: is not a key that is known here; did you mean "webhook_url"?',
    ],
  ];
  for (const [text, expected] of table) assert.ok(faultsOf(text).includes(expected), `${faultsOf(text)}`);
});

Deno.test("parseConfig() knows no key that only JavaScript knows", () => {
  for (const key of ["toString", "constructor", "__proto__", "hasOwnProperty"]) {
    for (const section of ["", "[host]\n", "[allowlist]\n"]) {
      const text = section === "" ? `${key} = 1\n${SHORTEST}` : `${SHORTEST}${section}${key} = 1`;
      assert.match(faultsOf(text).join(), /is not a key that is known here/, text);
    }
  }
});

Deno.test("parseConfig() names line and column of a fault in the syntax, and does not quote the line", () => {
  const [fault = "", ...more] = faultsOf(`[notification]\nservice = "discord" password = "s3cr3t"\n`);
  assert.deepEqual(more, []);
  assert.match(fault, /^line 2, column \d+: \S/);
  assert.doesNotMatch(fault, /s3cr3t|\n|Invalid TOML/);
});

const SECRET = "s3cr3tT0ken";
const WITH_SECRETS = `[notification]
service = "discord"
proxy = "http://user:${SECRET}@proxy.example:3128"
discord = { webhook_url = "https://discord.com/api/webhooks/1/${SECRET}" }
ntfy = { topic_url = 'https://ntfy.sh/${SECRET}', token = """${SECRET}""" }
`;

Deno.test("parseConfig() shows no secret, whichever character of the configuration is wrong", () => {
  parsed(WITH_SECRETS);
  const typos = ["", '"', "'", "\n", "=", ".", "[", "]", "{", "#", "\\", "\\x", " ", "\0", "é"];
  for (let at = 0; at < WITH_SECRETS.length; at++) {
    for (const typo of typos) {
      const text = `${WITH_SECRETS.slice(0, at)}${typo}${WITH_SECRETS.slice(at + 1)}`;
      try {
        parsed(text);
      } catch (error) {
        assert.ok(error instanceof ConfigError, `${text}: ${error}`);
        // A part of it would say too much already.
        assert.doesNotMatch(error.message, /s3cr3t|T0ken/, text);
      }
    }
  }
});

Deno.test("parseConfig() shows no secret of a value that it refuses", () => {
  const discord = (url: string) => `[notification]\nservice = "discord"\n[notification.discord]\nwebhook_url = ${url}`;
  const ntfy = (line: string) => `[notification]\nservice = "ntfy"\n[notification.ntfy]\n${line}`;
  const table: [text: string, fault: RegExp][] = [
    [discord(`"${SECRET}"`), /must be a URL that begins with https/],
    [discord(`"discord.com/api/webhooks/1/${SECRET}"`), /must be a URL that begins with https/],
    [discord(`"ftp://discord.com/api/webhooks/1/${SECRET}"`), /must be a URL that begins with https/],
    [discord(`"http://discord.com/api/webhooks/1/${SECRET}"`), /must begin with https/],
    [discord(`"https://discord.com/${SECRET}"`), /must be a webhook of Discord/],
    [discord(`"https://user:${SECRET}@discord.com/api/webhooks/1/x"`), /must not hold a user name or password/],
    [discord(`["https://discord.com/api/webhooks/1/${SECRET}"]`), /must be a text/],
    [discord(`{ url = "${SECRET}" }`), /must be a text/],
    [ntfy(`topic_url = "https://ntfy.sh/${SECRET}/?"\ntoken = "${SECRET} ${SECRET}"`), /without spaces/],
    [ntfy(`topic_url = "https://user:${SECRET}@ntfy.sh/x"`), /must not hold a user name or password/],
    [ntfy(`topic_url = "https://ntfy.sh/${SECRET}."`), /must end in a topic/],
    [`${SHORTEST}proxy = "ftp://user:${SECRET}@proxy.example"`, /must be a URL such as/],
    [`${SHORTEST}proxy = "http://user:${SECRET}@:::"`, /must be a URL such as/],
    [`[notification]\nservice = "${SECRET}"`, /must be one of/],
  ];
  for (const [text, expected] of table) {
    const faults = faultsOf(text).join("\n");
    assert.match(faults, expected, text);
    assert.doesNotMatch(faults, new RegExp(SECRET), text);
  }
});

Deno.test("parseConfig() takes plain http for a webhook only on this machine itself", () => {
  const discord = (host: string) =>
    `[notification]\nservice = "discord"\n[notification.discord]\nwebhook_url = "http://${host}/api/webhooks/1/x"`;
  for (const host of ["localhost:8080", "127.0.0.1:8080", "127.9.9.9", "[::1]:8080"]) parsed(discord(host));
  for (const host of ["localhost.evil.example", "127.0.0.1.evil.example", "10.0.0.1", "[::2]", "notlocalhost"]) {
    assert.match(faultsOf(discord(host)).join(), /must begin with https/, host);
  }
});

Deno.test("parseConfig() reads TOML 1.1: newlines in inline tables, a trailing comma, \\e and \\x, times without seconds", () => {
  const config = parsed(`host = {
  name = "\\x41", # a comment
  timezone = "Etc/UTC",
}
${SHORTEST}`);
  assert.equal(config.host.name, "A");
  // Here the value is wrong, not the syntax.
  assert.deepEqual(faultsOf(`${SHORTEST}[host]\nname = "a\\eb"\ntimezone = 2026-01-01T07:32Z`).sort(), [
    "host.name: must be one line, without control characters",
    "host.timezone: must be a text, in quotes",
  ]);
});

Deno.test("parseConfig() accepts no time zone that localTime() can't show", () => {
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

Deno.test("parseConfig() makes a Config or a ConfigError of any text", () => {
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

Deno.test("parseConfig() is not brought down by nesting", () => {
  for (const [open, close] of [["[", "]"], ["{a=", "}"]] as const) {
    assert.ok(faultsOf(`x = ${open.repeat(5_000)}1${close.repeat(5_000)}`).length > 0);
  }
});
