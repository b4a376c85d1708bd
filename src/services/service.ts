// The interface of a notification service. A service is pure: it builds requests and interprets answers;
// transport/http_worker.ts makes the requests and sends the mails.

import type { GenericSchema, ObjectEntries } from "valibot";

/** Templates for the sentences and titles about logins and logouts; see template.ts. */
export interface Templates {
  readonly open?: string | undefined;
  readonly close?: string | undefined;
  readonly title_open?: string | undefined;
  readonly title_close?: string | undefined;
}

/** What a service is asked to show. Values have limited length and no control characters, but are not escaped. */
export type Notification = SessionNotification | TestNotification | NoticeNotification | ReportNotification;

/** How loud it is: `urgent` for an unexpected or root login or a tampered event, `low` for any other logout. */
export type Urgency = "urgent" | "normal" | "low";

/** One session event. */
export interface SessionNotification {
  readonly type: "open" | "close";
  /** The event's permanent ID. */
  readonly uuid: string;
  /** The ID of the session's login: for a login its own, for a logout empty if the login is unknown. */
  readonly sessionId: string;
  /** The time of the event, in milliseconds since the epoch. */
  readonly occurredAtMs: number;
  readonly user: string;
  /** The client's address, or its name if the address is unknown; empty for a console. */
  readonly remoteHost: string;
  /** The name that the client's DNS gives the address in `remoteHost` (sshd's `UseDNS`); usually empty. */
  readonly dnsName: string;
  /** The client's address, normalized; empty if unknown. */
  readonly address: string;
  /** Where the address is: `Auckland, New Zealand; AS64500 Example Net`; empty if unknown. */
  readonly place: string;
  /** Its country (ISO 3166-1 alpha-2); empty if unknown. */
  readonly countryCode: string;
  /** The number of its operator's autonomous system; undefined if unknown. */
  readonly asn: number | undefined;
  /** The client's port; undefined if it is not certain. */
  readonly clientPort: number | undefined;
  readonly terminal: string;
  /** The PAM service: `sshd`, `login`, `su`. */
  readonly service: string;
  /** The process that opened the session, such as sshd's for one connection; undefined if unknown. */
  readonly processId: number | undefined;
  /** This machine's name, from the configuration. */
  readonly hostName: string;
  /** Local time: `2026-11-23 11:13:32+13:00`. */
  readonly time: string;
  readonly urgency: Urgency;
  /** How the user authenticated: `publickey ED25519 SHA256:… (work laptop)`; empty if unknown. */
  readonly authentication: string;
  /** The length of the session, for a logout: `2 h 5 min`; empty if unknown. */
  readonly duration: string;
  /** Why the event is unexpected: `first login of alice from 203.0.113.7`, `environment tampered with`. */
  readonly reasons: readonly string[];
  /** Whether it may have been sent before, because the store that knew was lost. */
  readonly isRepeat: boolean;
  /** The administrator's own words, which replace ours. */
  readonly templates?: Templates | undefined;
}

/** A test of a route, requested by an administrator. */
export interface TestNotification {
  readonly type: "test";
  readonly hostName: string;
  readonly time: string;
}

/** A notice about the notifier itself, such as deliveries that another route gave up. */
export interface NoticeNotification {
  readonly type: "notice";
  readonly hostName: string;
  readonly time: string;
  /** One sentence without a period. */
  readonly text: string;
  /** The same without text quoted from a service, which this service might refuse. */
  readonly plainText: string;
}

/** A regular report of the logins. */
export interface ReportNotification {
  readonly type: "report";
  readonly hostName: string;
  readonly time: string;
  readonly lines: readonly string[];
  /** Logins per hour of the week, from Monday at midnight; 168 numbers. */
  readonly hours: readonly number[];
}

/** The content of one request: one notification, or a digest of several session events. */
export interface Message {
  /** The same for all attempts, so that services can drop duplicates. */
  readonly id: string;
  readonly notifications: readonly [Notification, ...Notification[]];
}

/** The longest text of a message, in the API's unit; `characters` are code points. */
export interface Limits {
  readonly text: number;
  readonly unit: "bytes" | "characters" | "code units";
}

/** A complete HTTP request. */
export interface HttpRequest {
  readonly kind: "http";
  readonly method: "POST" | "PUT" | "GET";
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Empty for a GET. */
  readonly body: string;
}

/** A complete mail, and the server that takes it. */
export interface MailRequest {
  readonly kind: "mail";
  readonly server: MailServer;
  /** The sender and the recipients, as plain addresses. */
  readonly envelope: { readonly from: string; readonly to: readonly string[] };
  /** The headers by name, not encoded. The subject may contain text of an event, no other header does. */
  readonly headers: Readonly<Record<string, string>>;
  /** Plain text, its lines separated by `\n`. */
  readonly text: string;
  /** The same as HTML, for programs that show it. */
  readonly html?: string;
}

/** How to connect to a mail server. */
export interface MailServer {
  /** As `host:port`. */
  readonly endpoint: string;
  /** `starttls` never continues without encryption. */
  readonly tls: "starttls" | "tls" | "none";
  /** The name of this machine for the server. */
  readonly clientName: string;
  readonly login?: { readonly user: string; readonly password: string };
}

