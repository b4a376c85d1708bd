// Email, by default through the mail server of this host. A mail is plain text; that of a report is HTML as well. Of
// its headers, only the subject has text of an event.

import * as v from "valibot";
import { completeLogin } from "./credentials.ts";
import { cut, fittedSentences, fittingLines } from "./fitting.ts";
import { base64, isLoopback } from "./http.ts";
import { reportHtml } from "./report_html.ts";
import { undomained } from "./escapes.ts";
import { factsOf, isSession, title, urgencyOf } from "./wording.ts";
import type { Limits, MailAnswer, MailReply, MailServer, Message, Outcome, Service } from "./service.ts";

/** The domain of an address, or a host name: ASCII labels (RFC 5321, section 2.3.5). */
const DOMAIN =
  /^(?=.{1,253}$)[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*$/;

/** The part before the @: a Dot-string (RFC 5321, section 4.1.2). */
const LOCAL_PART = /^(?=.{1,64}$)[\w!#$%&'*+/=?^`{|}~-]+(\.[\w!#$%&'*+/=?^`{|}~-]+)*$/;

/** The recipients that every server accepts in one mail (RFC 5321, section 4.5.3.1.8). */
const MAX_RECIPIENTS = 100;

const ADDRESS_FORM = "must be a plain ASCII address such as admin@example.com, without a name or a group";

const address = v.pipe(v.string(), v.check(isAddress, ADDRESS_FORM));

const onlyAddress = v.pipe(
  v.string(),
  v.check(isAddress, `${ADDRESS_FORM}; give several as a list: ["a@example.com", "b@example.com"]`),
);

/** A text without control characters. */
function plainText(what: string) {
  return v.pipe(v.string(), v.regex(/^\P{Cc}+$/u, `must be ${what}, not empty and without control characters`));
}

const options = v.pipe(
  v.strictObject({
    to: v.pipe(
      v.union([
        onlyAddress,
        v.pipe(
          v.array(address),
          v.minLength(1, "must not be empty: nobody would get a mail"),
          v.maxLength(MAX_RECIPIENTS, `must have at most ${MAX_RECIPIENTS} addresses`),
        ),
      ], "must be an address, or a list of addresses"),
      v.transform((to) => typeof to === "string" ? [to] : to),
      v.description("the recipient's address, or a list of addresses"),
    ),
    from: v.pipe(
      v.optional(address),
      v.description(
        "the sender's address. Default: `user` if it is an address, else `ssh-session-notifier@` followed by the host's name",
      ),
    ),
    server: v.pipe(
      v.optional(
        v.pipe(
          v.string(),
          v.toLowerCase(),
          v.check(
            isHost,
            "must be a host name or an address, without a port; put an IPv6 address in brackets",
          ),
        ),
        "localhost",
      ),
      v.description("the mail server's name or address"),
    ),
    port: v.pipe(
      v.optional(v.pipe(
        v.number(),
        v.check((port) => Number.isInteger(port) && port >= 1 && port <= 65_535, "must be a port: 1 to 65535"),
      )),
      v.description('the server\'s port. Default: 465 with `tls = "tls"`, else 587 with a `user`, else 25'),
    ),
    tls: v.pipe(
      v.optional(v.picklist(["starttls", "tls", "none"], 'must be "starttls", "tls" or "none"')),
      v.description(
        '`"starttls"`: the connection must become encrypted before anything is sent; `"tls"`: it is encrypted from the ' +
          'start; `"none"`: it is not encrypted. Default: `"none"` for a server on this host, `"tls"` for port 465, else ' +
          '`"starttls"`',
      ),
    ),
    user: v.pipe(v.optional(plainText("a user name")), v.description("a user name, if the server requires a login")),
    password: v.pipe(v.optional(plainText("a password")), v.description("the user's password")),
  }),
  completeLogin(),
  v.forward(
    v.check(
      (settings) => settings.user === undefined || tlsOf(settings) !== "none" || isLoopback(urlOf(settings)),
      'must not be "none" with a password: the network could read it',
    ),
    ["tls"],
  ),
);

type Settings = v.InferOutput<typeof options>;

/**
 * The limit of the text. Every server accepts a mail of 64 KiB (RFC 5321, section 4.5.3.1.7), and the encoding of the
 * text takes up to three bytes for one.
 */
const limits: Limits = { text: 20_000, unit: "bytes" };

const SUBJECT: Limits = { text: 150, unit: "characters" };

const WORDING = { limits, escape: undomained };

/** The `email` service: a plain text mail with the sentence and the facts of an event, or the sentences of several. */
export const email: Service<Settings> = {
  name: "email",
  apiUrl: "https://www.rfc-editor.org/rfc/rfc5321",
  options,
  secretOptions: ["password"],
  example: `to = "admin@example.com"`,
  limits,

  // The forms in which a server may quote a login.
  moreSecrets: ({ user, password }) =>
    user === undefined || password === undefined ? [] : [base64(password), base64(`\0${user}\0${password}`)],

  server: (settings) => ({ option: "server", url: urlOf(settings) }),

  warnings: (settings) =>
    tlsOf(settings) === "none" && !isLoopback(urlOf(settings))
      ? [`tls = "none": the network can read the mails on their way to ${settings.server}`]
      : [],

  fitting: (notifications) => fittingLines(notifications, WORDING),

  render(message, settings, { form, nowMs }) {
    const { hostName } = message.notifications[0];
    const from = senderOf(settings, hostName);
    const isUrgent = urgencyOf(message) === "urgent";
    const [first] = message.notifications;
    return {
      kind: "mail",
      server: serverOf(settings, hostName),
      envelope: { from, to: settings.to },
      headers: {
        "From": from,
        "To": settings.to.join(", "),
        "Subject": cut(oneLine(form === "rich" ? subjectOf(message) : title(message)), { limits: SUBJECT }),
        // The time of the attempt: the time of an old event, or of a wrong clock, would look like spam.
        "Date": new Date(nowMs).toUTCString().replace("GMT", "+0000"),
        ...threadOf(message, from),
        "Auto-Submitted": "auto-generated",
        ...(isUrgent && form === "rich" ? { "X-Priority": "1", "Importance": "high" } : {}),
      },
      text: `${textOf(message, form).toWellFormed()}\n`,
      ...(first.type === "report" && form === "rich" ? { html: reportHtml(first).toWellFormed() } : {}),
    };
  },

  judge: () => ({ kind: "retry", reason: "not an answer of a mail server" }),
  judgeMail,
};

function isAddress(text: string): boolean {
  const [local = "", domain = "", ...more] = text.split("@");
  return LOCAL_PART.test(local) && DOMAIN.test(domain) && more.length === 0;
}

function isHost(text: string): boolean {
  return (DOMAIN.test(text) || /^\[[0-9a-f:.]+\]$/.test(text)) && URL.canParse(`smtp://${text}`);
}

/** What decides how to connect. */
interface Connection {
  readonly server: string;
  readonly port?: number | undefined;
  readonly tls?: MailServer["tls"] | undefined;
  readonly user?: string | undefined;
}

function tlsOf({ server, port, tls }: Connection): MailServer["tls"] {
  // The certificate of a mail server on this host is usually self-signed, and nobody else can read the connection.
  return tls ?? (isLoopback({ hostname: server } as URL) ? "none" : port === 465 ? "tls" : "starttls");
}

function urlOf(settings: Connection): URL {
  const port = settings.port ?? (tlsOf(settings) === "tls" ? 465 : settings.user === undefined ? 25 : 587);
  return new URL(`smtp://${settings.server}:${port}`);
}

function serverOf(settings: Settings, hostName: string): MailServer {
  const { user, password } = settings;
  return {
    endpoint: urlOf(settings).host,
    tls: tlsOf(settings),
    // Servers may require a full name, or an address in brackets (RFC 5321, section 4.1.3).
    clientName: DOMAIN.test(hostName) && hostName.includes(".") ? hostName : "[127.0.0.1]",
    ...(user === undefined || password === undefined ? {} : { login: { user, password } }),
  };
}

/** The sender. Servers with a login often accept no address but the user's own. */
function senderOf({ from, user }: Settings, hostName: string): string {
  if (from !== undefined) return from;
  if (user !== undefined && isAddress(user)) return user;
  return `ssh-session-notifier@${DOMAIN.test(hostName) ? hostName.toLowerCase() : "localhost"}`;
}

/**
 * The id of the mail, the same for all attempts; and for a logout, the id of the mail about its login, so that mail
 * programs show them together.
 */
function threadOf({ id, notifications: [first, ...more] }: Message, from: string): Readonly<Record<string, string>> {
  // The ids come from the queue, which the hook's user can write.
  const idOf = (uuid: string) => `<ssh-${uuid.replaceAll(/[^A-Za-z0-9-]/g, "").slice(0, 64)}@${from.split("@")[1]}>`;
  if (!isSession(first) || more.length > 0) return { "Message-ID": idOf(id) };
  const login = idOf(first.sessionId);
  return {
    "Message-ID": idOf(first.uuid),
    ...(first.type === "close" && first.sessionId !== "" ? { "In-Reply-To": login, "References": login } : {}),
  };
}

/** The title; for a single event, followed by its user and address. */
function subjectOf(message: Message): string {
  const [first, ...more] = message.notifications;
  if (!isSession(first) || more.length > 0) return title(message);
  const shown = (value: string) => cut(undomained(value, first.hostName), { limits: { text: 40, unit: "characters" } });
  const from = first.remoteHost === "" ? "" : ` from ${shown(first.remoteHost)}`;
  return `${title(message)}: ${shown(first.user)}${from}`;
}

function textOf(message: Message, form: "rich" | "plain"): string {
  const [first, ...more] = message.notifications;
  const sentences = fittedSentences(message, WORDING)
    // Only a report has lines of its own.
    .map((text) => first.type === "report" ? text.split("\n").map(oneLine).join("\n") : oneLine(text)).join("\n");
  if (form === "plain" || !isSession(first) || more.length > 0) return sentences;
  const facts = factsOf(first).map(({ label, value }) => `${label}: ${oneLine(undomained(value, first.hostName))}`);
  return [sentences, "", ...facts].join("\n");
}

/** Replaces control characters. A line break could forge a fact, or the next header. */
function oneLine(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Zl}\p{Zp}]/gu, "\uFFFD");
}

