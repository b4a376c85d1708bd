// Pushover.

import * as v from "valibot";
import { fittingLines } from "./fitting.ts";
import { jsonFields, judgeAnswer, textsOf } from "./judge_answer.ts";
import { below, tokenSchema, urlSchema } from "./http.ts";
import { textBelowTitle, titleOf } from "./titled.ts";
import { undomained } from "./escapes.ts";
import { isSession, urgencyOf } from "./wording.ts";
import type { HttpResponse, Limits, Message, Outcome, Service, Urgency } from "./service.ts";

const options = v.strictObject({
  token: v.pipe(
    tokenSchema("an application's API token"),
    v.description("the application's API token, from pushover.net: Your Applications"),
  ),
  user: v.pipe(
    tokenSchema("the key of a user or a group"),
    v.description("the key of the user or group to notify"),
  ),
  server_url: v.pipe(
    v.optional(urlSchema("loopback"), "https://api.pushover.net"),
    v.description("your own relay, instead of Pushover's server"),
  ),
});

type Settings = v.InferOutput<typeof options>;

/** "1024 4-byte UTF-8 characters", https://pushover.net/api#limits. */
const limits: Limits = { text: 1024, unit: "characters" };
const TITLE = { title: { text: 250, unit: "characters" } } as const;

const WORDING = { limits, escape: undomained };

/** From -2 to 2: 1 bypasses quiet hours, -1 makes no sound, 2 would ring until acknowledged. */
const PRIORITIES: Readonly<Record<Urgency, number>> = { urgent: 1, normal: 0, low: -1 };

/** The shortest wait after the API fails, https://pushover.net/api#friendly. */
const LEAST_WAIT_MS = 5_000;

/** How long to wait when the monthly quota is exhausted and the answer does not say. */
const QUOTA_RETRY_MS = 24 * 60 * 60 * 1000;

/** The `pushover` service: sentence, title, priority, and the time of the event. */
export const pushover: Service<Settings> = {
  name: "pushover",
  apiUrl: "https://pushover.net/api",
  options,
  secretOptions: ["token", "user"],
  example: `token = "azGDORePK8gMaC0QOYAMyEEuzJnyUi"\nuser = "uQiRzpo4DXghDmr9QzzfQu27cmVRsG"`,

  limits,

  server: ({ server_url: url }) => ({
    option: "server_url",
    url,
    own: { hosts: /^api\.pushover\.net$/, of: "Pushover" },
  }),

  fitting: (notifications) => fittingLines(notifications, WORDING),

  render(message, { server_url, token, user }, { form }) {
    return {
      kind: "http",
      method: "POST",
      url: below(server_url, "1/messages.json"),
      headers: { "content-type": "application/x-www-form-urlencoded" },
      body: String(
        new URLSearchParams({
          token,
          user,
          message: textBelowTitle(message, WORDING, form),
          ...(form === "rich" ? ornamentOf(message) : {}),
        }),
      ),
    };
  },

  judge(response, nowMs): Outcome {
    const fields = jsonFields(response.body);
    const outcome = judgeAnswer(response, nowMs, {
      from: "Pushover",
      saysFailed: fields["status"] === 0,
      detail: textsOf(fields["errors"]),
      // Pushover adds a field with the name of each invalid parameter.
      blamesSettings: fields["token"] !== undefined || fields["user"] !== undefined,
    });
    if (outcome.kind !== "retry" || outcome.retryAfterMs !== undefined) return outcome;
    const retryAfterMs = response.status === 429 ? quotaRestMs(response, nowMs) : LEAST_WAIT_MS;
    return { ...outcome, retryAfterMs };
  },
};

function ornamentOf(message: Message): Record<string, string> {
  const [first] = message.notifications;
  const timestamp = isSession(first) ? Math.floor(first.occurredAtMs / 1000) : 0;
  return {
    title: titleOf(message, TITLE),
    priority: String(PRIORITIES[urgencyOf(message)]),
    // Pushover would refuse the time of a badly wrong clock.
    ...(timestamp > 0 && timestamp < 2 ** 31 ? { timestamp: String(timestamp) } : {}),
  };
}

/** How long to wait after a 429, the monthly quota; Pushover asks clients not to retry repeatedly. */
function quotaRestMs({ headers }: HttpResponse, nowMs: number): number {
  const resetsAtMs = Number(headers["x-limit-app-reset"] ?? NaN) * 1000;
  return resetsAtMs > nowMs && Number.isFinite(resetsAtMs) ? resetsAtMs - nowMs : QUOTA_RETRY_MS;
}
