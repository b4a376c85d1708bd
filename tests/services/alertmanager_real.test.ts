// The real Alertmanager, of Debian: what it makes of our alerts, and how a cluster and a fleet use it.

import assert from "node:assert/strict";
import { ROOT } from "../../.ci/checkout.ts";
import { attempt } from "../../src/send/attempt.ts";
import { services } from "../../src/services/registry.ts";
import type { HttpRequest, HttpResponse, Message, Outcome, SessionNotification } from "../../src/services/service.ts";
import { Alertmanager, type GotAlert, LACKS_ALERTMANAGER } from "../helpers/alertmanager.ts";
import { configured } from "../helpers/compliance.ts";
import { HOSTILE_TEXTS, MARKUP, messageWith, notification } from "../helpers/fixtures.ts";
import { queueLogins } from "../helpers/logins.ts";
import { displaysOf } from "../helpers/mdoc.ts";
import { Installation } from "../helpers/program.ts";
import { json, Receiver } from "../helpers/receiver.ts";
import { waitFor } from "../helpers/wait_for.ts";

const DAY_MS = 24 * 60 * 60 * 1000;

/** A group of alerts, as Alertmanager's webhook receiver gets it. */
interface Group {
  readonly status: string;
  readonly groupLabels: Readonly<Record<string, string>>;
  readonly alerts: readonly { readonly labels: Readonly<Record<string, string>> }[];
}

/** A receiver of groups, and a configuration that leads to it. */
class Groups extends Receiver {
  constructor() {
    super(() => json(200, {}));
  }

  get config(): string {
    return `
route: { receiver: groups, group_by: [alertname, instance], group_wait: 1s, group_interval: 1s, repeat_interval: 4h }
receivers:
- name: groups
  webhook_configs: [{ url: "${this.origin}/", send_resolved: false }]
`;
  }

  get groups(): readonly Group[] {
    return this.received.map(({ body }) => body as unknown as Group);
  }

  /** The users of all alerts, each once, sorted. */
  get users(): readonly string[] {
    return [...new Set(this.groups.flatMap(({ alerts }) => alerts.map(({ labels }) => labels["user"] ?? "")))].sort();
  }
}

function test(name: string, fn: () => Promise<void>): void {
  Deno.test({ name: `alertmanager: ${name}`, ignore: LACKS_ALERTMANAGER, fn });
}

/** A login of now. */
function login(overrides: Partial<SessionNotification> = {}): SessionNotification {
  return notification({ uuid: crypto.randomUUID(), occurredAtMs: Date.now(), ...overrides });
}

function serviceOf(servers: readonly (Alertmanager | string)[], more: Record<string, unknown> = {}) {
  const urls = servers.map((server) => typeof server === "string" ? server : server.origin);
  return configured(services.get("alertmanager") ?? assert.fail(), { server_urls: urls, ...more });
}

async function exchange({ url, method, headers, body }: HttpRequest): Promise<HttpResponse> {
  const response = await fetch(url, { method, headers, body });
  return { status: response.status, headers: Object.fromEntries(response.headers), body: await response.text() };
}

/** Attempts to deliver a message, as `send` does. */
async function deliver(
  message: Message,
  { to, nowMs = Date.now(), options = {} }: {
    to: readonly (Alertmanager | string)[];
    nowMs?: number;
    options?: Record<string, unknown>;
  },
): Promise<Outcome> {
  return await attempt(message, { service: serviceOf(to, options) }, {
    transport: async (request) => {
      assert.ok(request.kind === "http");
      try {
        return { kind: "response", response: await exchange(request) };
      } catch (error) {
        return { kind: "failed", failure: "network", detail: String(error) };
      }
    },
    print: () => {},
    redact: (text) => text,
    clock: { nowMs: () => nowMs },
  });
}

