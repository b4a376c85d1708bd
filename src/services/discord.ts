// Discord, through a channel's webhook.

import * as v from "valibot";
import { cut, fittedSentences, fittingDigest, packed } from "./fitting.ts";
import { jsonFields, judgeAnswer, namesAny, secondsToMs, textOf } from "./judge_answer.ts";
import { jsonRequest, urlSchema } from "./http.ts";
import { plainText, titleOf } from "./titled.ts";
import { factsOf, isSession, urgencyOf } from "./wording.ts";
import type { Limits, Message, Outcome, Service, SessionNotification, Urgency } from "./service.ts";

/** The longest name of a thread, in characters. */
const MAX_THREAD_NAME = 100;

const options = v.pipe(
  v.strictObject({
    webhook_url: v.pipe(
      urlSchema("loopback"),
      v.check(
        (url) => /^\/api(\/v\d+)?\/webhooks\/[^/]+/.test(url.pathname),
        "must be a Discord webhook URL, https://discord.com/api/webhooks/{id}/{token}",
      ),
      v.description(
        "`https://discord.com/api/webhooks/{id}/{token}`, from the channel's settings: Integrations, Webhooks",
      ),
    ),
    thread_id: v.pipe(
      v.optional(v.pipe(v.string(), v.regex(/^\d{1,20}$/, "must be the ID of a thread: digits, in quotes"))),
      v.description("the ID of a thread to post in, in quotes: of the webhook's channel, or a post of its forum"),
    ),
    thread_name: v.pipe(
      v.optional(v.pipe(
        v.string(),
        v.check(
          (name) => name.trim() !== "" && [...name].length <= MAX_THREAD_NAME && !/\p{Cc}/u.test(name),
          `must be one line of 1 to ${MAX_THREAD_NAME} characters`,
        ),
      )),
      v.description("for a forum: each message starts a post with this name"),
    ),
  }),
  v.check(
    ({ thread_id, thread_name }) => thread_id === undefined || thread_name === undefined,
    "must have thread_id or thread_name, not both",
  ),
);

type Settings = v.InferOutput<typeof options>;

/** Discord's hosts: its release channels, and its former name discordapp.com. */
const OWN_HOST = /^((canary|ptb)\.)?discord(app)?\.com$/;

/**
 * Errors about the webhook or its channel, independent of the message: unknown channel, webhook or guild; no access or
 * permission; invalid token; archived or locked thread; a forum that requires a thread, or a channel without threads.
 * https://discord.com/developers/docs/topics/opcodes-and-status-codes#json-json-error-codes
 */
const SETTINGS_FAULTS: ReadonlySet<unknown> = new Set(
  [10003, 10004, 10015, 50001, 50013, 50027, 50083, 160005, 220001, 220002, 220003, 220004],
);

/** The parts of the URL that Discord's errors name, such as an id that "is not snowflake". */
const URL_PARTS = ["webhook_id", "webhook_token", "thread_id"];

/** What to change after some of these errors. */
const ADVICE: ReadonlyMap<unknown, string> = new Map([
  [220001, "this channel is a forum: set thread_name or thread_id"],
  [220003, "this channel is not a forum: remove thread_name"],
]);

/** Longest sender name, in characters. */
const MAX_USERNAME = 80;

/** Message flag that suppresses link previews. It would hide our own embeds too. */
const SUPPRESS_EMBEDS = 1 << 2;

/** Message flag that suppresses sound. */
const SUPPRESS_NOTIFICATIONS = 1 << 12;

const COLOURS: Readonly<Record<Urgency, number>> = { urgent: 0xd93f3f, normal: 0x3b82f6, low: 0x8a8f98 };

// https://discord.com/developers/docs/resources/message#embed-object-embed-limits. Discord does not define "character";
// we count code units, the strictest reading.

/** The limit of all embeds of a message together; digests consist of embeds. */
const limits: Limits = { text: 6000, unit: "code units" };

/** The limit of `content`, and so of any one sentence. */
const CONTENT: Limits = { text: 2000, unit: "code units" };

/** The description of one embed. The limit of all embeds is reached before Discord's ten. */
const DESCRIPTION: Limits = { text: 4096, unit: "code units" };

const TITLE = { title: { text: 256, unit: "code units" }, escapeTitle: escapeMarkdown } as const;

const WORDING = { limits: CONTENT, escape: escapeMarkdown };

/** A field's value. Discord allows 1024, but all fields together must keep the limit of all embeds. */
const FIELD: Limits = { text: 600, unit: "code units" };

/**
 * The `discord` service.
 *
 * `content` always says what happened: phone notifications show nothing else, and readers can turn embeds off. A single
 * event adds an embed with a colour and fields; a digest adds its sentences in as many embeds as needed.
 */
