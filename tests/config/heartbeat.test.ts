import assert from "node:assert/strict";
import { type Config, parseConfig } from "../../src/config/config.ts";
import { faultsIn } from "../helpers/config_faults.ts";

const URL_TEXT = "https://hc.example/ping/0b5b6e9c-3d0f";

function parse(heartbeat: string): Config {
  return parseConfig(`[notification]\nservice = "stdout"\n${heartbeat}`, {
    hostName: () => "h",
    readBeside: (path) => ({ text: `${path.endsWith(".bad") ? "no URL" : URL_TEXT}\n` }),
  });
}

Deno.test("parseConfig() reads a heartbeat URL, also from a file, and treats it as a secret", () => {
  assert.equal(parse("").heartbeat, undefined);
  for (const section of [`url = "${URL_TEXT}"`, 'url_file = "/etc/x/heartbeat.url"']) {
    const { heartbeat, secrets, warnings } = parse(`[heartbeat]\n${section}`);
    assert.equal(heartbeat?.url.href, URL_TEXT);
    assert.ok(secrets.includes(URL_TEXT));
    assert.deepEqual(warnings, []);
  }
  const { warnings } = parse('[heartbeat]\nurl = "http://hc.example/ping"');
  assert.deepEqual(warnings.map(({ id, place }) => [id, place]), [["config.heartbeat-plain", "heartbeat.url"]]);
  assert.deepEqual(parse('[heartbeat]\nurl = "http://127.0.0.1:8000/ping"').warnings, []);
});

Deno.test("parseConfig() reads a URL for failures, also from a file, and treats it as a secret", () => {
  const url = `url = "https://hc.example/p/0ther"`;
  assert.equal(parse(`[heartbeat]\n${url}`).heartbeat?.failUrl.href, "https://hc.example/p/0ther/fail");
  for (const line of [`fail_url = "${URL_TEXT}"`, 'fail_url_file = "/etc/x/fail.url"']) {
    const { heartbeat, secrets } = parse(`[heartbeat]\n${url}\n${line}`);
    assert.deepEqual([heartbeat?.url.pathname, heartbeat?.failUrl.href], ["/p/0ther", URL_TEXT]);
    assert.ok(secrets.includes(URL_TEXT));
  }
  const { warnings } = parse(`[heartbeat]\n${url}\nfail_url = "http://hc.example/ping"`);
  assert.deepEqual(warnings.map(({ id, place }) => [id, place]), [["config.heartbeat-plain", "heartbeat.fail_url"]]);
});

Deno.test("parseConfig() reports heartbeat faults with their key path", () => {
  const table: [section: string, fault: string][] = [
    ["[heartbeat]", "config.missing-key heartbeat.url"],
    ["[[heartbeat]]", "config.wrong-type heartbeat"],
    ["[heartbeat]\nurl = 1", "config.wrong-type heartbeat.url"],
    ["[heartbeat]\nurl_file = 1", "config.wrong-type heartbeat.url_file"],
    ['[heartbeat]\nca_file = "/etc/x/ca.pem"', "config.missing-key heartbeat.url"],
    [`[heartbeat]\nurl = "${URL_TEXT}"\nca_file = 1`, "config.wrong-type heartbeat.ca_file"],
    [
      `[heartbeat]\nurl = "${URL_TEXT}"\nca_file = "/etc/x/ca.pem"`,
      "config.file-unusable heartbeat.ca_file",
    ],
    ['[heartbeat]\nurl = "hc.example"', "config.wrong-value heartbeat.url"],
    ['[heartbeat]\nurl_file = "/etc/x/a.bad"', "config.wrong-value heartbeat.url_file"],
    ['[heartbeat]\nurl = "ftp://hc.example"', "config.wrong-value heartbeat.url"],
    ['[heartbeat]\nurl = "https://u:p@hc.example"', "config.wrong-value heartbeat.url"],
    [
      `[heartbeat]\nurl = "${URL_TEXT}"\nurl_file = "/etc/x/a"`,
      'config.conflicting-keys heartbeat.url_file "url"',
    ],
    ['[heartbeat]\nfail_url = "https://hc.example/x"', "config.missing-key heartbeat.url"],
    [`[heartbeat]\nurl = "${URL_TEXT}"\nfail_url = 1`, "config.wrong-type heartbeat.fail_url"],
    [`[heartbeat]\nurl = "${URL_TEXT}"\nfail_url = "down"`, "config.wrong-value heartbeat.fail_url"],
    [`[heartbeat]\nurl = "${URL_TEXT}"\nfail_url_file = "/etc/x/a.bad"`, "config.wrong-value heartbeat.fail_url_file"],
    [
      `[heartbeat]\nurl = "${URL_TEXT}"\nfail_url = "${URL_TEXT}"\nfail_url_file = "/etc/x/a"`,
      'config.conflicting-keys heartbeat.fail_url_file "fail_url"',
    ],
    [`[heartbeat]\nulr = "${URL_TEXT}"`, 'config.unknown-key heartbeat.ulr "url"'],
  ];
  for (const [section, fault] of table) {
    const faults = faultsIn(() => parse(section));
    assert.ok(faults.includes(fault), `${section}: ${faults}`);
    // No fault is reported twice.
    assert.equal(new Set(faults.map((line) => line.split(" ")[1])).size, faults.length, faults.join());
  }
});
