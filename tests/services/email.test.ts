// The `email` service: its options, and what a mail contains.

import assert from "node:assert/strict";
import fc from "npm:fast-check@4.10.2";
import PostalMime from "npm:postal-mime@4.0.0";
import { ConfigError } from "../../src/config/config_error.ts";
import { parseConfig } from "../../src/config/config.ts";
import { email } from "../../src/services/email.ts";
import { register } from "../../src/services/registry.ts";
import type { MailAnswer, MailRequest, Message, NoticeNotification } from "../../src/services/service.ts";
import { encoded } from "../../src/transport/smtp.ts";
import { configured, FORMS, hostileNotification } from "../helpers/compliance.ts";
import { HOSTILE_TEXTS, messageWith, notification } from "../helpers/fixtures.ts";
import { mailFaults } from "../helpers/mail_faults.ts";
import { NOW_MS } from "../helpers/service_specs.ts";

const registered = register(email);

type Options = Readonly<Record<string, unknown>>;

function mailOf(message: Message, options: Options = {}, form: "rich" | "plain" = "rich"): MailRequest {
  const service = configured(registered, { to: "admin@example.com", ...options });
  const request = service.render(message, { form, nowMs: NOW_MS });
  assert.ok(request.kind === "mail");
  return request;
}

const LOGIN = notification();
const LOGOUT = notification({ type: "close", uuid: "11111111-1111-4111-8111-111111111111", duration: "2 h" });

Deno.test("a mail about a login can be read on a phone: who and where in the subject, the sentence first, then the facts", () => {
  const { headers, text } = mailOf(messageWith(notification({ authentication: "password" })));
  assert.equal(headers["Subject"], "SSH login to example.com: alice from 203.0.113.7");
  const [sentence, empty, ...facts] = text.trimEnd().split("\n");
  assert.match(sentence ?? "", /^'alice' \(203\.0\.113\.7\) logged in to example\.com via ssh \(sshd\) at /);
  assert.equal(empty, "");
  assert.deepEqual(facts.slice(0, 3), ["User: alice", "From: 203.0.113.7, port 50022", "Authentication: password"]);
});

Deno.test("a digest is one mail, with a line for each event or group of events", () => {
  const { headers, text } = mailOf(messageWith(LOGIN, { ...LOGOUT, user: "bob" }, LOGIN));
  assert.equal(text.trimEnd().split("\n").length, 2);
  assert.equal(headers["In-Reply-To"], undefined);
});

Deno.test("the Message-ID is the event's, and a logout refers to that of its login", () => {
  const login = mailOf(messageWith(LOGIN)).headers;
  const logout = mailOf(messageWith(LOGOUT)).headers;
  assert.equal(login["Message-ID"], `<ssh-${LOGIN.uuid}@example.com>`);
  assert.equal(login["In-Reply-To"], undefined);
  assert.equal(logout["Message-ID"], `<ssh-${LOGOUT.uuid}@example.com>`);
  assert.deepEqual([logout["In-Reply-To"], logout["References"]], [login["Message-ID"], login["Message-ID"]]);
  assert.equal(mailOf(messageWith({ ...LOGOUT, sessionId: "" })).headers["In-Reply-To"], undefined);
  // Whatever the attempt, the batch or the order.
  assert.deepEqual(mailOf({ ...messageWith(LOGIN), id: "other" }).headers, login);
  const digest = mailOf(messageWith(LOGIN, LOGOUT)).headers["Message-ID"];
  assert.equal(digest, `<ssh-${messageWith(LOGIN).id}@example.com>`);
});

Deno.test("a mail is marked as automatic, and an urgent one as important", () => {
  const routine = mailOf(messageWith(LOGIN)).headers;
  assert.deepEqual([routine["Auto-Submitted"], routine["Importance"]], ["auto-generated", undefined]);
  const urgent = mailOf(messageWith(notification({ urgency: "urgent" }))).headers;
  assert.deepEqual([urgent["X-Priority"], urgent["Importance"]], ["1", "high"]);
});

