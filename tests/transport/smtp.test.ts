// Mails through the Worker of `send`, to real SMTP servers on loopback: encryption, logins, and every way in which a
// server can refuse, fail or lie.

import assert from "node:assert/strict";
import PostalMime from "npm:postal-mime@4.0.0";
import { systemClock } from "../../src/clock.ts";
import { attempt } from "../../src/send/attempt.ts";
import { redactor } from "../../src/send/redact.ts";
import { email } from "../../src/services/email.ts";
import { register } from "../../src/services/registry.ts";
import type { Message, Outcome } from "../../src/services/service.ts";
import { startTransport } from "../../src/transport/transport.ts";
import { makeCertificates } from "../helpers/certificates.ts";
import { configured } from "../helpers/compliance.ts";
import { messageWith, notification } from "../helpers/fixtures.ts";
import { MailReceiver, type MailReceiverOptions, Refusal, ScriptedServer } from "../helpers/mail_receiver.ts";
import { SECRET } from "../helpers/receivers.ts";
import { waitFor } from "../helpers/wait_for.ts";
import { loadWorker } from "../helpers/wire.ts";

/** In milliseconds; a mail may take six times as long. */
const TIMEOUT_MS = 500;

/** A secret as it is, and as AUTH LOGIN and AUTH PLAIN send it. */
const QUOTED = `${SECRET} ${btoa(SECRET)} ${btoa(`\0alice\0${SECRET}`)}`;

const LOGIN = { user: "alice", password: SECRET };

/** Sends through the Worker, to the server that a test names. */
interface Sender {
  send(name: string, options?: Record<string, unknown>, message?: Message): Promise<Outcome>;
}

/** A test with several servers. They must listen before the Worker starts, which ends this process's own access. */
function mailTest(
  name: string,
  servers: () => Promise<Readonly<Record<string, { readonly port: number }>>>,
  fn: (sender: Sender, servers: Readonly<Record<string, { readonly port: number }>>) => Promise<void>,
  { ca, resolve }: { ca?: () => Promise<string>; resolve?: (name: string) => string[] } = {},
): void {
  Deno.test({
    name,
    permissions: { net: true, read: true, env: true, sys: true, write: true, run: true },
    // The transport lives as long as its process.
    sanitizeOps: false,
    sanitizeResources: false,
    fn: async () => {
      const caCert = await ca?.();
      const running = await servers();
      await loadWorker();
      const hostOf = (server: string) => resolve === undefined ? "127.0.0.1" : server;
      const mailServers = Object.entries(running).map(([server, { port }]) => `${hostOf(server)}:${port}`);
      const transport = await startTransport({
        hosts: mailServers,
        mailServers,
        caCerts: [],
        timeoutMs: TIMEOUT_MS,
        resolve: (name) => Promise.resolve((resolve?.(name) ?? []).map((address) => ({ address, family: 4 }))),
      });
      const send: Sender["send"] = async (server, options = {}, message = messageWith(notification())) => {
        const port = running[server]?.port ?? 0;
        const settings = { to: "admin@example.com", server: hostOf(server), port, tls: "none", ...options };
        const service = configured(register(email), settings);
        return await attempt(message, { service, connection: caCert === undefined ? {} : { caCert } }, {
          transport,
          redact: redactor(service.secrets),
          clock: systemClock,
          print: () => {},
        });
      };
      try {
        await fn({ send }, running);
      } finally {
        for (const server of Object.values(running)) {
          if (server instanceof MailReceiver) await server[Symbol.asyncDispose]();
          else if (server instanceof ScriptedServer) server[Symbol.dispose]();
        }
      }
    },
  });
}

function receivers(options: Readonly<Record<string, MailReceiverOptions>>) {
  return async () => {
    const started = Object.entries(options).map(async ([name, one]) => [name, await MailReceiver.start(one)] as const);
    return Object.fromEntries(await Promise.all(started));
  };
}

function mailsOf(server: unknown) {
  assert.ok(server instanceof MailReceiver);
  return server.mails;
}

mailTest(
  "a mail arrives as it was meant",
  receivers({ plain: {} }),
  async ({ send }, { plain }) => {
    const login = notification({ user: "zoë", hostName: "büro 東京", urgency: "urgent", reasons: [".\r\n.", "é"] });
    assert.deepEqual(await send("plain", { to: ["a@example.com", "b@example.com"] }, messageWith(login)), {
      kind: "delivered",
    });
    const [mail = assert.fail()] = mailsOf(plain);
    assert.deepEqual([mail.from, mail.to], ["ssh-session-notifier@localhost", ["a@example.com", "b@example.com"]]);
    const parsed = await PostalMime.parse(mail.raw);
    assert.match(parsed.subject ?? "", /büro 東京: zoë from 203\.0\.113\.7$/);
    assert.match(parsed.text ?? "", /^'zoë' \(203\.0\.113\.7\) logged in to büro 東京 via ssh/);
    assert.equal(parsed.messageId, `<ssh-${login.uuid}@localhost>`);
    assert.ok(Math.abs(Date.parse(parsed.date ?? "") - Date.now()) < 60_000);
  },
);

