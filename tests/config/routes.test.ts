import assert from "node:assert/strict";
import { type Config, parseConfig } from "../../src/config/config.ts";
import type { ReadBeside } from "../../src/config/files_beside.ts";
import { ROUTE_KEYS } from "../../src/config/schema.ts";
import { services } from "../../src/services/registry.ts";
import { faultsIn } from "../helpers/config_faults.ts";

const FILES: Readonly<Record<string, string>> = {
  "/etc/x/token": "tk_s3cr3t\n",
  "/etc/x/hook": "https://discord.com/api/webhooks/1/s3cr3t\r\n",
  "/etc/x/spaced": "tk s3cr3t\n",
};

const readBeside: ReadBeside = (path) => {
  const text = FILES[path];
  if (text === undefined) throw new Error("the file does not exist");
  return { text, ...(path.endsWith("hook") ? { openMode: "0644" } : {}) };
};

function parsed(text: string): Config {
  return parseConfig(text, { hostName: () => "h", readBeside });
}

/** The faults, one per line: see {@link faultsIn}. */
function faultsOf(text: string): string[] {
  return faultsIn(() => parsed(text));
}

const ONCALL = `[routes.oncall]\nservice = "ntfy"\ntopic_url = "https://ntfy.example/ssh-topic"\n`;

Deno.test("parseConfig() reads several routes, each with its service's options in the same table", () => {
  const { routes, secrets } = parsed(`[notification]
service = "discord"
[notification.discord]
webhook_url = "https://discord.com/api/webhooks/1/xyz"
${ONCALL}events = ["open"]
notify = "unexpected"
[routes.local_2]
service = "stdout"
`);
  assert.deepEqual(routes.map(({ service, templates: _, ...route }) => ({ ...route, service: service.name })), [
    { name: "default", service: "discord", events: ["open", "close"], notify: "all", connection: {} },
    { name: "oncall", service: "ntfy", events: ["open"], notify: "unexpected", connection: {} },
    { name: "local_2", service: "stdout", events: ["open", "close"], notify: "all", connection: {} },
  ]);
  for (const secret of ["xyz", "ssh-topic"]) assert.ok(secrets.includes(secret));
});

Deno.test("parseConfig() accepts a named route without [notification], or with one that has only settings", () => {
  assert.deepEqual(parsed(ONCALL).routes.map(({ name }) => name), ["oncall"]);
  const config = parsed(`[notification]\ngive_up_after_days = 3\n${ONCALL}`);
  assert.deepEqual([config.routes.length, config.giveUpAfterMs], [1, 3 * 24 * 60 * 60 * 1000]);
});

Deno.test("parseConfig() accepts route keys in [notification]", () => {
  const { routes } = parsed(`[notification]\nservice = "stdout"\nevents = ["close"]\nnotify = "unexpected"\n`);
  assert.deepEqual(routes.map(({ events, notify }) => [events, notify]), [[["close"], "unexpected"]]);
});

