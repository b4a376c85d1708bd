// Your own webhook: a CloudEvent as JSON (https://github.com/cloudevents/spec, structured mode). With a secret, it is
// signed according to Standard Webhooks (https://github.com/standard-webhooks/standard-webhooks).

import { createHmac } from "node:crypto";
import * as v from "valibot";
import { areWithin, cut, fittedSentence, fitting } from "./fitting.ts";
import { jsonFields, judgeStatus, textOf } from "./judge_answer.ts";
import { safeId, urlSchema } from "./http.ts";
import { isSession, urgencyOf } from "./wording.ts";
import type { Form, Limits, Message, Service, SessionNotification } from "./service.ts";

const options = v.strictObject({
  url: v.pipe(urlSchema("anywhere"), v.description("the URL to post to")),
  secret: v.pipe(
    v.optional(v.pipe(
      v.string(),
      v.check(
        (text) => keyOf(text).length >= 24 && keyOf(text).length <= 64,
        "must be whsec_ followed by 24 to 64 bytes in base64; create one: echo whsec_$(openssl rand -base64 32)",
      ),
    )),
    v.description("the key for signing requests: `whsec_` followed by 24 to 64 bytes in base64"),
  ),
  content_type: v.pipe(
    v.optional(
      v.pipe(
        v.string(),
        v.regex(
          /^application\/(?:[\w.-]+\+)?json(?:; ?charset=utf-8)?$/i,
          'must be a media type of JSON, such as "application/json"',
        ),
      ),
      "application/cloudevents+json; charset=utf-8",
    ),
    v.description(
      "the media type of the body; `application/json` for a receiver that accepts no other, such as Apprise or Express",
    ),
  ),
});

type Settings = v.InferOutput<typeof options>;

/** The limit of the whole body, as recommended by Standard Webhooks. */
const limits: Limits = { text: 20_000, unit: "bytes" };

/** The limit of one sentence. The event's values are also included separately. */
const SENTENCE: Limits = { text: 4000, unit: "bytes" };

/** The limit of the host in `source`, percent-encoded. */
const HOST: Limits = { text: 250, unit: "bytes" };

/** An id with the length of every message's id. */
const ID_LENGTH = "00000000-0000-0000-0000-000000000000";

/**
 * The `webhook` service, for programs. `data.text` has the plain sentence of each event, `data.events` the events;
 * nothing is folded, and the urgency is a field of its own. The id is the message's id, so the receiver can drop
 * duplicates.
 */
export const webhook: Service<Settings> = {
  name: "webhook",
  apiUrl: "https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md",
  options,
  secretOptions: ["url", "secret"],
  example: `url = "https://example.com/hooks/ssh"\nsecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"`,

  limits,

  moreSecrets: ({ secret }) => secret === undefined ? [] : [secret.replace(/^whsec_/, "")],

  server: ({ url }) => ({ option: "url", url }),

  warnings: ({ secret }) =>
    secret === undefined ? ["secret is not set: the receiver cannot verify who sent a notification"] : [],

  fitting: (notifications) =>
    fitting(notifications, {
      part: (notification) => notification,
      fits: ([first, ...more]) =>
        first === undefined || areWithin([bodyOf({ id: ID_LENGTH, notifications: [first, ...more] }, "rich")], limits),
    }),

  render(message, { url, secret, content_type }, { form, nowMs }) {
    const body = bodyOf(message, form);
    const id = safeId(message);
    const timestamp = String(Math.floor(nowMs / 1000));
    return {
      kind: "http",
      method: "POST",
      url: url.href,
      body,
      headers: {
        "content-type": content_type,
        "webhook-id": id,
        "webhook-timestamp": timestamp,
        ...(secret === undefined ? {} : {
          "webhook-signature": `v1,${
            createHmac("sha256", keyOf(secret)).update(`${id}.${timestamp}.${body}`).digest("base64")
          }`,
        }),
      },
    };
  },

  judge: (response, nowMs) => judgeStatus(response, nowMs, { detail: textOf(jsonFields(response.body)["message"]) }),
};

/** The bytes of a key; empty if the key is invalid. */
function keyOf(secret: string): Uint8Array {
  const [, base64 = ""] = /^whsec_([A-Za-z0-9+/]+={0,2})$/.exec(secret) ?? [];
  try {
    return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  } catch {
    return new Uint8Array();
  }
}

/** The CloudEvent, as JSON. */
function bodyOf(message: Message, form: Form): string {
  const [first, ...more] = message.notifications;
  const text = message.notifications.map((one) => fittedSentence(one, { limits: SENTENCE })).join("\n");
  const events = message.notifications.filter(isSession).map(eventOf);
  return JSON.stringify({
    specversion: "1.0",
    id: safeId(message),
    source: `/ssh-session-notifier/${cut(first.hostName.toWellFormed(), { limits: HOST, escape: encodeURIComponent })}`,
    type: `ssh-session-notifier.${more.length > 0 ? "digest" : first.type}`,
    ...(isSession(first) ? timeOf(first) : {}),
    datacontenttype: "application/json",
    data: form === "plain" ? { text } : { text, host: first.hostName, urgency: urgencyOf(message), events },
  });
}

/** Omits the time if a badly wrong clock gives a year that RFC 3339 cannot express: it allows only four digits. */
function timeOf({ occurredAtMs }: SessionNotification): { readonly time?: string } {
  const time = new Date(occurredAtMs).toISOString();
  return /^\d{4}-/.test(time) ? { time } : {};
}

function eventOf(notification: SessionNotification): Readonly<Record<string, unknown>> {
  const { type, uuid, occurredAtMs, time, user, remoteHost, dnsName, address, terminal, service } = notification;
  const { place, countryCode, asn, urgency, authentication, duration, reasons, isRepeat, clientPort, processId } =
    notification;
  return {
    uuid,
    type,
    occurred_at_ms: occurredAtMs,
    local_time: time,
    user,
    address,
    // The value that PAM reported.
    remote_host: dnsName === "" ? remoteHost : dnsName,
    place,
    country_code: countryCode,
    asn: asn ?? null,
    client_port: clientPort ?? null,
    terminal,
    service,
    process_id: processId ?? null,
    urgency,
    authentication,
    duration,
    reasons,
    is_repeat: isRepeat,
  };
}
