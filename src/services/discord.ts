// Discord, by a webhook of a channel.

import * as v from "valibot";
import {
  endpoint,
  fittingLines,
  jsonFields,
  judgeStatus,
  secondsToMs,
  sentence,
  sentences,
  urlSchema,
} from "./http.ts";
import type { Batch, HttpResponse, Limits, Outcome, Service } from "./service.ts";

const options = v.strictObject({
  /** `https://discord.com/api/webhooks/{id}/{token}`, from the channel's settings: Integrations, Webhooks. */
  webhook_url: v.pipe(
    urlSchema({ plainHttp: "loopback" }),
    v.check(
      (url) => /^\/api(\/v\d+)?\/webhooks\/[^/]+/.test(url.pathname),
      "must be a webhook of Discord, https://discord.com/api/webhooks/{id}/{token}",
    ),
  ),
});

type Settings = v.InferOutput<typeof options>;

/** The hosts of Discord, with its release channels and the name that it had before. */
const OWN_HOST = /^((canary|ptb)\.)?discord(app)?\.com$/;

/** Longest sender name, in characters. */
const MAX_USERNAME = 80;

/** Message flag that keeps Discord from adding a preview of a link. */
const SUPPRESS_EMBEDS = 1 << 2;

const limits: Limits = { text: 2000, unit: "characters" };

/** The `discord` service. One sentence stays below the limit (see send/render.ts). */
export const discord: Service<Settings> = {
  name: "discord",
  apiUrl: "https://discord.com/developers/docs/resources/webhook#execute-webhook",
  options,
  secretOptions: ["webhook_url"],
  example: `webhook_url = "https://discord.com/api/webhooks/xyz"`,

  limits,

  secrets: ({ webhook_url }) => [
    webhook_url.href,
    webhook_url.pathname,
    ...webhook_url.pathname.split("/").slice(4),
  ],

  endpoints: ({ webhook_url }) => [endpoint(webhook_url)],

  warnings: ({ webhook_url: { hostname } }) =>
    OWN_HOST.test(hostname) ? [] : [`webhook_url leads to ${hostname}, which is not a host of Discord`],

  fitting: (notifications) =>
    fittingLines(notifications.map((notification) => sentence(notification, escapeMarkdown)), limits),

  render(batch, settings, form) {
    const url = new URL(settings.webhook_url);
    // Then the answer comes once the message is stored, which is the proof that we want.
    url.searchParams.set("wait", "true");
    const username = form === "rich" ? senderName(batch) : undefined;
    return {
      kind: "http",
      method: "POST",
      url: url.href,
      headers: { "content-type": "application/json" },
      body: JSON.stringify({
        content: sentences(batch, escapeMarkdown),
        ...(username === undefined ? {} : { username }),
        allowed_mentions: { parse: [] },
        flags: SUPPRESS_EMBEDS,
      }),
    };
  },

  judge(response, nowMs): Outcome {
    const fields = jsonFields(response.body);
    // With `wait=true` Discord answers with the stored message. Something else that says 200 has stored nothing.
    if (response.status === 200 && typeof fields["id"] !== "string") {
      return {
        kind: "broken",
        reason: "HTTP 200, but not the answer of Discord",
      };
    }
    const detail = typeof fields["message"] === "string" ? fields["message"] : undefined;
    const outcome = judgeStatus(response, nowMs, {
      detail,
      retryAfterMs: secondsToMs(fields["retry_after"]),
    });
    const restMs = outcome.kind === "delivered" ? exhaustedForMs(response) : undefined;
    return restMs === undefined ? outcome : { kind: "delivered", restMs };
  },
};

/** How long until Discord takes the next request, where this one was the last for now. */
function exhaustedForMs({ headers }: HttpResponse): number | undefined {
  if (headers["x-ratelimit-remaining"] !== "0") return undefined;
  return secondsToMs(Number(headers["x-ratelimit-reset-after"]));
}

/**
 * The machine as the sender, unless Discord would refuse its name. The list of what it refuses is not all public;
 * what slips through is rejected, and then sent in the plain form, without a sender name.
 */
function senderName({ notifications: [{ hostName }] }: Batch): string | undefined {
  const forbidden = /discord|clyde|```|system message|^(everyone|here)$/i;
  return hostName === "" || hostName.length > MAX_USERNAME || forbidden.test(hostName) ? undefined : hostName;
}

/**
 * Takes the meaning from Discord's markup: a backslash before every ASCII punctuation that has one in the middle of a
 * line, which is where values stand, also inside of links (`://`), mentions (`<@`) and shortcodes (`:`).
 */
function escapeMarkdown(value: string): string {
  return value.replace(/[\\*_~`|<>@#:/[\]()]/g, "\\$&");
}
