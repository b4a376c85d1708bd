import assert from "node:assert/strict";
import { type Config, parseConfig } from "../../src/config/config.ts";
import { ConfigError } from "../../src/config/config_error.ts";

const URL_TEXT = "https://hc.example/ping/0b5b6e9c-3d0f";

function parse(heartbeat: string): Config {
  return parseConfig(`[notification]\nservice = "stdout"\n${heartbeat}`, {
    hostName: () => "h",
    readBeside: (path) => ({ text: `${path.endsWith(".bad") ? "no URL" : URL_TEXT}\n` }),
  });
}

Deno.test("parseConfig() reads a heartbeat, from a file too, and keeps it secret", () => {
  assert.equal(parse("").heartbeat, undefined);
  for (const section of [`url = "${URL_TEXT}"`, 'url_file = "/etc/x/heartbeat.url"']) {
    const { heartbeat, secrets, warnings } = parse(`[heartbeat]\n${section}`);
    assert.equal(heartbeat?.url.href, URL_TEXT);
    assert.ok(secrets.includes(URL_TEXT));
    assert.deepEqual(warnings, []);
  }
  const { warnings } = parse('[heartbeat]\nurl = "http://hc.example/ping"');
  assert.deepEqual(warnings.map(({ place, mend }) => [place, mend]), [
    ["heartbeat.url", "use a URL that begins with https://"],
  ]);
  assert.deepEqual(parse('[heartbeat]\nurl = "http://127.0.0.1:8000/ping"').warnings, []);
});

Deno.test("parseConfig() says what is wrong with a heartbeat, and where", () => {
  const table: [section: string, fault: string][] = [
    ["[heartbeat]", "heartbeat.url: is missing"],
    ["[[heartbeat]]", "heartbeat: must be a table"],
    ["[heartbeat]\nurl = 1", "heartbeat.url: must be a text, in quotes"],
    ["[heartbeat]\nurl_file = 1", "heartbeat.url_file: must be a text, in quotes"],
    ['[heartbeat]\nca_file = "/etc/x/ca.pem"', "heartbeat.url: is missing"],
    [`[heartbeat]\nurl = "${URL_TEXT}"\nca_file = 1`, "heartbeat.ca_file: must be a text, in quotes"],
    [
      `[heartbeat]\nurl = "${URL_TEXT}"\nca_file = "/etc/x/ca.pem"`,
      "heartbeat.ca_file: names a file without a valid certificate in PEM form",
    ],
    ['[heartbeat]\nurl = "hc.example"', "heartbeat.url: must be a URL that begins with https://"],
    ['[heartbeat]\nurl_file = "/etc/x/a.bad"', "heartbeat.url_file: must be a URL that begins with https://"],
    ['[heartbeat]\nurl = "ftp://hc.example"', "heartbeat.url: must be a URL that begins with https://"],
    ['[heartbeat]\nurl = "https://u:p@hc.example"', "heartbeat.url: must not hold a user name or password"],
    [
      `[heartbeat]\nurl = "${URL_TEXT}"\nurl_file = "/etc/x/a"`,
      'heartbeat.url_file: must not stand beside "url": one of the two',
    ],
    [`[heartbeat]\nulr = "${URL_TEXT}"`, 'heartbeat.ulr: is not a key that is known here; did you mean "url"?'],
  ];
  for (const [section, fault] of table) {
    assert.throws(() => parse(section), (error) => {
      assert.ok(error instanceof ConfigError);
      const messages = error.message.split("\n");
      assert.ok(messages.includes(fault), `${section}: ${error.message}`);
      // No fault is told twice.
      assert.equal(new Set(messages.map((message) => message.split(": ")[0])).size, messages.length, error.message);
      return true;
    });
  }
});