Deno.test("parseConfig() reports the faults of all routes at once, with suggestions", async (t) => {
  const table: [text: string, faults: (string | RegExp)[]][] = [
    [`[routes]`, ["config.missing-key notification"]],
    [`routes = 3`, ["config.wrong-type routes", "config.missing-key notification"]],
    [`routes = [1]\n[notification]\nservice = "stdout"`, ["config.wrong-type routes"]],
    [`[routes]\nx = 5`, ["config.wrong-type routes.x"]],
    [`[routes.x]`, ["config.missing-key routes.x.service"]],
    [`[routes.x]\nservice = "nfty"`, [/^config\.wrong-value routes\.x\.service.* "ntfy"/]],
    [`[routes.x]\nservice = "ntfy"`, ["config.missing-key routes.x.topic_url"]],
    [`[routes.default]\nservice = "stdout"`, [/^config\.wrong-value routes\.default(?: |$)/]],
    [`[routes."a b"]\nservice = "stdout"`, [/^config\.wrong-value routes\."a b"(?: |$)/]],
    [`[routes."a\\n<3>b"]\nservice = "stdout"`, [/^config\.wrong-value routes\."a\\n<3>b"(?: |$)/]],
    [`[routes.${"a".repeat(65)}]\nservice = "stdout"`, [/^config\.wrong-value routes\."a{65}" 1 64$/]],
    [`${ONCALL}tokn = "x"`, ['config.unknown-key routes.oncall.tokn "token"']],
    [`${ONCALL}evnts = ["open"]`, ['config.unknown-key routes.oncall.evnts "events"']],
    [`${ONCALL}token_fil = "x"`, [/^config\.unknown-key routes\.oncall\.token_fil.* "token_file"/]],
    [`${ONCALL}events = []`, [/^config\.wrong-value routes\.oncall\.events(?: |$)/]],
    [`${ONCALL}events = "open"`, ["config.wrong-type routes.oncall.events"]],
    [`${ONCALL}events = ["open", "login"]`, ['config.wrong-value routes.oncall.events.1 "open" "close"']],
    [`${ONCALL}notify = "some"`, ['config.wrong-value routes.oncall.notify "all" "unexpected"']],
    [`${ONCALL}ca_file = 5`, ["config.wrong-type routes.oncall.ca_file"]],
    [`${ONCALL}ca_file = "/etc/x/token"`, [/^config\.file-unusable routes\.oncall\.ca_file(?: |$)/]],
    [`[notification]\nservice = "stdout"\nevents = ["x"]`, ['config.wrong-value notification.events.0 "open" "close"']],
    [`${ONCALL}[notification]\nnotify = "all"\n[notification.discord]\n`, [
      "config.conflicting-keys notification.notify",
      "config.conflicting-keys notification.discord",
    ]],
    [`colour = 1\n[routes.x]\nservice = "ntfy"\nnotify = 1\n[routes.y]\nservice = "discord"\nwebhook_url = "x"`, [
      /^config\.unknown-key colour(?: |$)/,
      /^config\.wrong-value routes\.x\.notify(?: |$)/,
      /^config\.missing-key routes\.x\.topic_url(?: |$)/,
      /^config\.wrong-value routes\.y\.webhook_url(?: |$)/,
    ]],
    [`[routes.x]\nservice = "alertmanager"\nserver_url = "https://a.lan"`, [
      "config.missing-key routes.x.server_urls",
      'config.unknown-key routes.x.server_url "server_urls"',
    ]],
    [`[routes.x]\nservice = "alertmanager"\nserver_urls = "https://a.lan"`, ["config.wrong-type routes.x.server_urls"]],
    [`[routes.x]\nservice = "alertmanager"\nserver_urls = ["https://a.lan", "a.lan"]`, [
      "config.wrong-value routes.x.server_urls.1",
    ]],
    [`[routes.x]\nservice = "pagerduty"\nrouting_key = "short"`, ["config.wrong-value routes.x.routing_key 32"]],
    [`[routes.x]\nservice = "apprise"\nserver_url = "https://a.lan"\nkey = "a\\nb"`, [
      "config.wrong-value routes.x.key 1 128",
    ]],
    [`[route.x]\n${ONCALL}`, ['config.unknown-key route "routes"']],
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

Deno.test("parseConfig() reads secrets from files, in [notification] and in named routes", () => {
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
    id: "config.secret-exposed",
    place: "notification.discord.webhook_url_file",
    message: "every user on this host can read the file (mode 0644)",
    hint: "chown root:ssh-session-notifier /etc/x/hook && chmod 0640 /etc/x/hook",
  }]);
});

Deno.test("parseConfig() reports faults of secret files without showing the secret or the path", () => {
  const table: [line: string, fault: string | RegExp][] = [
    [`token_file = "/etc/x/s3cr3t"`, "config.file-unusable routes.oncall.token_file"],
    [`token_file = 5`, "config.wrong-type routes.oncall.token_file"],
    [
      `token_file = "/etc/x/token"\ntoken = "s3cr3t"`,
      'config.conflicting-keys routes.oncall.token_file "token"',
    ],
    [`token_file = "/etc/x/spaced"`, /^config\.wrong-value routes\.oncall\.token_file(?: |$)/],
    // Not also that the user has no password.
    [`user = "u"\npassword_file = "/etc/x/missing"`, "config.file-unusable routes.oncall.password_file"],
  ];
  for (const [line, expected] of table) {
    const faults = faultsOf(`${ONCALL}${line}`);
    assert.equal(faults.length, 1, faults.join("\n"));
    if (typeof expected === "string") assert.equal(faults[0], expected);
    else assert.match(faults[0] ?? "", expected);
    assert.throws(() => parsed(`${ONCALL}${line}`), (error) => !/s3cr3t/.test(String(error)));
  }
  // The option is not also reported as missing.
  assert.deepEqual(faultsOf(`[routes.x]\nservice = "discord"\nwebhook_url_file = "/etc/x/none"`), [
    "config.file-unusable routes.x.webhook_url_file",
  ]);
});

for (const [name, { options, secretOptions }] of services) {
  Deno.test(`${name}: no option has the name of a route key, and every secret is an option`, () => {
    for (const option of [...Object.keys(options), ...secretOptions.map((option) => `${option}_file`)]) {
      assert.ok(!Object.hasOwn(ROUTE_KEYS, option), option);
    }
    assert.equal(
      new Set([...Object.keys(options), ...secretOptions.map((option) => `${option}_file`)]).size,
      Object.keys(options).length + secretOptions.length,
    );
    for (const option of secretOptions) assert.ok(Object.keys(options).includes(option), option);
  });
}