/**
 * The request of a service: an HTTP request; the same request to each server of a cluster, of which one must accept it; a
 * mail; or text for standard output.
 */
export type ServiceRequest =
  | HttpRequest
  | { readonly kind: "http-each"; readonly requests: readonly HttpRequest[] }
  | MailRequest
  | { readonly kind: "print"; readonly text: string };

/** An HTTP response. Untrusted: it may contain anything. */
export interface HttpResponse {
  readonly status: number;
  /** Keyed by lower-case name. */
  readonly headers: Readonly<Record<string, string>>;
  /** At most {@link MAX_RESPONSE_BYTES} of it, as UTF-8. */
  readonly body: string;
}

/** The answer of a mail server that decides about a mail. Untrusted: the text may contain anything. */
export interface MailAnswer extends MailReply {
  /** What it answers to. `message`: the text after `DATA`, or a mail that was accepted. */
  readonly step: "greeting" | "starttls" | "login" | "sender" | "recipients" | "message";
  /** The recipients that it refused, while it accepted others. */
  readonly refused: readonly (MailReply & { readonly address: string })[];
}

/** A reply of a mail server. */
export interface MailReply {
  /** The reply code (RFC 5321, section 4.2), such as 250; 0 if there is none. */
  readonly code: number;
  /** The reply, with its code. */
  readonly text: string;
}

/** How much of a response body is read, in bytes. */
export const MAX_RESPONSE_BYTES = 64 * 1024;

/** What an answer means for the delivery. The `kind` decides what happens; `reason` is only for display. */
export type Outcome =
  /** The service accepted it. `restMs`: how long to wait before the next request. `warning`: what it did not do. */
  | { readonly kind: "delivered"; readonly restMs?: number; readonly warning?: string }
  /** Temporary failure. `retryAfterMs`: the wait the service asked for. `limitsRate`: we sent too many requests. */
  | {
    readonly kind: "retry";
    readonly reason: string;
    readonly retryAfterMs?: number;
    readonly limitsRate?: true;
  }
  /** Nothing can be delivered on this route until someone fixes its settings, or the proxy's if `at` is set. */
  | { readonly kind: "broken"; readonly reason: string; readonly at?: "proxy" }
  /** The service refused this message. Other messages show whether the message or the route is at fault. */
  | { readonly kind: "refused"; readonly reason: string };

/** `rich`: with the service's formatting. `plain`: the plain sentence of one notification, if its rich form was refused. */
export type Form = "rich" | "plain";

/** How to render a message. */
export interface RenderOptions {
  readonly form: Form;
  /** The time of the attempt, in milliseconds since the epoch, for services whose requests include it. */
  readonly nowMs: number;
}

/** A question that `test` asks the service after its message was delivered. */
export interface Probe {
  readonly request: HttpRequest;
  /** What the answer warns of, one sentence; undefined for nothing. */
  readonly warning: (response: HttpResponse) => string | undefined;
}

/** The server that a service connects to. */
export interface Server {
  readonly url: URL;
  /** The option that names it. */
  readonly option: string;
  /** Whose hosts these are. Any other may be a relay, or a trap. */
  readonly own?: { readonly hosts: RegExp; readonly of: string };
}

/** A notification service. Its file states its limits, its API's documentation, and an example configuration. */
export interface Service<Settings> {
  /** The name used in `service = "…"` and `[notification.…]`. */
  readonly name: string;
  /** The URL of the API's documentation. */
  readonly apiUrl: string;
  /**
   * The schema of `[notification.<name>]`, which converts the options to settings. The descriptions (`v.description`)
   * appear in ssh-session-notifier.toml(5).
   */
  readonly options: GenericSchema<unknown, Settings> & {
    readonly entries: ObjectEntries;
  };
  /**
   * The secret options; each is a string or a URL. Their values are never shown. The configuration's parser accepts a
   * file instead of each: `token_file` for `token`.
   */
  readonly secretOptions: readonly string[];
  /** A working example of the options, as TOML. */
  readonly example: string;
  /** The documented limit of one request. */
  readonly limits: Limits;
  /** What must never be shown in addition to the secret options: parts of them, or what requests make of them. */
  moreSecrets?(settings: Settings): readonly string[];
  /** The server that the service connects to, or each of several. The registry warns of an unsafe one. */
  server?(settings: Settings): Server | readonly Server[];
  /** Further warnings about settings that work but are unsafe, one sentence each. */
  warnings?(settings: Settings): readonly string[];
  /** Finds settings that deliver, but not as expected, which only the server knows. */
  probe?(settings: Settings): Probe;
  /** How many of these notifications, counted from the first, fit into one request as a digest; at least 1. */
  fitting(notifications: readonly SessionNotification[]): number;
  /** Builds the request that delivers a message. */
  render(message: Message, settings: Settings, options: RenderOptions): ServiceRequest;
  /** Interprets an HTTP response. `nowMs`: the time of the answer, in milliseconds since the epoch. */
  judge(response: HttpResponse, nowMs: number, settings: Settings): Outcome;
  /** Interprets the answer of a mail server, for a service that renders mails. */
  judgeMail?(answer: MailAnswer): Outcome;
}
