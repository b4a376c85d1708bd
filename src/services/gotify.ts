// Gotify, a self-hosted server.

import * as v from "valibot";
import { fittingLines } from "./fitting.ts";
import { jsonFields, judgeAnswer, textOf } from "./judge_answer.ts";
import { below, jsonRequest, serverUrlSchema, tokenSchema } from "./http.ts";
import { textBelowTitle, titleOf } from "./titled.ts";
import { undomained } from "./escapes.ts";
import { urgencyOf } from "./wording.ts";
import type { Limits, Outcome, Service, Urgency } from "./service.ts";

const options = v.strictObject({
  server_url: v.pipe(
    serverUrlSchema(),
    v.description("the server's URL, `https://gotify.example`; it can include a path"),
  ),
  token: v.pipe(
    tokenSchema("an application's token"),
    v.description("an application's token, from the server's Apps page"),
  ),
});

type Settings = v.InferOutput<typeof options>;

/** Gotify documents no limit. Longer messages are unreadable on a phone. */
const limits: Limits = { text: 4000, unit: "characters" };
const TITLE = { title: { text: 250, unit: "characters" } } as const;

const WORDING = { limits, escape: undomained };

/** From 0 to 10. The Android app makes a sound from 4 up, and also vibrates from 8 up. */
const PRIORITIES: Readonly<Record<Urgency, number>> = { urgent: 8, normal: 5, low: 2 };

/** The `gotify` service: sentence, title and priority. */
export const gotify: Service<Settings> = {
  name: "gotify",
  apiUrl: "https://gotify.net/api-docs#/message/createMessage",
  options,
  secretOptions: ["token"],
  example: `server_url = "https://gotify.example"\ntoken = "AbCdEfGhIjKlMnO"`,

  limits,

  server: ({ server_url: url }) => ({ option: "server_url", url }),

  fitting: (notifications) => fittingLines(notifications, WORDING),

  render(message, { server_url, token }, { form }) {
    const ornament = {
      title: titleOf(message, TITLE),
      priority: PRIORITIES[urgencyOf(message)],
      extras: { "client::display": { contentType: "text/plain" } },
    };
    return jsonRequest(below(server_url, "message"), {
      message: textBelowTitle(message, WORDING, form),
      ...(form === "rich" ? ornament : {}),
    }, { headers: { "x-gotify-key": token } });
  },

  judge(response, nowMs): Outcome {
    const fields = jsonFields(response.body);
    const detail = textOf(fields["errorDescription"]) ?? textOf(fields["error"]);
    return judgeAnswer(response, nowMs, {
      from: "a Gotify server",
      saysFailed: typeof fields["errorCode"] === "number",
      detail,
      // A client's token instead of an application's causes "appid is required".
      blamesSettings: detail !== undefined && /appid|token/i.test(detail),
    });
  },
};
