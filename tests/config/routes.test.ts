import assert from "node:assert/strict";
import { type Config, parseConfig } from "../../src/config/config.ts";
import { ConfigError } from "../../src/config/config_error.ts";
import type { ReadBeside } from "../../src/config/files_beside.ts";
import { ROUTE_KEYS } from "../../src/config/schema.ts";
import { services } from "../../src/services/registry.ts";

const FILES: Readonly<Record<string, string>> = {
  "/etc/x/token": "tk_s3cr3t\n",
  "/etc/x/hook": "https://discord.com/api/webhooks/1/s3cr3t\r\n",
  "/etc/x/spaced": "tk s3cr3t\n",
};

const readBeside: ReadBeside = (path) => {
  const text = FILES[path];
  if (text === undefined) throw new Error("names a file that is not there");
  return { text, ...(path.endsWith("hook") ? { openMode: "0644" } : {}) };
};

function parsed(text: string): Config {
  return parseConfig(text, { hostName: () => "h", readBeside });
}

function faultsOf(text: string): string[] {
  try {
    parsed(text);
  } catch (error) {
    assert.ok(error instanceof ConfigError, `not a ConfigError but ${error}`);
    return error.faults.map(({ place, message }) => `${place}: ${message}`);
  }
  return assert.fail(`accepted: ${text}`);
}

const ONCALL = `[routes.oncall]\nservice = "ntfy"\ntopic_url = "https://ntfy.example/ssh-topic"\n`;

Deno.test("parseConfig() reads several routes, each with the options of its service beside its own", () => {
  const { routes, secrets } = parsed(`[notification]
service = "discord"
[notification.discord]
webhook_url = "https://discord.com/api/webhooks/1/xyz"
${ONCALL}events = ["open"]
notify = "unexpected"
[routes.local_2]
service = "stdout"
`);
  assert.deepEqual(routes.map(({ service, ...route }) => ({ ...route, service: service.name })), [
    { name: "default", service: "discord", events: ["open", "close"], notify: "all" },
    { name: "oncall", service: "ntfy", events: ["open"], notify: "unexpected" },
    { name: "local_2", service: "stdout", events: ["open", "close"], notify: "all" },
  ]);
  for (const secret of ["xyz", "ssh-topic"]) assert.ok(secrets.includes(secret));
});

Deno.test("parseConfig() needs no [notification] where there is a route, or takes its settings alone", () => {
  assert.deepEqual(parsed(ONCALL).routes.map(({ name }) => name), ["oncall"]);
  const config = parsed(`[notification]\ngive_up_after_days = 3\n${ONCALL}`);
  assert.deepEqual([config.routes.length, config.giveUpAfterMs], [1, 3 * 24 * 60 * 60 * 1000]);
});

Deno.test("parseConfig() takes events, notify and ca_file for the route of [notification] too", () => {
  const { routes } = parsed(`[notification]\nservice = "stdout"\nevents = ["close"]\nnotify = "unexpected"\n`);
  assert.deepEqual(routes.map(({ events, notify }) => [events, notify]), [[["close"], "unexpected"]]);
});