Deno.test("the Date is that of the attempt, even if the event's clock was wrong", () => {
  assert.equal(
    mailOf(messageWith(notification({ occurredAtMs: 0 }))).headers["Date"],
    "Sun, 22 Nov 2026 22:13:32 +0000",
  );
});

Deno.test("the sender is the user's address, or one of this host", () => {
  const from = (options: Options, hostName = "web1.example.com") =>
    mailOf(messageWith(notification({ hostName })), options).envelope.from;
  const login = { user: "alice@example.net", password: "secret" };
  assert.equal(from({}), "ssh-session-notifier@web1.example.com");
  assert.equal(from({}, "WEB1"), "ssh-session-notifier@web1");
  assert.equal(from({}, "büro 東京"), "ssh-session-notifier@localhost");
  assert.equal(from(login), "alice@example.net");
  assert.equal(from({ ...login, user: "alice" }), "ssh-session-notifier@web1.example.com");
  assert.equal(from({ ...login, from: "alerts@example.org" }), "alerts@example.org");
});

Deno.test("the server, the port and the encryption have safe defaults", () => {
  const login = { user: "u", password: "secret" };
  const table: [Options, string, string][] = [
    [{}, "localhost:25", "none"],
    [{ server: "127.0.0.1", port: 2525 }, "127.0.0.1:2525", "none"],
    [{ server: "[::1]" }, "[::1]:25", "none"],
    [{ server: "localhost", ...login }, "localhost:587", "none"],
    [{ server: "Mail.example.com" }, "mail.example.com:25", "starttls"],
    [{ server: "mail.example.com", ...login }, "mail.example.com:587", "starttls"],
    [{ server: "mail.example.com", port: 465, ...login }, "mail.example.com:465", "tls"],
    [{ server: "mail.example.com", tls: "tls" }, "mail.example.com:465", "tls"],
    [{ server: "localhost", tls: "starttls" }, "localhost:25", "starttls"],
    [{ server: "mail.example.com", tls: "none" }, "mail.example.com:25", "none"],
  ];
  for (const [options, endpoint, tls] of table) {
    const { server } = mailOf(messageWith(LOGIN), options);
    assert.deepEqual([server.endpoint, server.tls], [endpoint, tls], JSON.stringify(options));
  }
});

/** The faults of `[notification.email]`, each as `key path: message`. */
function faultsOf(toml: string): string[] {
  try {
    parseConfig(`[notification]\nservice = "email"\n[notification.email]\n${toml}`, { hostName: () => "h1" });
    return [];
  } catch (error) {
    assert.ok(error instanceof ConfigError);
    return error.faults.map(({ place, message }) => `${place}: ${message}`);
  }
}