test("two logins of one user are two alerts, a repeat of one is none; both are read back as sent", async () => {
  await using groups = new Groups();
  await using server = await Alertmanager.start(groups.config);
  const [first, second] = [login({ urgency: "urgent", reasons: ["first login of alice"] }), login()];
  for (const one of [first, second, first]) {
    assert.deepEqual(await deliver(messageWith(one), { to: [server] }), { kind: "delivered" });
  }
  const alerts = await server.alerts();
  assert.deepEqual(alerts.map(({ labels }) => labels["event"]).sort(), [first.uuid, second.uuid].sort());
  const { labels, annotations, startsAt } = alerts.find(({ labels }) => labels["event"] === first.uuid) ??
    assert.fail();
  assert.deepEqual(labels, {
    alertname: "SshLogin",
    job: "ssh-session-notifier",
    instance: "example.com",
    severity: "critical",
    event: first.uuid,
    user: "alice",
    address: "203.0.113.7",
    service: "sshd",
  });
  assert.equal(annotations["reasons"], "first login of alice");
  assert.match(annotations["description"] ?? "", /'alice' \(203\.0\.113\.7\) logged in to example\.com/);
  assert.equal(Date.parse(startsAt), first.occurredAtMs);
});

test("hostile values arrive in every field, and in the plain form", async () => {
  await using groups = new Groups();
  await using server = await Alertmanager.start(groups.config);
  const texts = [...HOSTILE_TEXTS.map((text) => text.slice(0, 128)), ...Object.values(MARKUP), "\ud800"];
  for (const text of texts) {
    const values = { user: text, remoteHost: text, service: text, authentication: text, hostName: text || "h" };
    const hostile = login({ ...values, reasons: [text] });
    assert.deepEqual(await deliver(messageWith(hostile), { to: [server] }), { kind: "delivered" }, text);
    const plain = serviceOf([server]).render(messageWith(login(hostile)), { form: "plain", nowMs: Date.now() });
    assert.ok(plain.kind === "http");
    assert.equal(
      (await exchange({ ...plain, body: plain.body.replaceAll(hostile.uuid, crypto.randomUUID()) })).status,
      200,
    );
  }
  assert.equal((await server.alerts()).length, 2 * texts.length);
});

test("a server with basic authentication accepts user and password, and a wrong password breaks the route", async () => {
  await using groups = new Groups();
  // The hash of the password below, by crypt(3).
  const hash = "$2b$04$rt3sQLJR9axOCnGI79YuYenphu8D7DL.XBSH4LsQS/rfvKBts3bGq";
  await using server = await Alertmanager.start(groups.config, { web: `basic_auth_users: { ssh: "${hash}" }` });
  const kindWith = async (options: Record<string, unknown>) =>
    (await deliver(messageWith(login()), { to: [server], options })).kind;
  assert.equal(await kindWith({ user: "ssh", password: "s3cr3t pässword" }), "delivered");
  assert.equal(await kindWith({ user: "ssh", password: "wrong" }), "broken");
  assert.equal(await kindWith({}), "broken");
});

test("an event of yesterday, and one of a clock that was years ahead or behind, are active and notified", async () => {
  await using groups = new Groups();
  await using server = await Alertmanager.start(groups.config);
  const times = [Date.now() - DAY_MS, Date.now() + 900 * DAY_MS, -1, 8.64e15, -8.64e15];
  const logins = times.map((occurredAtMs, index) => login({ occurredAtMs, user: `u${index}` }));
  for (const one of logins) {
    assert.deepEqual(await deliver(messageWith(one), { to: [server] }), { kind: "delivered" });
  }
  assert.deepEqual((await server.alerts()).map(({ labels }) => labels["user"]), ["u0", "u1", "u2", "u3", "u4"]);
  await waitFor(() => groups.users.length === times.length, { what: "all are notified" });
  const left = (await server.alerts()).map(({ endsAt }) => Date.parse(endsAt) - Date.now());
  assert.ok(left.every((ms) => ms > 50 * 60_000 && ms <= 60 * 60_000), `${left}`);
});

