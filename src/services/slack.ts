// Slack, through an incoming webhook; also compatible servers such as Mattermost.

import * as v from "valibot";
import { cut, fittedSentences, packed } from "./fitting.ts";
import { blamesMattermostHook, jsonFields, judgeAnswer, textOf } from "./judge_answer.ts";
import { jsonRequest, urlSchema } from "./http.ts";
import { fittingTitled, titleOf, untitledText } from "./titled.ts";
import { unlinked } from "./escapes.ts";
import { factsOf, isSession } from "./wording.ts";
import type { Limits, Message, Outcome, Service } from "./service.ts";

const options = v.strictObject({
  webhook_url: v.pipe(
    urlSchema("loopback"),
    v.check(
      ({ pathname }) => pathname.length > 1,
      "must be an incoming webhook URL, https://hooks.slack.com/services/…",
    ),
    v.description("`https://hooks.slack.com/services/…`, from the app's settings: Incoming Webhooks"),
  ),
});

type Settings = v.InferOutput<typeof options>;

/**
 * The length that Slack recommends; it truncates at 40,000.
 * https://docs.slack.dev/changelog/2018-truncating-really-long-messages/
 */
const limits: Limits = { text: 4000, unit: "code units" };

// https://docs.slack.dev/reference/block-kit/blocks/. A field may have 2000, including its label.
const SECTION: Limits = { text: 3000, unit: "code units" };
const FIELD: Limits = { text: 1900, unit: "code units" };
const HEADER: Limits = { text: 150, unit: "code units" };

/** A sentence must fit into a section. Both wordings give sentences of the same length. */
const WORDING = { limits: SECTION, title: HEADER, escapeTitle: escapeText, message: limits, escape: escapeText };
const SECTION_WORDING = { limits: SECTION, escape: escapeEntities };

/** Slack's errors about the webhook, not the message. */
const SETTINGS_FAULTS: readonly string[] = [
  "action_prohibited",
  "channel_is_archived",
  "channel_not_found",
  "invalid_auth",
  "invalid_token",
  "is_archived",
  "no_active_hooks",
  "no_service",
  "no_service_id",
  "no_team",
  "posting_to_general_channel_denied",
  "team_disabled",
  "token_revoked",
  "user_not_found",
];

/** Slack's errors about the message itself. */
const MESSAGE_FAULTS: readonly string[] = [
  "invalid_blocks",
  "invalid_blocks_format",
  "invalid_payload",
  "msg_too_long",
  "no_text",
  "rollup_error",
  "too_many_attachments",
];

/** The `slack` service: blocks, and the sentences as `text`, which phone and desktop notifications show. */
export const slack: Service<Settings> = {
  name: "slack",
  apiUrl: "https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks/",
  options,
  secretOptions: ["webhook_url"],
  example: `webhook_url = "https://hooks.slack.com/services/T00000000/B00000000/XXXXXXXXXXXXXXXXXXXXXXXX"`,

  limits,

  server: ({ webhook_url: url }) => ({
    option: "webhook_url",
    url,
    own: { hosts: /^hooks\.slack(-gov)?\.com$/, of: "Slack" },
  }),

  fitting: (notifications) => fittingTitled(notifications, WORDING),

  render(message, { webhook_url }, { form }) {
    return jsonRequest(webhook_url.href, {
      text: untitledText(message, WORDING),
      // Disable all interpretation of the text as markup, links or names.
      mrkdwn: false,
      parse: "none",
      link_names: false,
      unfurl_links: false,
      unfurl_media: false,
      ...(form === "rich" ? { blocks: blocksOf(message) } : {}),
    });
  },

  judge(response, nowMs): Outcome {
    const fields = jsonFields(response.body);
    // Slack's errors are one plain word, or JSON that contains it; longer text comes from another server.
    const word = /^[a-z_]{1,60}$/.exec((textOf(fields["error"]) ?? response.body).trim())?.[0];
    return judgeAnswer(response, nowMs, {
      from: "Slack",
      saysFailed: fields["ok"] === false || fields["success"] === false ||
        (word !== undefined && (SETTINGS_FAULTS.includes(word) || MESSAGE_FAULTS.includes(word))),
      detail: textOf(fields["message"]) ?? word ?? textOf(fields["error"]),
      blamesSettings: word !== undefined && SETTINGS_FAULTS.includes(word) ||
        blamesMattermostHook(fields),
    });
  },
};

function blocksOf(message: Message): unknown[] {
  const [first, ...more] = message.notifications;
  const header = {
    type: "header",
    text: plainText(titleOf(message, { title: HEADER, escapeTitle: escapeEntities })),
  };
  if (more.length > 0 || !isSession(first)) {
    const texts = packed(fittedSentences(message, SECTION_WORDING), SECTION);
    return [header, ...texts.map((text) => ({ type: "section", text: plainText(text) }))];
  }
  const fields = factsOf(first).map(({ label, value }) =>
    plainText(`${label}\n${cut(value, { limits: FIELD, escape: escapeEntities })}`)
  );
  return [header, { type: "section", fields }];
}

/** Text in which Slack interprets neither markup nor emojis. */
function plainText(text: string): unknown {
  return { type: "plain_text", text, emoji: false };
}

/** Escapes the three characters of https://docs.slack.dev/messaging/formatting-message-text/#escaping. */
function escapeEntities(value: string): string {
  return unlinked(value).replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

/** Slack always shows `:word:` in `text` as an emoji image, so this replaces the colon with a look-alike. */
function escapeText(value: string): string {
  return escapeEntities(value).replace(/:(?=[\w+'-]+:)/g, "：");
}
