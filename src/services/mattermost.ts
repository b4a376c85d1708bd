// Mattermost, through an incoming webhook of your own server.

import * as v from "valibot";
import { cut } from "./fitting.ts";
import { blamesMattermostHook, jsonFields, judgeAnswer, textOf } from "./judge_answer.ts";
import { jsonRequest, urlSchema } from "./http.ts";
import { fittingTitled, titledText } from "./titled.ts";
import { fullWidth, undomained } from "./escapes.ts";
import { factsOf, isSession, urgencyOf } from "./wording.ts";
import type { Limits, Message, Outcome, Service, Urgency } from "./service.ts";

const options = v.strictObject({
  webhook_url: v.pipe(
    urlSchema("anywhere"),
    v.check(
      ({ pathname }) => /\/hooks\/[^/]+$/.test(pathname),
      "must be an incoming webhook URL, https://mattermost.example/hooks/{id}",
    ),
    v.description("`https://mattermost.example/hooks/{id}`, from the product menu: Integrations, Incoming Webhooks"),
  ),
  channel: v.pipe(
    v.optional(v.pipe(
      v.string(),
      v.regex(/^@?[a-z0-9._-]{1,64}$/, "must be a channel's name in its URL, or the @name of a user"),
    )),
    v.description(
      "another channel than the webhook's: its name in its URL, `town-square`, or `@name` for a direct message",
    ),
  ),
});

type Settings = v.InferOutput<typeof options>;

/** The server splits a longer text into several posts. */
const limits: Limits = { text: 16_383, unit: "characters" };

const FACT: Limits = { text: 1000, unit: "characters" };

const WORDING = {
  limits: { text: 4000, unit: "characters" },
  title: { text: 500, unit: "characters" },
  message: limits,
  escape: escapeValue,
  escapeTitle: escapeMarkup,
} as const;

const COLOURS: Readonly<Record<Urgency, string>> = { urgent: "#d93f3f", normal: "#3b82f6", low: "#8a8f98" };

/**
 * The `mattermost` service: title and sentences as the text, which notifications show; below a single event, its facts
 * with a colour. Urgent messages have the priority "urgent".
 */
export const mattermost: Service<Settings> = {
  name: "mattermost",
  apiUrl: "https://developers.mattermost.com/integrate/webhooks/incoming/",
  options,
  secretOptions: ["webhook_url"],
  example: `webhook_url = "https://mattermost.example/hooks/xxxxxxxxxxxxxxxxxxxxxxxxxx"`,

  limits,

  server: ({ webhook_url: url }) => ({ option: "webhook_url", url }),

  fitting: (notifications) => fittingTitled(notifications, WORDING),

  render: (message, { webhook_url, channel }, { form }) =>
    jsonRequest(webhook_url.href, {
      text: titledText(message, WORDING, form),
      ...(channel === undefined ? {} : { channel }),
      ...(form === "rich" ? ornamentOf(message) : {}),
    }),

  judge(response, nowMs): Outcome {
    const fields = jsonFields(response.body);
    const blamesSettings = blamesMattermostHook(fields);
    const detail = textOf(fields["message"]);
    // The server's answer if incoming webhooks are switched off.
    if (response.status === 501 && blamesSettings) {
      return { kind: "broken", reason: `HTTP 501: ${detail ?? "incoming webhooks are disabled"}` };
    }
    return judgeAnswer(response, nowMs, {
      from: "a Mattermost server",
      saysFailed: typeof fields["status_code"] === "number",
      detail,
      blamesSettings,
    });
  },
};

function ornamentOf(message: Message): Record<string, unknown> {
  const urgency = urgencyOf(message);
  const [first, ...more] = message.notifications;
  return {
    ...(urgency === "urgent" ? { priority: { priority: "urgent" } } : {}),
    ...(more.length > 0 || !isSession(first) ? {} : {
      // Each line begins with a label, so that no value can begin a list or a heading.
      attachments: [{ color: COLOURS[urgency], text: factsOf(first).map(lineFor(first.hostName)).join("\n") }],
    }),
  };
}

function lineFor(hostName: string): (fact: { label: string; value: string }) => string {
  return ({ label, value }) => {
    const short = cut(escapeNames(value, hostName), { limits: FACT, escape: escapeMarkup });
    return `**${label}** ${short}`;
  };
}

function escapeValue(value: string, hostName: string): string {
  return escapeMarkup(escapeNames(value, hostName));
}

/** Prevents links, hashtags and emojis. Mattermost finds these in text even after a backslash. */
function escapeNames(value: string, hostName: string): string {
  return fullWidth(undomained(value, hostName), /(?<![\p{L}\p{N}])#|(?<!\w):(?=[\w+-]+:(?!\w))/gu);
}

/** Escapes Markdown; and mentions, channel links and Slack's `<!channel>`, which a backslash would not prevent. */
function escapeMarkup(value: string): string {
  return fullWidth(value.replace(/[\\*_`|[\]]/g, "\\$&"), /[@~<>]/g);
}