Deno.test("each wrong option is one error with its key path", () => {
  const to = `to = "admin@example.com"\n`;
  const table: [string, RegExp][] = [
    ["", /^notification\.email\.to: is missing$/],
    ["to = 1", /^notification\.email\.to: must be an address, or a list of addresses$/],
    ["to = []", /^notification\.email\.to: must not be empty/],
    ...[
      "team: a@example.com, b@example.com;",
      "a@example.com, b@example.com",
      "Admin <admin@example.com>",
      "<admin@example.com>",
      "a@example.com\\r\\nBcc: b@example.com",
      "zoë@example.com",
      "a@büro.example",
      "admin",
      "@example.com",
      "a@b@example.com",
      `\\"a b\\"@example.com`,
      "a@[127.0.0.1]",
      "a..b@example.com",
      "-a@-b",
      " a@example.com",
      "",
    ].map((
      one,
    ): [string, RegExp] => [`to = "${one}"`, /^notification\.email\.to: must be a plain ASCII address such as/]),
    [`to = ["a@example.com", "b"]`, /^notification\.email\.to\.1: must be a plain ASCII address/],
    [
      `${to}from = "Host <a@example.com>"`,
      /^notification\.email\.from: must be a plain ASCII .* without a name or a group$/,
    ],
    [`${to}server = "mail.example.com:25"`, /^notification\.email\.server: must be a host name or an address, without/],
    [`${to}server = "smtp://mail.example.com"`, /^notification\.email\.server: must be a host name/],
    [`${to}server = "::1"`, /^notification\.email\.server: must be .* IPv6 address in brackets/],
    [`${to}port = 0`, /^notification\.email\.port: must be a port/],
    [`${to}port = "25"`, /^notification\.email\.port: must be a number/],
    [`${to}tls = "ssl"`, /^notification\.email\.tls: must be "starttls", "tls" or "none"$/],
    [`${to}tls = "startls"`, /^notification\.email\.tls: must be .*; did you mean "starttls"\?$/],
    [`${to}user = "u"`, /^notification\.email: must have both user and password, or neither$/],
    [`${to}user = "u"\npassword = "a\\nb"`, /^notification\.email\.password: must be a password, not empty/],
    [
      `${to}user = "u"\npassword = "secret"\nserver = "mail.example.com"\ntls = "none"`,
      /^notification\.email\.tls: must not be "none" with a password: the network could read it$/,
    ],
    [`${to}sever = "mail.example.com"`, /^notification\.email\.sever: is not a known key; did you mean "server"\?$/],
  ];
  for (const [toml, expected] of table) {
    const faults = faultsOf(toml);
    assert.equal(faults.length, 1, `${toml}: ${faults}`);
    assert.match(faults[0] ?? "", expected);
    assert.doesNotMatch(faults[0] ?? "", /secret/);
  }
  for (
    const fine of ["root@localhost", "first.last+ssh@sub.example.com", "o'brien@example.com", "x@xn--bro-hoa.example"]
  ) {
    assert.deepEqual(faultsOf(`to = "${fine}"`), []);
  }
});

Deno.test("an unencrypted connection to another host gives a warning, one to this host does not", () => {
  const warnings = (options: Options) => configured(registered, { to: "admin@example.com", ...options }).warnings;
  assert.deepEqual(warnings({ server: "mail.example.com", tls: "none" }), [
    'tls = "none": the network can read the mails on their way to mail.example.com',
  ]);
  for (const server of ["localhost", "127.0.0.1", "[::1]"]) assert.deepEqual(warnings({ server, tls: "none" }), []);
  assert.deepEqual(warnings({ server: "mail.example.com" }), []);
});

Deno.test("the password is hidden in every form in which a server may quote it", () => {
  const { secrets } = configured(registered, { to: "a@example.com", user: "u", password: "pässword" });
  for (const form of ["pässword", "cMOkc3N3b3Jk", "AHUAcMOkc3N3b3Jk"]) assert.ok(secrets.includes(form), form);
});

Deno.test("no event changes a header other than the subject and the ids, or adds one", async () => {
  const names = (raw: string) => raw.slice(0, raw.indexOf("\r\n\r\n")).split("\r\n").filter((line) => /^\S/.test(line));
  const headersOf = async (request: MailRequest) =>
    names((await encoded(request)).toString()).filter((line) =>
      !/^(Subject|Message-ID|In-Reply-To|References):/.test(line)
    );
  await fc.assert(fc.asyncProperty(hostileNotification, fc.string(), async (hostile, id) => {
    for (const form of FORMS) {
      const request = mailOf({ id, notifications: [{ ...hostile, uuid: id, sessionId: id }] }, {}, form);
      const { hostName, type, urgency } = hostile;
      const honest = messageWith(notification({ hostName, type, urgency }));
      assert.deepEqual(await headersOf(request), await headersOf(mailOf(honest, {}, form)));
      assert.deepEqual(await mailFaults(request), []);
    }
  }));
  for (const text of HOSTILE_TEXTS.map((text) => text.slice(0, 200))) {
    const hostile = { ...LOGIN, user: text, remoteHost: text, uuid: text, sessionId: text, authentication: text };
    for (const type of ["open", "close"] as const) {
      const request = mailOf({ id: text, notifications: [{ ...hostile, type, reasons: [text] }] });
      assert.deepEqual(await mailFaults(request), [], JSON.stringify(text));
    }
  }
});

