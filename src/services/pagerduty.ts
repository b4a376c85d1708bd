// PagerDuty, by its Events API v2: each message opens an incident.

import * as v from "valibot";
import { cut, fittedSentences, fittingLines } from "./fitting.ts";
import { severityOf, startedAt } from "./alert.ts";
import { jsonFields, judgeAnswer, textOf, textsOf } from "./judge_answer.ts";
import { below, jsonRequest, safeId, urlSchema } from "./http.ts";
import { titleOf } from "./titled.ts";
import { forwarded } from "./escapes.ts";
import { factsOf, isSession } from "./wording.ts";
import type { Limits, Message, Outcome, Service } from "./service.ts";

const options = v.strictObject({
  routing_key: v.pipe(
    v.string(),
    v.regex(/^[A-Za-z0-9]{32}$/, "must be an integration key of 32 letters and digits"),
    v.description("the integration key of an Events API v2 integration"),
  ),
  server_url: v.pipe(
    v.optional(urlSchema("loopback"), "https://events.pagerduty.com"),
    v.description("`https://events.eu.pagerduty.com` for an account in the EU, or your own relay"),
  ),
});

type Settings = v.InferOutput<typeof options>;

/** The limit of a digest. PagerDuty accepts 512 KB, but nobody on call reads that much. */
const limits: Limits = { text: 50_000, unit: "bytes" };

/** "The maximum permitted length of this property is 1024 characters": title, colon and sentence. */
const TITLE = { title: { text: 250, unit: "characters" } } as const;
const SENTENCE: Limits = { text: 1024 - 250 - 2, unit: "characters" };

/** "The maximum permitted length" of the deduplication key; our limit of the host. */
const NAME: Limits = { text: 255, unit: "code units" };

const WORDING = { limits: SENTENCE, message: limits, escape: forwarded };

/**
 * The `pagerduty` service. The deduplication key is the event's own, so that a repeat of an event opens no second
 * incident. A digest is one incident, with the sentences in its details.
 */
export const pagerduty: Service<Settings> = {
  name: "pagerduty",
  apiUrl: "https://developer.pagerduty.com/docs/events-api-v2-overview",
  options,
  secretOptions: ["routing_key"],
  example: `routing_key = "R0123456789abcdefghijklmnopqrstu"`,

  limits,

  server: ({ server_url: url }) => ({
    option: "server_url",
    url,
    own: { hosts: /^events\.(eu\.)?pagerduty\.com$/, of: "PagerDuty" },
  }),

  fitting: (notifications) => fittingLines(notifications, WORDING),

  render(message, { routing_key, server_url }, { form, nowMs }) {
    const { notifications: [first, ...more] } = message;
    const isReport = first.type === "report";
    const sentences = fittedSentences(message, isReport ? { ...WORDING, limits } : WORDING).join("\n");
    const title = titleOf(message, TITLE);
    const isShort = more.length === 0 && !isReport;
    return jsonRequest(below(server_url, "v2/enqueue"), {
      routing_key,
      event_action: "trigger",
      dedup_key: more.length === 0 && isSession(first) ? cut(first.uuid, { limits: NAME }) : safeId(message),
      payload: {
        summary: isShort ? `${title}: ${sentences}` : title,
        source: cut(first.hostName, { limits: NAME }),
        severity: severityOf(message),
        timestamp: startedAt(first, nowMs),
        ...(isShort
          ? form === "rich" ? detailsOf(message) : {}
          : { custom_details: { [isReport ? "Report" : "Events"]: sentences } }),
      },
    });
  },

  judge(response, nowMs): Outcome {
    const { status, message, errors } = jsonFields(response.body);
    const detail = textsOf([message, textsOf(errors)]);
    return judgeAnswer(response, nowMs, {
      from: "PagerDuty",
      saysFailed: /^invalid/i.test(String(textOf(status))),
      detail,
      // "Length of 'routing_key' is incorrect", "Invalid routing key".
      blamesSettings: /routing.?key/i.test(`${textOf(status)} ${detail}`),
    });
  },
};

/** What PagerDuty shows next to the summary of an event. */
function detailsOf({ notifications: [notification] }: Message): Readonly<Record<string, unknown>> {
  if (!isSession(notification)) return {};
  const { type, service, hostName } = notification;
  return {
    ...(service === "" ? {} : { component: forwarded(service, hostName) }),
    class: type === "open" ? "login" : "logout",
    custom_details: Object.fromEntries(
      factsOf(notification).map(({ label, value }) => [label, forwarded(value, hostName)]),
    ),
  };
}
