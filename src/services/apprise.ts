// An Apprise API server, which forwards to the services of a configuration that is stored there.

import * as v from "valibot";
import { authorization, completeLogin, encodedLogin, loginOptions } from "./credentials.ts";
import { fittingLines } from "./fitting.ts";
import { jsonFields, judgeAnswer, textOf } from "./judge_answer.ts";
import { below, jsonRequest, serverUrlSchema } from "./http.ts";
import { textBelowTitle, titleOf } from "./titled.ts";
import { forwarded } from "./escapes.ts";
import { urgencyOf } from "./wording.ts";
import type { Limits, Message, Outcome, Service } from "./service.ts";

const options = v.pipe(
  v.strictObject({
    server_url: v.pipe(
      serverUrlSchema(),
      v.description("the server's URL, `https://apprise.example`; it can include a path"),
    ),
    key: v.pipe(
      v.string(),
      v.regex(/^[-\w]{1,128}$/, "must be the ID of a configuration: 1 to 128 letters, digits, - or _"),
      v.description("the ID of the configuration to notify; anyone who knows it can send messages with it"),
    ),
    tag: v.pipe(
      v.optional(v.pipe(v.string(), v.regex(/^[-\w]+([ ,]+[-\w]+)*$/, "must be tags, separated by spaces or commas"))),
      v.description(
        "notifies only the services with these tags: `a, b` for those with one of them, `a b` for those with both",
      ),
    ),
    ...loginOptions,
  }),
  completeLogin(),
);

type Settings = v.InferOutput<typeof options>;

/** The services behind Apprise refuse longer texts; this is the limit of Discord, one of the shortest. */
const limits: Limits = { text: 2000, unit: "code units" };
const TITLE = { title: { text: 250, unit: "code units" } } as const;

const WORDING = { limits, escape: forwarded };

/** The `apprise` service: title, sentences, and a type, which most services show as a color or an icon. */
export const apprise: Service<Settings> = {
  name: "apprise",
  apiUrl: "https://github.com/caronc/apprise-api#persistent-stateful-storage-solution",
  options,
  secretOptions: ["key", "password"],
  example: `server_url = "https://apprise.example"\nkey = "b0d7f3a1c5e94286"\ntag = "security"`,

  limits,

  moreSecrets: encodedLogin,

  server: ({ server_url: url }) => ({ option: "server_url", url }),

  fitting: (notifications) => fittingLines(notifications, WORDING),

  render(message, { server_url, key, tag, ...credentials }, { form }) {
    return jsonRequest(below(server_url, `notify/${key}`), {
      body: textBelowTitle(message, WORDING, form),
      // Without it, a server may be set to take the text for Markdown or HTML.
      format: "text",
      ...(tag === undefined ? {} : { tag }),
      ...(form === "rich" ? { title: titleOf(message, TITLE), type: typeOf(message) } : {}),
    }, { headers: { accept: "application/json", ...authorization(credentials) } });
  },

  judge(response, nowMs): Outcome {
    if (response.status === 204) {
      return { kind: "broken", reason: "HTTP 204: the server has no configuration with this key" };
    }
    const error = textOf(jsonFields(response.body)["error"]);
    return judgeAnswer(response, nowMs, {
      from: "an Apprise API server",
      saysFailed: error !== undefined,
      detail: error,
      // "A specific tag other than 'all' is required", "Unsupported characters found in tag definition".
      blamesSettings: error !== undefined && /\btag\b|configuration/i.test(error),
    });
  },
};

function typeOf(message: Message): "info" | "success" | "warning" | "failure" {
  const { type } = message.notifications[0];
  if (type === "notice") return "warning";
  return type === "test" ? "success" : urgencyOf(message) === "urgent" ? "failure" : "info";
}