Deno.test("a notice that quotes a server arrives as text", async () => {
  const notice: NoticeNotification = {
    type: "notice",
    hostName: "h1",
    time: "now",
    text: "route broken: 550\r\nBcc: evil@example.com\r\n\r\n.\r\nquit",
    plainText: "route broken",
  };
  const request = mailOf(messageWith(notice));
  const { headers, text } = await PostalMime.parse(new Uint8Array(await encoded(request)));
  assert.ok(!headers.some(({ key }) => key === "bcc"));
  assert.match(text ?? "", /Bcc: evil@example．com/);
  assert.equal(request.headers["Subject"], "SSH notifications of h1");
});

Deno.test("a report keeps its lines", async () => {
  const lines = ["3 logins by 2 users", "new: alice from 203.0.113.7"];
  const report = { type: "report", hostName: "h1", time: "now", lines, hours: Array(168).fill(0) } as const;
  const request = mailOf(messageWith(report));
  assert.equal(request.text, `SSH report of h1:\n${lines.join("\n")}\n`);
  assert.deepEqual(await mailFaults(request), []);
});

Deno.test("a report is text, and HTML with the logins by weekday and hour", async () => {
  const hours = Array(168).fill(0).with(0, 3).with(167, 1);
  const report = { type: "report", hostName: "h1.example", time: "now", hours } as const;
  const request = mailOf(messageWith({ ...report, lines: ["4 logins", "Users: <b>a</b> https://evil.example 4"] }));
  const { text = "", html = "" } = await PostalMime.parse(new Uint8Array(await encoded(request)));
  assert.match(text, /^SSH report of h1\.example:\n4 logins\nUsers: <b>a<\/b> https：／／evil．example 4\n/);
  const cells = [...html.matchAll(/<td style="[^"]*">(\d*)<\/td>/g)].map(([, count]) => count);
  assert.deepEqual([cells.length, cells[0], cells[1], cells[167]], [168, "3", "", "1"]);
  assert.match(html, /<p>4 logins<\/p>/);
  assert.match(html, /Users: &#60;b&#62;a&#60;\/b&#62; https：/);
  // Nothing that a program would load or follow.
  assert.doesNotMatch(html, /<(a|img|link|script|iframe|form)\b|url\(|https?:/i);
  assert.deepEqual(await mailFaults(request), []);
  assert.equal(mailOf(messageWith({ ...report, lines: ["4 logins"] }), {}, "plain").html, undefined);
});

Deno.test("each reply of a server has one outcome, by its step", () => {
  const answer = (step: MailAnswer["step"], code: number): MailAnswer => ({
    step,
    code,
    text: `${code} x`,
    refused: [],
  });
  const kindOf = (step: MailAnswer["step"], code: number) => email.judgeMail?.(answer(step, code)).kind;
  for (const step of ["greeting", "starttls", "login", "sender", "recipients", "message"] as const) {
    for (const code of [400, 421, 450, 451, 452, 454, 0, 199, 354, 600, 999]) assert.equal(kindOf(step, code), "retry");
    for (const code of [500, 530, 535, 550, 554]) {
      assert.equal(kindOf(step, code), step === "message" ? "refused" : "broken", `${step} ${code}`);
    }
    assert.equal(kindOf(step, 250), step === "message" ? "delivered" : "retry");
  }
  assert.deepEqual([kindOf("sender", 552), kindOf("recipients", 552)], ["refused", "broken"]);
});
