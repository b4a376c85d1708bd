// Signal, through your own signal-cli-rest-api server, which has an account with its own number.

import * as v from "valibot";
import { jsonFields, judgeAnswer, textOf } from "./judge_answer.ts";
import { below, jsonRequest, serverUrlSchema } from "./http.ts";
import { fittingTitled, titledText } from "./titled.ts";
import { undomained } from "./escapes.ts";
import type { HttpResponse, Limits, Outcome, Service } from "./service.ts";

const NUMBER = /^\+[1-9]\d{4,14}$/;
const GROUP = /^group\.[\w+/=-]+$/;

const options = v.strictObject({
  server_url: v.pipe(
    serverUrlSchema(),
    v.description(
      "the URL of your signal-cli-rest-api server, `http://127.0.0.1:8080`; it can include a path. It requires no " +
        "password: anyone who can connect to it can use the account",
    ),
  ),
  number: v.pipe(
    v.string(),
    v.regex(NUMBER, "must be the account's number with its country code, +15550100001"),
    v.description("the account's number, with its country code: `+15550100001`"),
  ),
  recipients: v.pipe(
    v.array(v.pipe(
      v.string(),
      v.check(
        (text) => NUMBER.test(text) || GROUP.test(text),
        "must be a number, +15550100002, or a group's ID, group.…",
      ),
    )),
    v.minLength(1, "must name at least one recipient"),
    v.check(
      (recipients) => recipients.length === 1 || !recipients.some((recipient) => GROUP.test(recipient)),
      "must be numbers, or a single group: the server does not send to both in one request",
    ),
    v.description(
      "a list of numbers, or of one group's ID, `group.…`, which the server lists at `/v1/groups/{number}`",
    ),
  ),
});

type Settings = v.InferOutput<typeof options>;

/** Signal sends a longer text as an attachment. It does not document the unit; bytes are the strictest reading. */
const limits: Limits = { text: 2000, unit: "bytes" };

const WORDING = {
  limits: { text: 1700, unit: "bytes" },
  title: { text: 250, unit: "bytes" },
  message: limits,
  escape: undomained,
} as const;

/** Failures to reach Signal, which the server reports with the status 400. */
const TEMPORARY = /IO exception|connect|timed? ?out|unavailable|closed unexpectedly|network|rate.?limit/i;

/** Errors about the account or a recipient, which affect every message. */
const SETTINGS_FAULT = /regist|authori[sz]|account|recipient|group|user|number|device|untrusted/i;

/** The `signal` service: a title and the sentences, as text without styles. Nothing but the siren shows urgency. */
export const signal: Service<Settings> = {
  name: "signal",
  apiUrl: "https://bbernhard.github.io/signal-cli-rest-api/#/Messages/post_v2_send",
  options,
  secretOptions: [],
  example: `server_url = "https://signal.example"\nnumber = "+15550100001"\nrecipients = ["+15550100002"]`,

  limits,

  server: ({ server_url: url }) => ({ option: "server_url", url }),

  fitting: (notifications) => fittingTitled(notifications, WORDING),

  render: (message, { server_url, number, recipients }, { form }) =>
    jsonRequest(below(server_url, "v2/send"), {
      number,
      recipients,
      message: titledText(message, WORDING, form),
      // The server's own default can be "styled", which would interpret *bold* and the like.
      text_mode: "normal",
    }),

  judge(response, nowMs): Outcome {
    const fields = jsonFields(response.body);
    const detail = textOf(fields["error"]);
    const outcome = judgeAnswer(response, nowMs, {
      from: "signal-cli-rest-api",
      saysFailed: detail !== undefined,
      detail,
      blamesSettings: detail !== undefined && SETTINGS_FAULT.test(detail),
    });
    if (outcome.kind === "delivered" || detail === undefined) return outcome;
    if (wantsCaptcha(response, detail)) {
      return { kind: "broken", reason: `HTTP ${response.status}: ${captcha(fields)}` };
    }
    const isTemporary = response.status === 400 && TEMPORARY.test(detail);
    return isTemporary ? { kind: "retry", reason: outcome.reason } : outcome;
  },
};

/** Whether Signal accepts no more messages until a person solves a captcha. Waiting is useless. */
function wantsCaptcha({ status, body }: HttpResponse, detail: string): boolean {
  return (status === 400 && /captcha/i.test(detail)) ||
    (status === 429 && tokenIn(jsonFields(body)["challenge_tokens"]) !== undefined);
}

/** What to do about a captcha, with the token that the server needs with it. */
function captcha(fields: Readonly<Record<string, unknown>>): string {
  const token = tokenIn(fields["challenge_tokens"]);
  return "Signal requires a captcha: solve https://signalcaptchas.org/challenge/generate.html and post it to " +
    `/v1/accounts/{number}/rate-limit-challenge${token === undefined ? "" : ` with challenge_token ${token}`}`;
}

function tokenIn(tokens: unknown): string | undefined {
  return [tokens].flat().map(textOf).find((token) => token !== undefined && /^[\w-]{8,64}$/.test(token));
}