Deno.test("parseConfig() says of each route what is wrong, all at once, with what was meant", async (t) => {
  const table: [text: string, faults: (string | RegExp)[]][] = [
    [`[routes]`, ["notification: is missing"]],
    [`routes = 3`, ["routes: must be a table", "notification: is missing"]],
    [`routes = [1]\n[notification]\nservice = "stdout"`, ["routes: must be a table"]],
    [`[routes]\nx = 5`, ["routes.x: must be a table"]],
    [`[routes.x]`, ["routes.x.service: is missing"]],
    [`[routes.x]\nservice = "nfty"`, [/^routes\.x\.service: must be one of .*; did you mean "ntfy"\?$/]],
    [`[routes.x]\nservice = "ntfy"`, ["routes.x.topic_url: is missing"]],
    [`[routes.default]\nservice = "stdout"`, [/^routes\.default: must have another name/]],
    [`[routes."a b"]\nservice = "stdout"`, [/^routes\."a b": must have a name of 1 to 64 letters, digits/]],
    [`[routes."a\\n<3>b"]\nservice = "stdout"`, [/^routes\."a\\n<3>b": must have a name/]],
    [`[routes.${"a".repeat(65)}]\nservice = "stdout"`, [/: must have a name of 1 to 64/]],
    [`${ONCALL}tokn = "x"`, ['routes.oncall.tokn: is not a key that is known here; did you mean "token"?']],
    [`${ONCALL}evnts = ["open"]`, ['routes.oncall.evnts: is not a key that is known here; did you mean "events"?']],
    [`${ONCALL}token_fil = "x"`, [/^routes\.oncall\.token_fil: .*did you mean "token_file"\?$/]],
    [`${ONCALL}events = []`, [/^routes\.oncall\.events: must not be empty/]],
    [`${ONCALL}events = "open"`, ["routes.oncall.events: must be an array"]],
    [`${ONCALL}events = ["open", "login"]`, ['routes.oncall.events.1: must be "open" or "close"']],
    [`${ONCALL}notify = "some"`, ['routes.oncall.notify: must be "all" or "unexpected"']],
    [`${ONCALL}ca_file = 5`, ["routes.oncall.ca_file: must be a text, in quotes"]],
    [`${ONCALL}ca_file = "/etc/x/token"`, [/^routes\.oncall\.ca_file: names a file without a valid certificate/]],
    [`[notification]\nservice = "stdout"\nevents = ["x"]`, ['notification.events.0: must be "open" or "close"']],
    [`${ONCALL}[notification]\nnotify = "all"\n[notification.discord]\n`, [
      "notification.notify: has no effect, as [notification] has no service",
      "notification.discord: has no effect, as [notification] has no service",
    ]],
    [`colour = 1\n[routes.x]\nservice = "ntfy"\nnotify = 1\n[routes.y]\nservice = "discord"\nwebhook_url = "x"`, [
      /^colour: is not a key/,
      /^routes\.x\.notify: must be/,
      /^routes\.x\.topic_url: is missing/,
      /^routes\.y\.webhook_url: must be a URL/,
    ]],
    [`[route.x]\n${ONCALL}`, ['route: is not a key that is known here; did you mean "routes"?']],
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

Deno.test("parseConfig() reads any secret from a file, for every service and in both places", () => {
  const { routes, secrets, warnings } = parsed(`[notification]
service = "discord"
discord.webhook_url_file = "/etc/x/hook"
${ONCALL}token_file = "/etc/x/token"
`);
  const request = routes[1]?.service.render(
    { id: "x", notifications: [{ type: "test", hostName: "h", time: "t" }] },
    { form: "plain", nowMs: 0 },
  );
  assert.ok(request?.kind === "http");
  assert.equal(request.headers["authorization"], "Bearer tk_s3cr3t");
  assert.deepEqual(routes[0]?.service.endpoints, ["discord.com:443"]);
  for (const secret of ["tk_s3cr3t", "https://discord.com/api/webhooks/1/s3cr3t"]) assert.ok(secrets.includes(secret));
  assert.deepEqual(warnings, [{
    place: "notification.discord.webhook_url_file",
    message: "names a file that anyone on this host can read (mode 0644)",
    mend: "chown root:ssh-session-notifier /etc/x/hook && chmod 0640 /etc/x/hook",
  }]);
});

Deno.test("parseConfig() says what is wrong with a file of a secret, and shows neither it nor its path", () => {
  const table: [line: string, fault: string | RegExp][] = [
    [`token_file = "/etc/x/s3cr3t"`, "routes.oncall.token_file: names a file that is not there"],
    [`token_file = 5`, "routes.oncall.token_file: must be a text, in quotes"],
    [
      `token_file = "/etc/x/token"\ntoken = "s3cr3t"`,
      'routes.oncall.token_file: must not stand beside "token": one of the two',
    ],
    [`token_file = "/etc/x/spaced"`, /^routes\.oncall\.token_file: must be an access token, without spaces$/],
  ];
  for (const [line, expected] of table) {
    const faults = faultsOf(`${ONCALL}${line}`);
    assert.equal(faults.length, 1, faults.join("\n"));
    if (typeof expected === "string") assert.equal(faults[0], expected);
    else assert.match(faults[0] ?? "", expected);
    assert.doesNotMatch(faults.join(), /s3cr3t/);
  }
  // One fault: not that it is missing, too.
  assert.deepEqual(faultsOf(`[routes.x]\nservice = "discord"\nwebhook_url_file = "/etc/x/none"`), [
    "routes.x.webhook_url_file: names a file that is not there",
  ]);
});

for (const [name, { optionNames, secretOptions }] of services) {
  Deno.test(`${name}: no option has the name of what every route may say, and its secrets are options`, () => {
    for (const option of [...optionNames, ...secretOptions.map((option) => `${option}_file`)]) {
      assert.ok(!Object.hasOwn(ROUTE_KEYS, option), option);
    }
    assert.equal(
      new Set([...optionNames, ...secretOptions.map((option) => `${option}_file`)]).size,
      optionNames.length + secretOptions.length,
    );
    for (const option of secretOptions) assert.ok(optionNames.includes(option), option);
  });
}
