// Pager, a service that there is not: an example of how to add one.

import * as v from "valibot";
import { jsonFields, judgeAnswer, textOf } from "../../src/services/judge_answer.ts";
import { bearer, below, jsonRequest, serverUrlSchema, tokenSchema } from "../../src/services/http.ts";
import { fittingTitled, untitledText } from "../../src/services/titled.ts";
import { undomained } from "../../src/services/escapes.ts";
import { urgencyOf } from "../../src/services/wording.ts";
import type { Limits, Service } from "../../src/services/service.ts";

const options = v.strictObject({
  server_url: v.pipe(serverUrlSchema(), v.description("the server, `https://pager.example`")),
  token: v.pipe(tokenSchema("an access token"), v.description("an access token")),
});

/** The longest message, from the API's page. */
const limits: Limits = { text: 1000, unit: "characters" };

const WORDING = { limits, title: { text: 150, unit: "characters" }, message: limits, escape: undomained } as const;

/** The `pager` service: the sentence, or a digest with its title, and whether it is urgent. */
export const pager: Service<v.InferOutput<typeof options>> = {
  name: "pager",
  apiUrl: "https://pager.example/docs/api",
  options,
  secretOptions: ["token"],
  example: `server_url = "https://pager.example"\ntoken = "example"`,
  limits,
  server: ({ server_url: url }) => ({ option: "server_url", url }),
  fitting: (notifications) => fittingTitled(notifications, WORDING),
  render(batch, { server_url, token }, { form }) {
    const text = untitledText(batch, WORDING);
    const body = form === "plain" ? { text } : { text, urgent: urgencyOf(batch) === "urgent" };
    return jsonRequest(below(server_url, "api/pages"), body, { headers: bearer(token) });
  },
  judge(response, nowMs) {
    const error = textOf(jsonFields(response.body)["error"]);
    return judgeAnswer(response, nowMs, { from: "Pager", saysFailed: error !== undefined, detail: error });
  },
};