test("a host whose clock is so far behind that its alerts arrive as resolved is broken, not delivered", async () => {
  await using groups = new Groups();
  await using server = await Alertmanager.start(groups.config);
  const behind = await deliver(messageWith(login()), { to: [server], nowMs: Date.now() - 2 * 60 * 60_000 });
  assert.deepEqual(behind, {
    kind: "broken",
    reason: "the clock of this host is 120 minutes behind: alerts are resolved before they are notified",
  });
  assert.deepEqual(await server.alerts(), []);
});

test("a digest of 1,000 events is 1,000 alerts, in one request and in few groups", async () => {
  await using groups = new Groups();
  await using server = await Alertmanager.start(groups.config);
  const key = "publickey ED25519 SHA256:p2QAMXNIC1TJYWeIOttrVc98/R1BUFWu3/LiyKgUfQM (work laptop)";
  const [first, ...more] = Array.from(
    { length: 1000 },
    (_, index) => login({ user: `u${index}`, authentication: key, hostName: "bastion.example.com" }),
  );
  assert.ok(first !== undefined);
  assert.equal(serviceOf([server]).fitting([first, ...more]), 1000);
  assert.deepEqual(await deliver(messageWith(first, ...more), { to: [server] }), { kind: "delivered" });
  assert.equal((await server.alerts()).length, 1000);
  await waitFor(() => groups.users.length === 1000, { what: "all are notified" });
  assert.ok(groups.groups.length <= 3, `${groups.groups.length} groups`);
});

test("logins are grouped by host, and a silence by user suppresses only the logins of that user", async () => {
  await using groups = new Groups();
  await using server = await Alertmanager.start(groups.config);
  const silence = await server.shell("amtool silence add user=deploy --comment=rollout");
  assert.match(silence, /^[-0-9a-f]{36}$/);
  const logins = ["web1", "web2"].flatMap((hostName) =>
    ["deploy", `mallory-${hostName}`, `eve-${hostName}`].map((user) => login({ hostName, user }))
  );
  for (const one of logins) await deliver(messageWith(one), { to: [server] });
  await waitFor(() => groups.users.length === 4, { what: "those of mallory and eve are notified" });
  const states = (await server.alerts()).map(({ labels, status }) => `${labels["user"]} ${status.state}`);
  assert.deepEqual(states, [
    ...["deploy suppressed", "deploy suppressed", "eve-web1 active", "eve-web2 active"],
    ...["mallory-web1 active", "mallory-web2 active"],
  ]);
  for (const { groupLabels, alerts } of groups.groups) {
    assert.equal(groupLabels["alertname"], "SshLogin");
    for (const { labels } of alerts) assert.equal(labels["instance"], groupLabels["instance"]);
  }
  assert.ok(!groups.users.includes("deploy"));
});

test("both servers of a cluster get each alert, and notify it as one", async () => {
  await using groups = new Groups();
  await using one = await Alertmanager.start(groups.config);
  await using other = await Alertmanager.start(groups.config, { peers: [await one.clusterAddress()] });
  await waitFor(async () => await one.clusterSize() === 2 && await other.clusterSize() === 2, { what: "a cluster" });
  await using installation = await Installation.create();
  const servers = JSON.stringify([one.origin, other.origin]);
  await installation.writeConfig(`[notification]\nservice = "alertmanager"\nalertmanager.server_urls = ${servers}\n`);
  queueLogins(`${installation.stateDir}/queue/db/session_events.db`, 20);
  const { code, stderr } = await installation.send();
  assert.deepEqual([code, stderr], [0, ""]);
  assert.deepEqual([(await one.alerts()).length, (await other.alerts()).length], [20, 20]);
  // On a busy host, the second server may notify again before it knows that the first has done so.
  await waitFor(() => groups.users.length === 20, { what: "all are notified" });
  const labelsOf = (alerts: readonly GotAlert[]) => alerts.map(({ labels }) => JSON.stringify(labels)).sort();
  assert.deepEqual(labelsOf(await one.alerts()), labelsOf(await other.alerts()), "equal labels are one alert");
});

