// ntfy, on ntfy.sh or a self-hosted server.

import * as v from "valibot";
import { authorization, completeLogin, encodedLogin, loginOptions, oneLogin, tokenOption } from "./credentials.ts";
import { areWithin, cut, fittingDigest } from "./fitting.ts";
import { jsonFields, judgeAnswer, textOf } from "./judge_answer.ts";
import { jsonRequest, urlSchema } from "./http.ts";
import { textBelowTitle } from "./titled.ts";
import { undomained } from "./escapes.ts";
import { headline, urgencyOf } from "./wording.ts";
import type { Limits, Message, Outcome, Service, Urgency } from "./service.ts";

const options = v.pipe(
  v.strictObject({
    topic_url: v.pipe(
      urlSchema("anywhere"),
      v.check(
        (url) => /\/[-_A-Za-z0-9]{1,64}\/?$/.test(url.pathname),
        "must end with a topic: 1 to 64 letters, digits, - or _",
      ),
      v.description("the topic's URL, `https://ntfy.sh/my-topic`; it can include a path before the topic"),
    ),
    token: tokenOption("an access token, if the topic requires one"),
    ...loginOptions,
  }),
  completeLogin(),
  oneLogin(),
);

type Settings = v.InferOutput<typeof options>;

// ntfy's error codes: https://github.com/binwiederhier/ntfy/blob/main/server/errors.go

/**
 * Errors about the settings: an invalid topic; a reserved topic, such as `docs`; and the 429 after too many failed
 * logins, because retrying does not fix a wrong token.
 */
const SETTINGS_FAULTS: ReadonlySet<unknown> = new Set([40009, 40010, 42909]);

/** ntfy's error code for an exhausted daily quota, https://docs.ntfy.sh/publish/#limitations. */
const DAILY_QUOTA = 42908;

/** ntfy.sh allows one more request every five seconds; it sends no `Retry-After`. */
const REFILL_MS = 5_000;
/** How long to wait when the daily quota is exhausted; the answer does not say. */
const QUOTA_RETRY_MS = 60 * 60 * 1000;

/**
 * A server turns a message of 4096 bytes or more into an attachment, of which phones show only the name, and answers 200.
 * https://github.com/binwiederhier/ntfy/blob/main/server/server.go
 */
const limits: Limits = { text: 4095, unit: "bytes" };

const WORDING = { limits, escape: undomained };

/** The text's share of the 8192 bytes that the JSON may have; topic, title and tags need the rest. */
const JSON_TEXT: Limits = { text: 7000, unit: "bytes" };
const TITLE: Limits = { text: 250, unit: "bytes" };

/** From 1 to 5: 5 vibrates for long and pops up, 2 makes no sound; https://docs.ntfy.sh/publish/#message-priority. */
const PRIORITIES: Readonly<Record<Urgency, number>> = { urgent: 5, normal: 3, low: 2 };

/** The `ntfy` service: sentence, title, priority, and a tag that the apps show as an emoji. */
export const ntfy: Service<Settings> = {
  name: "ntfy",
  apiUrl: "https://docs.ntfy.sh/publish/#publish-as-json",
  options,
  secretOptions: ["topic_url", "token", "password"],
  example: `topic_url = "https://ntfy.sh/my-secret-topic"\ntoken = "tk_example"`,

  limits,

  moreSecrets: encodedLogin,

  server: ({ topic_url: url }) => ({ option: "topic_url", url }),

  fitting: (notifications) =>
    fittingDigest(
      notifications,
      WORDING,
      // Quotation marks and line breaks take two bytes in JSON.
      (lines) => areWithin(lines, limits) && areWithin([JSON.stringify(lines.join("\n"))], JSON_TEXT),
    ),

  render(message, { topic_url, ...credentials }, { form }) {
    const { root, topic } = split(topic_url);
    // The text is sent as JSON, because headers are limited to Latin-1.
    return jsonRequest(root, {
      topic,
      message: textBelowTitle(message, WORDING, form),
      ...(form === "rich" ? ornamentOf(message) : {}),
    }, { headers: authorization(credentials) });
  },

  judge(response, nowMs): Outcome {
    const fields = jsonFields(response.body);
    const blamesSettings = SETTINGS_FAULTS.has(fields["code"]);
    const isAttachment = typeof fields["attachment"] === "object" && fields["attachment"] !== null;
    const outcome = judgeAnswer(response, nowMs, {
      from: "an ntfy server",
      saysFailed: typeof fields["code"] === "number" || isAttachment,
      detail: isAttachment
        ? "the message is too long for this server's message-size-limit, so it became an attachment"
        : textOf(fields["error"]),
      blamesSettings,
    });
    if (outcome.kind === "retry" && blamesSettings) return { kind: "broken", reason: outcome.reason };
    if (response.status !== 429 || outcome.kind !== "retry" || outcome.retryAfterMs !== undefined) return outcome;
    return {
      ...outcome,
      retryAfterMs: fields["code"] === DAILY_QUOTA ? QUOTA_RETRY_MS : REFILL_MS,
    };
  },
};

/** Title, priority, and a tag that becomes an emoji, see https://docs.ntfy.sh/emojis/. */
function ornamentOf(message: Message): Record<string, unknown> {
  const { type } = message.notifications[0];
  const urgency = urgencyOf(message);
  const usual = { open: "key", close: "door", test: "loudspeaker", notice: "warning", report: "bar_chart" };
  return {
    // The apps show the tag before the title, so an urgent message begins with 🚨.
    title: cut(headline(message), { limits: TITLE }),
    tags: [urgency === "urgent" ? "rotating_light" : usual[type]],
    priority: PRIORITIES[urgency],
  };
}

/** Splits a topic's URL into the server's root, to which messages are published, and the topic. */
function split(topicUrl: URL): { root: string; topic: string } {
  const path = topicUrl.pathname.replace(/\/$/, "");
  const end = path.lastIndexOf("/");
  return {
    root: `${topicUrl.origin}${path.slice(0, end + 1)}${topicUrl.search}`,
    topic: path.slice(end + 1),
  };
}
