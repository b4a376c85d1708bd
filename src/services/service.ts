// The interface of a notification service. Everything in it is pure: a service says what to request and
// what an answer means; the request itself is made elsewhere (send/http_worker.ts).

import type { GenericSchema, ObjectEntries } from "valibot";

/** What a service shows. Values are capped and free of control characters, but not escaped. */
export type Notification = SessionNotification | TestNotification | NoticeNotification;

/** How loud it is to be: `urgent` for an unexpected login or one of root, `low` for a close. */
export type Urgency = "urgent" | "normal" | "low";

/** One session event. */
export interface SessionNotification {
  readonly type: "open" | "close";
  /** Names the event for ever. */
  readonly uuid: string;
  /** The instant of the event, in milliseconds since the epoch. */
  readonly occurredAtMs: number;
  readonly user: string;
  /** The client's address, or its name where that is all there is; empty for a console. */
  readonly remoteHost: string;
  /** The name that the client's DNS gives to the address in `remoteHost` (sshd's `UseDNS`); usually empty. */
  readonly dnsName: string;
  /** The client's address in its usual form; empty if it is not known. */
  readonly address: string;
  readonly terminal: string;
  readonly service: string;
  /** This machine, as the configuration names it. */
  readonly hostName: string;
  /** `2026-11-23 11:13:32+13:00`. */
  readonly time: string;
  readonly urgency: Urgency;
  /** How the user got in: `publickey ED25519 SHA256:… (work laptop)`; empty where that is not known. */
  readonly authentication: string;
  /** How long the session was, at its close: `2 h 5 min`; empty where that is not known. */
  readonly duration: string;
  /** Why it is unexpected, a few words each: `first login of alice from 203.0.113.7`, `environment tampered with`. */
  readonly reasons: readonly string[];
  /** Whether it may have been sent before: the store that knew was lost. */
  readonly isRepeat: boolean;
}

/** A notification that stands for no event: a person tries the route. */
export interface TestNotification {
  readonly type: "test";
  readonly hostName: string;
  readonly time: string;
}

/** A notification of the notifier itself: what it gave up on another route, and the like. */
export interface NoticeNotification {
  readonly type: "notice";
  readonly hostName: string;
  readonly time: string;
  /** What happened, one sentence without a period. */
  readonly text: string;
  /** The same without the words of a service, which may hold what this one refuses. */
  readonly plainText: string;
}

/** What goes out in one request: one notification, or a digest of several session events. */
export interface Batch {
  /** The same over all tries, so that a service which can drop repeats does. */
  readonly id: string;
  readonly notifications: readonly [Notification, ...Notification[]];
}

/** The longest text of a message, in the unit in which the API counts; `characters` are code points. */
export interface Limits {
  readonly text: number;
  readonly unit: "bytes" | "characters" | "code units";
}

/** An HTTP request, complete. */
export interface HttpRequest {
  readonly kind: "http";
  readonly method: "POST" | "PUT" | "GET";
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Empty for a GET. */
  readonly body: string;
}

/** Text for standard output. */
export interface PrintRequest {
  readonly kind: "print";
  readonly text: string;
}

/** What a service asks for. */
export type ServiceRequest = HttpRequest | PrintRequest;

/** An answer over HTTP. Hostile: it may be anything. */
export interface HttpResponse {
  readonly status: number;
  /** By lower-case name. */
  readonly headers: Readonly<Record<string, string>>;
  /** At most {@link MAX_RESPONSE_BYTES} of it, as UTF-8. */
  readonly body: string;
}

/** A response body is read this far. */
export const MAX_RESPONSE_BYTES = 64 * 1024;

/** What an answer means for the delivery. `reason` is for people; what happens is decided by `kind` alone. */
export type Outcome = /** The service has it. `restMs`: it wants no request before that. */
  | { readonly kind: "delivered"; readonly restMs?: number }
  /** Not now. `retryAfterMs`: when, if the service said so. `limitsRate`: it works, and we asked too often. */
  | {
    readonly kind: "retry";
    readonly reason: string;
    readonly retryAfterMs?: number;
    readonly limitsRate?: true;
  }
  /** Nothing gets through on this route until a person corrects its settings, or those of the proxy if `at` says so. */
  | { readonly kind: "broken"; readonly reason: string; readonly at?: "proxy" }
  /** The service refuses this message. Other messages show whether the message or the route is at fault. */
  | { readonly kind: "refused"; readonly reason: string };

/** `rich`: as the readers of the service like it best. `plain`: the plain sentence, when the rich form was refused. */
export type Form = "rich" | "plain";

/** How a batch is to be rendered. */
export interface RenderOptions {
  readonly form: Form;
  /** The time of the attempt, since the epoch; for services whose requests carry it. */
  readonly nowMs: number;
}

/** A notification service. Its file says its limits, the page of its API, and an example configuration. */
export interface Service<Settings> {
  /** As in `service = "…"` and `[notification.…]`. */
  readonly name: string;
  /** The page that documents the API. */
  readonly apiUrl: string;
  /**
   * What the configuration may say below `[notification.<name>]`; turns it into the settings, or says what is wrong.
   * Each option is described (`v.description`), for the README's table.
   */
  readonly options: GenericSchema<unknown, Settings> & {
    readonly entries: ObjectEntries;
  };
  /**
   * The options that are secret, each a text. Each may stand in a file of its own instead: `token_file` in place of
   * `token`. Whoever reads the configuration sees to that.
   */
  readonly secretOptions: readonly string[];
  /** A working example of the options, as TOML. */
  readonly example: string;
  /** What the API takes in one request, as its page says. */
  readonly limits: Limits;
  /** The values of the settings that must never be shown. */
  secrets(settings: Settings): readonly string[];
  /** The hosts that it talks to, each as `host:port`. */
  endpoints(settings: Settings): readonly string[];
  /** What is unwise about the settings, though it works; a sentence each. */
  warnings?(settings: Settings): readonly string[];
  /** How many of these, from the first, one request takes as a digest; at least 1. */
  fitting(notifications: readonly SessionNotification[], settings: Settings): number;
  /** The request that delivers a batch. */
  render(batch: Batch, settings: Settings, options: RenderOptions): ServiceRequest;
  /** What the answer to that request means. `nowMs`: the time of the answer, since the epoch. */
  judge(response: HttpResponse, nowMs: number): Outcome;
}
