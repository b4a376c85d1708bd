// Microsoft Teams, through a webhook of the Workflows app ("Send webhook alerts to a channel").

import * as v from "valibot";
import { cut, fittedSentences, fittingDigest, lengthOf } from "./fitting.ts";
import { fieldsOf, jsonFields, judgeAnswer, textOf } from "./judge_answer.ts";
import { jsonRequest, urlSchema } from "./http.ts";
import { plainText, titleOf } from "./titled.ts";
import { fullWidth, undomained } from "./escapes.ts";
import { factsOf, isSession, urgencyOf } from "./wording.ts";
import type { Form, Limits, Message, Outcome, Service, Urgency } from "./service.ts";

/** The hosts of Office 365 connectors. */
const RETIRED_HOST = /(^|\.)(webhook\.office\.com|outlook\.office(365)?\.com)$/;

const options = v.strictObject({
  webhook_url: v.pipe(
    urlSchema("loopback"),
    v.check(
      ({ hostname }) => !RETIRED_HOST.test(hostname),
      "is the URL of an Office 365 connector, which Microsoft retired in May 2026; create a webhook with the " +
        "channel's menu: Workflows",
    ),
    v.check(
      ({ hostname, searchParams }) => RETIRED_HOST.test(hostname) || (searchParams.get("sig") ?? "") !== "",
      "must be the whole URL of a Workflows webhook, including its signature, &sig=…",
    ),
    v.description(
      "the URL of a workflow, with its signature (`sig=`), from the channel's menu: Workflows, Send webhook alerts to a " +
        "channel; anyone must be allowed to trigger it",
    ),
  ),
});

type Settings = v.InferOutput<typeof options>;

/** The hosts of Power Automate and Logic Apps, in Microsoft's public and national clouds. */
const OWN_HOST =
  /\.(logic\.azure\.(com|us|cn)|powerplatform\.(com|microsoft\.us|partner\.microsoftonline\.cn)|appsplatform\.us)$/;

/** "The message size limit is 28 KB", of the whole body; the strictest reading of KB. */
const limits: Limits = { text: 28_000, unit: "bytes" };

const SENTENCE = { limits: { text: 4000, unit: "bytes" }, escape: escapeText } as const;
const TITLE = { title: { text: 500, unit: "bytes" } } as const;
const FACT: Limits = { text: 600, unit: "code units" };

/** Styles of a container, and colours of its text. */
const STYLES: Readonly<Record<Urgency, string>> = { urgent: "attention", normal: "accent", low: "default" };

/** Errors about the workflow, not the message: it is turned off, expects something else, or accepts only signed-in users. */
const SETTINGS_FAULT = /^(WorkflowTriggerIsNotEnabled|TriggerInputSchemaMismatch|Workflow\w*NotFound|DirectApi\w+)$/;

/**
 * The `teams` service: an Adaptive Card with a title, and the facts of a single event or the sentences of a digest.
 *
 * All text is in a RichTextBlock: Teams interprets Markdown and mentions in a TextBlock and a FactSet, but not there.
 * https://learn.microsoft.com/en-us/adaptive-cards/schema-explorer/text-run
 */
export const teams: Service<Settings> = {
  name: "teams",
  apiUrl: "https://support.microsoft.com/en-us/office/create-incoming-webhooks-with-workflows-for-microsoft-teams-" +
    "8ae491c7-0394-4861-ba59-055e33f75498",
  options,
  secretOptions: ["webhook_url"],
  example: `webhook_url = "https://defaultID.00.environment.api.powerplatform.com/powerautomate/automations/direct/` +
    `workflows/ID/triggers/manual/paths/invoke?api-version=1&sp=%2Ftriggers%2Fmanual%2Frun&sv=1.0&sig=SIGNATURE"`,

  limits,

  server: ({ webhook_url: url }) => ({
    option: "webhook_url",
    url,
    own: { hosts: OWN_HOST, of: "Microsoft's Workflows" },
  }),

  fitting: (notifications) =>
    fittingDigest(
      notifications,
      SENTENCE,
      (lines, message) => lengthOf(JSON.stringify(bodyOf(message, lines, "rich")), limits.unit) <= limits.text,
    ),

  render: (message, { webhook_url }, { form }) =>
    jsonRequest(webhook_url.href, bodyOf(message, fittedSentences(message, SENTENCE), form)),

  judge(response, nowMs): Outcome {
    const error = fieldsOf(jsonFields(response.body)["error"]);
    const name = textOf(error["code"]);
    return judgeAnswer(response, nowMs, {
      from: "Workflows",
      saysFailed: name !== undefined,
      detail: name === undefined ? undefined : [name, textOf(error["message"])].filter(Boolean).join(": "),
      blamesSettings: name !== undefined && SETTINGS_FAULT.test(name),
    });
  },
};

/** The request's body: what a bot would receive, with one card. */
function bodyOf(message: Message, lines: readonly string[], form: Form): unknown {
  const title = titleOf(message, TITLE);
  const content = {
    type: "AdaptiveCard",
    version: "1.2",
    // For clients that do not show cards, and for previews.
    fallbackText: message.notifications.length > 1 ? title : plainText(message, SENTENCE),
    msteams: { width: "Full" },
    body: form === "plain" ? blocksOf([plainText(message, SENTENCE)]) : cardOf(message, title, lines),
  };
  return { type: "message", attachments: [{ contentType: "application/vnd.microsoft.card.adaptive", content }] };
}

function cardOf(message: Message, title: string, lines: readonly string[]): unknown[] {
  const [first, ...more] = message.notifications;
  const color = STYLES[urgencyOf(message)];
  const header = {
    type: "Container",
    style: color,
    bleed: true,
    items: [block({ type: "TextRun", text: title, size: "medium", weight: "bolder", color })],
  };
  if (more.length > 0 || !isSession(first)) return [header, ...blocksOf(lines)];
  const facts = factsOf(first).map(({ label, value }) =>
    block(
      { type: "TextRun", text: `${label}: `, weight: "bolder" },
      cut(escapeText(value, first.hostName), { limits: FACT }),
    )
  );
  return [header, ...facts];
}

/** One block for each line. Only a report has several lines; values have no line breaks. */
function blocksOf(texts: readonly string[]): unknown[] {
  return texts.flatMap((text) => text.split("\n")).map((line) => block(line));
}

/** A line of text; a string is a text without any format. */
function block(...inlines: readonly unknown[]): unknown {
  return { type: "RichTextBlock", spacing: "small", inlines };
}

/** Prevents links, and the functions `{{DATE(…)}}` and `{{TIME(…)}}`. */
function escapeText(value: string, hostName: string): string {
  return fullWidth(undomained(value, hostName), /\{(?=\{)/g);
}