const certificates = makeCertificates("DNS:mail.example,IP:127.0.0.1");
const other = makeCertificates("DNS:other.example");

mailTest(
  "STARTTLS and TLS encrypt before the login, check the server's name, and never fall back",
  async () => {
    const { cert, key } = await certificates;
    const wrong = await other;
    const pem = { ca: "", cert, key };
    return await receivers({
      starttls: { certificates: pem, login: LOGIN },
      tls: { certificates: pem, secure: true, login: LOGIN },
      wrong: { certificates: { ...wrong, ca: "" }, secure: true },
      "starttls-wrong": { certificates: { ...wrong, ca: "" } },
      without: { login: LOGIN },
    })();
  },
  async ({ send }, servers) => {
    assert.deepEqual(await send("starttls", { tls: "starttls", ...LOGIN }), { kind: "delivered" });
    assert.deepEqual(await send("tls", { tls: "tls", ...LOGIN }), { kind: "delivered" });
    for (const name of ["starttls", "tls"]) {
      assert.deepEqual(mailsOf(servers[name]).map(({ user, isEncrypted }) => [user, isEncrypted]), [["alice", true]]);
    }
    for (const [name, tls] of [["wrong", "tls"], ["starttls-wrong", "starttls"]] as const) {
      const outcome = await send(name, { tls });
      assert.equal(outcome.kind, "retry", JSON.stringify(outcome));
      assert.match(JSON.stringify(outcome), /certificate/);
    }
    const outcome = await send("without", { tls: "starttls", ...LOGIN });
    assert.equal(outcome.kind, "broken", JSON.stringify(outcome));
    assert.match(JSON.stringify(outcome), /does not offer STARTTLS/);
    assert.deepEqual(mailsOf(servers["without"]), []);
    // A server that speaks TLS where none is expected, and the other way round.
    for (const [name, tls] of [["tls", "none"], ["tls", "starttls"], ["starttls", "tls"]] as const) {
      const outcome = await send(name, { tls, ...tls === "none" ? {} : LOGIN });
      assert.equal(outcome.kind, "retry", `${name} ${tls} ${JSON.stringify(outcome)}`);
    }
  },
  { ca: async () => `${(await certificates).ca}${(await other).ca}` },
);

mailTest(
  "a certificate of an unknown CA is not accepted",
  async () => {
    const { cert, key } = await certificates;
    return await receivers({ tls: { certificates: { ca: "", cert, key }, secure: true } })();
  },
  async ({ send }, { tls }) => {
    const outcome = await send("tls", { tls: "tls" });
    assert.equal(outcome.kind, "retry");
    assert.match(JSON.stringify(outcome), /set ca_file to add one/);
    assert.deepEqual(mailsOf(tls), []);
  },
);

const refuse = (code: number, text = "no") => () => new Refusal(code, text);

mailTest(
  "each refusal has the outcome of the table",
  receivers({
    "login 535": { login: { user: "alice", password: "other" } },
    "login 454": { login: LOGIN, onLogin: refuse(454) },
    "no login": { login: LOGIN },
    "sender 450": { onSender: refuse(450) },
    "sender 553": { onSender: refuse(553) },
    "sender 552": { onSender: refuse(552) },
    "recipients 451": { onRecipient: refuse(451, "4.7.1 greylisted") },
    "recipients 550": { onRecipient: refuse(550) },
    "recipients 550 and 450": { onRecipient: (to) => new Refusal(to.startsWith("a") ? 550 : 450, "no") },
    "text 451": { onText: refuse(451) },
    "text 554": { onText: refuse(554) },
    "text 421": { onText: refuse(421) },
  }),
  async ({ send }) => {
    const expected: Readonly<Record<string, Outcome["kind"]>> = {
      "login 535": "broken",
      "login 454": "retry",
      "no login": "broken",
      "sender 450": "retry",
      "sender 553": "broken",
      "sender 552": "refused",
      "recipients 451": "retry",
      "recipients 550": "broken",
      "recipients 550 and 450": "retry",
      "text 451": "retry",
      "text 554": "refused",
      "text 421": "retry",
    };
    for (const [name, kind] of Object.entries(expected)) {
      const options = { to: ["a@example.com", "b@example.com"], ...name.startsWith("login") ? LOGIN : {} };
      const outcome = await send(name, options);
      assert.equal(outcome.kind, kind, `${name}: ${JSON.stringify(outcome)}`);
      const [code = ""] = /\d{3}$/.exec(name) ?? [];
      assert.ok(outcome.kind !== "delivered" && outcome.reason.includes(code), `${name}: ${JSON.stringify(outcome)}`);
      assert.ok(!JSON.stringify(outcome).includes(SECRET));
    }
  },
);

