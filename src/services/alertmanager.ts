// Alertmanager, of the Prometheus project: groups, silences and routes the alerts of many hosts. Every event is an
// alert of its own.

import * as v from "valibot";
import { authorization, completeLogin, encodedLogin, loginOptions, oneLogin, tokenOption } from "./credentials.ts";
import { fittedSentence, fitting, lengthOf } from "./fitting.ts";
import { severityOf, startedAt } from "./alert.ts";
import { jsonFields, judgeAnswer, textOf } from "./judge_answer.ts";
import { below, jsonRequest, safeId, serverUrlSchema } from "./http.ts";
import { forwarded, unlinked, withoutMarks } from "./escapes.ts";
import { isSession, title } from "./wording.ts";
import type {
  HttpRequest,
  Limits,
  Message,
  Notification,
  Outcome,
  Service,
  ServiceRequest,
  SessionNotification,
} from "./service.ts";

const options = v.pipe(
  v.strictObject({
    server_urls: v.pipe(
      v.array(serverUrlSchema()),
      v.minLength(1, "must have at least one URL"),
      v.description(
        'a list of the servers\' URLs, `["https://alertmanager.example"]`; each can include a path. Each server of a ' +
          "cluster gets each alert, since they do not exchange alerts; an event is delivered once one has accepted it",
      ),
    ),
    token: tokenOption("an access token, if a proxy in front of the servers requires one"),
    ...loginOptions,
    resolve_after_minutes: v.pipe(
      v.optional(
        v.pipe(
          v.number(),
          v.integer("must be a whole number"),
          v.minValue(10, "must be at least 10"),
          v.maxValue(1440, "must be at most 1440, a day"),
        ),
        60,
      ),
      v.description(
        "how long an alert stays active after it was sent; longer than group_wait and group_interval of its route " +
          "together, or it may be resolved before it is notified; shorter than repeat_interval, or it is notified again",
      ),
    ),
  }),
  completeLogin(),
  oneLogin(),
);

type Settings = v.InferOutput<typeof options>;

/** The limit of the whole body. Alertmanager has none, but nginx in front of it accepts 1 MiB by default. */
const limits: Limits = { text: 1_000_000, unit: "bytes" };

const WORDING = { limits: { text: 4000, unit: "bytes" }, escape: forwarded } as const;

/**
 * For how long an alert must be active by the server's clock: the default group_interval. A resolved alert that was not
 * notified yet never is.
 */
const LEAST_ACTIVE_MS = 5 * 60_000;

const NAMES: Readonly<Record<Notification["type"], string>> = {
  open: "SshLogin",
  close: "SshLogout",
  test: "SshNotifierTest",
  notice: "SshNotifierNotice",
  report: "SshNotifierReport",
};

/**
 * The `alertmanager` service. The label `event` makes each event an alert of its own: without it, a second login of the
 * same user from the same address would be taken for the first. With it, a repeat of an event changes nothing.
 */
export const alertmanager: Service<Settings> = {
  name: "alertmanager",
  apiUrl: "https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml",
  options,
  secretOptions: ["token", "password"],
  example: `server_urls = ["https://alertmanager.example"]\nuser = "ssh"\npassword = "correct horse battery staple"`,

  limits,

  moreSecrets: encodedLogin,

  server: ({ server_urls: urls }) => urls.map((url) => ({ option: "server_urls", url })),

  fitting: (notifications) =>
    fitting(notifications, {
      part: (notification) =>
        lengthOf(JSON.stringify(alertOf({ id: "", notifications: [notification] }, RENDERED_FOR_LENGTH)), "bytes"),
      // With brackets and commas.
      fits: (lengths) => lengths.reduce((sum, length) => sum + length + 1, 1) <= limits.text,
    }),

  render(message, { server_urls: urls, resolve_after_minutes: minutes, ...credentials }, { form, nowMs }) {
    const alerts = message.notifications.map((notification) =>
      alertOf({ ...message, notifications: [notification] }, { form, nowMs, activeMs: minutes * 60_000 })
    );
    const headers = authorization(credentials);
    return toAll(urls.map((url) => jsonRequest(below(url, "api/v2/alerts"), alerts, { headers })));
  },

  judge(response, nowMs, { resolve_after_minutes: minutes }): Outcome {
    const outcome = judgeAnswer(response, nowMs, {
      from: "Alertmanager",
      saysFailed: false,
      detail: errorIn(response.body),
    });
    const behindMs = Date.parse(response.headers["date"] ?? "") - nowMs;
    if (outcome.kind !== "delivered" || !(behindMs > minutes * 60_000 - LEAST_ACTIVE_MS)) return outcome;
    const minutesBehind = Math.round(behindMs / 60_000);
    return {
      kind: "broken",
      reason: `the clock of this host is ${minutesBehind} minutes behind: alerts are resolved before they are notified`,
    };
  },
};

/** How an alert is rendered. `activeMs`: for how long it is active. */
interface AlertOptions {
  readonly form: "rich" | "plain";
  readonly nowMs: number;
  readonly activeMs: number;
}

/** All times have the same length. */
const RENDERED_FOR_LENGTH: AlertOptions = { form: "rich", nowMs: 0, activeMs: 0 };

/**
 * The alert of a message with one notification. It ends relative to the attempt, not to the event: after an outage of a
 * day, it must still be active.
 */
function alertOf(message: Message, { form, nowMs, activeMs }: AlertOptions): Readonly<Record<string, unknown>> {
  const [notification] = message.notifications;
  const session = isSession(notification) ? notification : undefined;
  const rich = form === "rich" ? session : undefined;
  return {
    labels: {
      alertname: NAMES[notification.type],
      job: "ssh-session-notifier",
      instance: notification.hostName,
      severity: severityOf(message),
      event: session?.uuid ?? safeId(message),
      ...(rich === undefined ? {} : labelsOf(rich)),
    },
    annotations: {
      summary: title(message),
      description: fittedSentence(notification, WORDING),
      ...(rich === undefined ? {} : annotationsOf(rich)),
    },
    startsAt: startedAt(notification, nowMs),
    endsAt: new Date(nowMs + activeMs).toISOString(),
  };
}

/** Labels are matched by silences and routes, so their values change as little as possible. */
function labelsOf({ user, remoteHost, service }: SessionNotification): Readonly<Record<string, string>> {
  return withoutEmpty({ user, address: remoteHost, service }, (value) => withoutMarks(unlinked(value)));
}

function annotationsOf(
  { hostName, time, authentication, duration, reasons }: SessionNotification,
): Readonly<Record<string, string>> {
  const values = { time, authentication, duration, reasons: reasons.join("; ") };
  return withoutEmpty(values, (value) => forwarded(value, hostName));
}

function withoutEmpty(
  values: Readonly<Record<string, string>>,
  escape: (value: string) => string,
): Readonly<Record<string, string>> {
  const entries = Object.entries(values).filter(([, value]) => value !== "");
  return Object.fromEntries(entries.map(([name, value]) => [name, escape(value)]));
}

function toAll(requests: readonly HttpRequest[]): ServiceRequest {
  const [first, ...more] = requests;
  return first !== undefined && more.length === 0 ? first : { kind: "http-each", requests };
}

/** Alertmanager answers with a JSON string, its API's framework with `{"code":…,"message":…}`. */
function errorIn(body: string): string | undefined {
  const [, quoted] = /^"((?:[^"\\]|\\.)*)"\s*$/s.exec(body) ?? [];
  return quoted?.replaceAll('\\"', '"') ?? textOf(jsonFields(body)["message"]);
}