export const discord: Service<Settings> = {
  name: "discord",
  apiUrl: "https://discord.com/developers/docs/resources/webhook#execute-webhook",
  options,
  secretOptions: ["webhook_url"],
  example: `webhook_url = "https://discord.com/api/webhooks/xyz"`,

  limits,

  server: ({ webhook_url: url }) => ({ option: "webhook_url", url, own: { hosts: OWN_HOST, of: "Discord" } }),

  fitting: (notifications) =>
    fittingDigest(
      notifications,
      WORDING,
      (lines) => packed(lines, DESCRIPTION).reduce((sum, { length }) => sum + length, 0) <= limits.text,
    ),

  render(message, { webhook_url, thread_id, thread_name }, { form }) {
    const url = new URL(webhook_url);
    if (thread_id !== undefined) url.searchParams.set("thread_id", thread_id);
    // Makes Discord answer only after it has stored the message.
    url.searchParams.set("wait", "true");
    const username = form === "rich" ? senderName(message) : undefined;
    return jsonRequest(url.href, {
      ...messageOf(message, form === "rich"),
      ...(username === undefined ? {} : { username }),
      ...(thread_name === undefined ? {} : { thread_name }),
      allowed_mentions: { parse: [] },
    });
  },

  judge(response, nowMs): Outcome {
    const fields = jsonFields(response.body);
    const { code, errors } = fields;
    const outcome = judgeAnswer(response, nowMs, {
      from: "Discord",
      // With `wait=true` Discord answers with the stored message, which has an id and no code.
      saysFailed: typeof code === "number" && fields["id"] === undefined,
      detail: ADVICE.get(code) ?? textOf(fields["message"]) ?? textOf([fields["webhook_id"]].flat()[0]),
      retryAfterMs: secondsToMs(fields["retry_after"]),
      blamesSettings: SETTINGS_FAULTS.has(code) || namesAny(fields, URL_PARTS) || namesAny(errors, URL_PARTS),
    });
    if (outcome.kind !== "delivered" || response.headers["x-ratelimit-remaining"] !== "0") return outcome;
    // The rate limit is used up.
    const restMs = secondsToMs(Number(response.headers["x-ratelimit-reset-after"]));
    return restMs === undefined ? outcome : { kind: "delivered", restMs };
  },
};

function messageOf(message: Message, isRich: boolean): Record<string, unknown> {
  const [first, ...more] = message.notifications;
  const color = COLOURS[urgencyOf(message)];
  if (more.length > 0) {
    // A digest is too long for `content`, so its plain form has embeds too, but without colour.
    const embeds = packed(fittedSentences(message, WORDING), DESCRIPTION)
      .map((description) => isRich ? { description, color } : { description });
    return { content: titleOf(message, TITLE), embeds };
  }
  const content = plainText(message, WORDING);
  if (!isRich || !isSession(first)) return { content, flags: SUPPRESS_EMBEDS };
  return {
    content,
    embeds: [{
      title: titleOf(message, TITLE),
      color,
      fields: fieldsOf(first),
    }],
    ...(urgencyOf(message) === "low" ? { flags: SUPPRESS_NOTIFICATIONS } : {}),
  };
}

function fieldsOf(notification: SessionNotification): unknown[] {
  return factsOf(notification).map(({ label, value }) => ({
    name: label,
    value: cut(value, { limits: FIELD, escape: escapeMarkdown }),
    inline: !["Authentication", "Why unexpected"].includes(label),
  }));
}

/**
 * The host name as the sender, unless Discord would refuse it. Not all of Discord's rules are public: if it refuses the
 * name, the message is sent in the plain form, without a sender name.
 */
function senderName({ notifications: [{ hostName }] }: Message): string | undefined {
  const forbidden = /discord|clyde|```|system message|^(everyone|here)$/i;
  return hostName === "" || hostName.length > MAX_USERNAME || forbidden.test(hostName) ? undefined : hostName;
}

/** A word between colons that is not the name of an emoji: part of an IPv6 address, or the seconds and the offset of a time. */
const NO_EMOJI = /(?!100:|1234:)[a-f]*\d[\da-f]*|\d\d[+-]\d\d/;

/** The characters that have a meaning in Discord's Markdown. */
const MARKDOWN = new RegExp(
  [
    // Marks that have a meaning anywhere.
    /[\\*_~`|<>@#[\]]/,
    // The end of a masked link. Its start may be our own bracket on the line before, where no backslash protects.
    /(?<=\])\(/,
    // The colon of a link or of an emoji such as `:skull:`.
    new RegExp(`:(?=//|(?!(?:${NO_EMOJI.source}):)[\\w+-]+:)`),
    // The slash after a name, as in `discord.gg/`.
    /(?<=\.\p{L}[\p{L}\p{N}-]*)\//u,
    // What makes a list or a rule at the start of a line.
    /(?<=^\s*)[-+]|(?<=^\s*\d+)[.)](?=\s|$)/,
  ].map(({ source }) => source).join("|"),
  "gu",
);

/**
 * Escapes Discord's markup, with as few backslashes as possible, because phone notifications show them.
 * https://support.discord.com/hc/en-us/articles/210298617
 */
function escapeMarkdown(value: string): string {
  return value.replace(MARKDOWN, "\\$&");
}