mailTest(
  "a refused recipient among others is reported, and the others get the mail once",
  receivers({ server: { onRecipient: (to) => to === "b@example.com" ? new Refusal(550, "no such user") : undefined } }),
  async ({ send }, { server }) => {
    const outcome = await send("server", { to: ["a@example.com", "b@example.com", "c@example.com"] });
    assert.deepEqual(outcome, {
      kind: "delivered",
      warning: "the mail server refused some of the recipients: b@example.com (550 no such user)",
    });
    assert.deepEqual(mailsOf(server).map(({ to }) => to), [["a@example.com", "c@example.com"]]);
  },
);

mailTest(
  "no secret is shown, even if the server quotes it while it accepts a mail",
  receivers({
    server: { login: LOGIN, onRecipient: (to) => to.startsWith("b") ? new Refusal(550, QUOTED) : undefined },
  }),
  async ({ send }) => {
    const outcome = await send("server", { to: ["a@example.com", "b@example.com"], ...LOGIN });
    assert.ok(outcome.kind === "delivered" && outcome.warning?.includes("b@example.com"), JSON.stringify(outcome));
    for (const secret of QUOTED.split(" ")) assert.ok(!JSON.stringify(outcome).includes(secret), outcome.warning);
  },
);

mailTest(
  "a server that hangs after the text is tried again with the same Message-ID",
  receivers({ hangs: { onText: (mail) => (HUNG.push(mail.raw), HUNG.length === 1 ? "hang" : undefined) } }),
  async ({ send }, { hangs }) => {
    assert.deepEqual(await send("hangs"), { kind: "retry", reason: "no answer in 3 s" });
    assert.deepEqual(await send("hangs"), { kind: "delivered" });
    const ids = await Promise.all(HUNG.map(async (raw) => (await PostalMime.parse(raw)).messageId));
    assert.equal(ids[0], ids[1]);
    assert.equal(mailsOf(hangs).length, 1);
  },
);
const HUNG: Uint8Array[] = [];

const OK = "250 ok\r\n";
const HELLO = ["220 mail.example ESMTP\r\n", "250 mail.example\r\n"];

mailTest(
  "a session ends with QUIT, whether the mail was accepted or refused",
  () =>
    Promise.resolve({
      accepts: new ScriptedServer([...HELLO, OK, OK, "354 go on\r\n", OK, "221 bye\r\n"]),
      refuses: new ScriptedServer([...HELLO, "550 no\r\n", "221 bye\r\n"]),
    }),
  async ({ send }, { accepts, refuses }) => {
    assert.deepEqual([(await send("accepts")).kind, (await send("refuses")).kind], ["delivered", "broken"]);
    for (const server of [accepts, refuses]) {
      assert.ok(server instanceof ScriptedServer);
      await waitFor(() => Promise.resolve(server.received.endsWith("QUIT\r\n")), { what: "QUIT arrives" });
    }
  },
);

mailTest(
  "garbage, silence and lies of a server are retried, a lasting refusal is not",
  () =>
    Promise.resolve({
      "554": new ScriptedServer(["554 5.7.1 go away\r\n"]),
      "421": new ScriptedServer(["421 too busy\r\n"], { closes: true }),
      "http": new ScriptedServer(["HTTP/1.1 400 Bad Request\r\n\r\n"], { closes: true }),
      "silent": new ScriptedServer([""]),
      "closes": new ScriptedServer([""], { closes: true }),
      "binary": new ScriptedServer(["\u0000\u0001\u0002\uFFFD\n".repeat(1000)]),
      "endless line": new ScriptedServer(["2".repeat(3_000_000)]),
      "endless reply": new ScriptedServer(["220-x\r\n".repeat(500_000)]),
      "closes in the middle": new ScriptedServer([...HELLO, OK], { closes: true }),
      "half a reply": new ScriptedServer([...HELLO, "25"], { closes: true }),
      "nonsense codes": new ScriptedServer([...HELLO, "999 what\r\n"]),
    }),
  async ({ send }) => {
    const outcomes = await Promise.all(
      ["554", "421", "http", "silent", "closes", "binary", "endless line", "endless reply", "closes in the middle"]
        .concat(["half a reply", "nonsense codes"])
        .map(async (name) => [name, await send(name)] as const),
    );
    for (const [name, outcome] of outcomes) {
      assert.equal(outcome.kind, name === "554" ? "broken" : "retry", `${name}: ${JSON.stringify(outcome)}`);
    }
  },
);

mailTest(
  "a name is resolved before the Worker starts, and its addresses are tried in turn",
  async () => ({ "mail.example": await MailReceiver.start(), "none.example": { port: 25 } }),
  async ({ send }, servers) => {
    assert.deepEqual(await send("mail.example", { tls: "none" }), { kind: "delivered" });
    assert.equal(mailsOf(servers["mail.example"]).length, 1);
    const reason = 'cannot resolve the name "none.example"';
    assert.deepEqual(await send("none.example", { tls: "none" }), { kind: "retry", reason });
  },
  { resolve: (name) => name === "mail.example" ? ["127.0.0.3", "127.0.0.1"] : [] },
);