test("one server of a cluster is enough, but the other is reported; without any, the alert is sent again", async () => {
  await using groups = new Groups();
  const server = await Alertmanager.start(groups.config);
  const stopped = new Receiver(() => json(200, {}));
  await stopped.down();
  const nobody = stopped.origin;
  {
    await using _ = server;
    for (const to of [[nobody, server], [server, nobody], [`${server.origin}/wrong`, server]]) {
      const outcome = await deliver(messageWith(login()), { to });
      assert.equal(outcome.kind, "delivered");
      assert.match(
        "warning" in outcome ? outcome.warning ?? "" : "",
        /^not to every server: 127\.0\.0\.1:\d+: (.*fetch failed|HTTP 404)/,
      );
    }
    assert.equal((await server.alerts()).length, 3);
    const wrong = await deliver(messageWith(login()), { to: [nobody, `${server.origin}/wrong`] });
    assert.deepEqual(wrong, { kind: "broken", reason: `${new URL(server.origin).host}: HTTP 404` });

    await using installation = await Installation.create();
    await installation.writeConfig(
      `[notification]\nservice = "alertmanager"\nalertmanager.server_urls = ["${nobody}", "${server.origin}"]\n`,
    );
    const tested = await installation.test();
    assert.equal(tested.code, 78);
    assert.match(
      tested.stdout,
      /^fault {4}route "default" \(alertmanager\): delivered, but not to every server: 127/,
    );
    queueLogins(`${installation.stateDir}/queue/db/session_events.db`, 1);
    const { code, stderr } = await installation.send();
    assert.equal(code, 0);
    assert.match(
      stderr,
      /^warning: delivered event [-\w]+ on route "default", but not to every server: 127\.0\.0\.1:\d+: /,
    );
    assert.equal((await server.alerts()).length, 5);
  }
  assert.equal((await deliver(messageWith(login()), { to: [nobody, server] })).kind, "retry");
});

test("fifty hosts share it as ssh-session-notifier(8) says", async () => {
  const displays = displaysOf(await Deno.readTextFile(`${ROOT}/src/man/ssh-session-notifier.8`));
  const written = displays.find((text) => text.startsWith("route:")) ?? assert.fail();
  const silence = displays.find((text) => text.startsWith("amtool silence add")) ?? assert.fail();
  await using chat = new Receiver(() => new Response("ok"));
  await using oncall = new Receiver(() => json(202, { status: "success" }));
  const config = written.replace("https://hooks.slack.com", chat.origin)
    .replace("routing_key:", `url: ${oncall.origin}/v2/enqueue\n    routing_key:`)
    .replace("group_wait: 1m", "group_wait: 1s").replace("group_interval: 5m", "group_interval: 1s");
  await using server = await Alertmanager.start(config);
  await server.shell(silence);
  const hosts = Array.from({ length: 50 }, (_, index) => `web${index}.example.com`);
  for (const hostName of [...hosts, "db.example.com"]) {
    await deliver(messageWith(login({ hostName, user: "deploy" })), { to: [server] });
    await deliver(messageWith(login({ hostName })), { to: [server] });
  }
  const urgent = login({ user: "mallory", urgency: "urgent", reasons: ["first login of mallory"] });
  await deliver(messageWith(urgent), { to: [server] });

  const shown = () => chat.received.map(({ text }) => text).join();
  await waitFor(() => hosts.every((host) => shown().includes(`logged in to ${host}`)), {
    what: "the chat has all hosts",
  });
  await waitFor(() => oncall.received.length > 0, { what: "the person on call is called" });
  const called = JSON.stringify(oncall.received.map(({ body }) => body));
  assert.match(called, /'mallory' .* \[first login of mallory\]/);
  assert.doesNotMatch(called, /alice|deploy/);
  assert.doesNotMatch(shown(), /mallory/);
  await waitFor(() => shown().includes("'deploy' (203.0.113.7) logged in to db.example.com"), {
    what: "the database's",
  });
  assert.doesNotMatch(shown(), /'deploy' \(203\.0\.113\.7\) logged in to web/);
  assert.match(shown(), /"\d+ x SshLogin"/);
});