/** What a server refuses, by the step, and what to do. */
const REFUSED: Readonly<Record<MailAnswer["step"], string>> = {
  greeting: "the mail server refuses the connection",
  starttls: 'the mail server does not offer STARTTLS; set "tls" and "port" as its operator documents',
  login: "the mail server refuses the login",
  sender: 'the mail server refuses the sender; set "from"',
  recipients: "the mail server refuses every recipient",
  message: "the mail server refuses the message",
};

/** The code for a mail that is too long (RFC 1870, section 6.1); of a recipient, it means a full mailbox. */
const TOO_LONG = 552;

/**
 * Interprets the answer to a mail. If some recipients are refused, the mail is delivered to the others: another attempt
 * would reach those again, each time.
 */
function judgeMail({ step, code, text, refused }: MailAnswer): Outcome {
  if (step === "message" && code >= 200 && code < 300) {
    const replies = refused.map(({ address, text }: MailReply & { address: string }) => `${address} (${text})`);
    return replies.length === 0
      ? { kind: "delivered" }
      : { kind: "delivered", warning: `the mail server refused some of the recipients: ${replies.join(", ")}` };
  }
  if (code < 500 || code > 599) return { kind: "retry", reason: `the mail server answers: ${text}` };
  const isMessage = step === "message" || (step === "sender" && code === TOO_LONG);
  return { kind: isMessage ? "refused" : "broken", reason: `${REFUSED[step]}: ${text}` };
}
