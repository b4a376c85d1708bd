// Google Chat, through a space's incoming webhook.

import * as v from "valibot";
import { fieldsOf, jsonFields, judgeAnswer, textOf } from "./judge_answer.ts";
import { jsonRequest, urlSchema } from "./http.ts";
import { fittingTitled, titledText } from "./titled.ts";
import { fullWidth, undomained } from "./escapes.ts";
import type { Limits, Outcome, Service } from "./service.ts";

const options = v.strictObject({
  webhook_url: v.pipe(
    urlSchema("loopback"),
    v.check(
      ({ pathname, searchParams }) =>
        /^\/v1\/spaces\/[^/]+\/messages$/.test(pathname) && ["key", "token"].every((name) => searchParams.get(name)),
      "must be a Google Chat webhook URL, https://chat.googleapis.com/v1/spaces/…/messages?key=…&token=…",
    ),
    v.description(
      "the webhook's URL, with its key and token, from the space's settings: Apps & integrations, Webhooks",
    ),
  ),
});

type Settings = v.InferOutput<typeof options>;

/** "Maximum length of the field is 4096", in a unit that Google does not document; bytes are the strictest reading. */
const limits: Limits = { text: 4096, unit: "bytes" };

const WORDING = {
  limits: { text: 3500, unit: "bytes" },
  title: { text: 500, unit: "bytes" },
  message: limits,
  escape: escapeMarkup,
} as const;

/** Google's errors about the key, the token or the space, for statuses that do not say so. */
const SETTINGS_FAULT = /API key|API_KEY_|valid token|Space |webhook/i;

/**
 * The `googlechat` service: a title and the sentences, as text. Google Chat has no urgency; only the siren emoji in the
 * title shows it.
 */
export const googlechat: Service<Settings> = {
  name: "googlechat",
  apiUrl: "https://developers.google.com/workspace/chat/quickstart/webhooks",
  options,
  secretOptions: ["webhook_url"],
  example: `webhook_url = "https://chat.googleapis.com/v1/spaces/SPACE/messages?key=KEY&token=TOKEN"`,

  limits,

  server: ({ webhook_url: url }) => ({
    option: "webhook_url",
    url,
    own: { hosts: /^chat\.googleapis\.com$/, of: "Google Chat" },
  }),

  fitting: (notifications) => fittingTitled(notifications, WORDING),

  render: (message, { webhook_url }, { form }) =>
    jsonRequest(webhook_url.href, { text: titledText(message, WORDING, form) }),

  // A 429 usually names no wait: the quota is per minute and space.
  judge(response, nowMs): Outcome {
    // https://cloud.google.com/apis/design/errors#http_mapping
    const error = fieldsOf(jsonFields(response.body)["error"]);
    const detail = textOf(error["message"]);
    return judgeAnswer(response, nowMs, {
      from: "Google Chat",
      saysFailed: typeof error["code"] === "number",
      detail,
      blamesSettings: error["status"] === "PERMISSION_DENIED" || error["status"] === "NOT_FOUND" ||
        detail !== undefined && SETTINGS_FAULT.test(detail),
    });
  },
};

/**
 * Makes Google Chat's markup harmless: `*bold*`, `_italic_`, `~struck~`, `` `code` ``, `<users/all>`, `<url|text>`, and
 * `[text](url)` of newer apps. It has no escape character. An underscore inside a word has no meaning.
 * https://developers.google.com/workspace/chat/format-messages
 */
function escapeMarkup(value: string, hostName: string): string {
  return fullWidth(undomained(value, hostName), /[*~`<]|\](?=\()|(?<![\p{L}\p{N}])_|_(?![\p{L}\p{N}])/gu);
}
