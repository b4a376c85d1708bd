// ntfy, on ntfy.sh or a server of one's own.

import * as v from "valibot";
import {
  endpoint,
  fittingLines,
  headline,
  isLoopback,
  jsonFields,
  judgeStatus,
  sentence,
  sentences,
  urlSchema,
} from "./http.ts";
import type { Limits, Outcome, Service } from "./service.ts";

const options = v.strictObject({
  /** Server and topic: `https://ntfy.sh/my-topic`. The server may be below a path. */
  topic_url: v.pipe(
    urlSchema({ plainHttp: "anywhere" }),
    v.check(
      (url) => /\/[-_A-Za-z0-9]{1,64}\/?$/.test(url.pathname),
      "must end in a topic: 1 to 64 letters, digits, - or _",
    ),
  ),
  /** An access token, for a topic that is not open to all. */
  token: v.optional(
    v.pipe(
      v.string(),
      v.regex(/^[!-~]+$/, "must be an access token, without spaces"),
    ),
  ),
});

type Settings = v.InferOutput<typeof options>;

/** ntfy's own error codes for too many requests, https://docs.ntfy.sh/publish/#limitations. */
const DAILY_QUOTA = 42908;

/** The bucket of ntfy.sh gains one request in five seconds; it says no `Retry-After`. */
const REFILL_MS = 5_000;
const QUOTA_RETRY_MS = 60 * 60 * 1000;

// The JSON around it may have 8192 bytes, in which a line break or a quotation mark counts twice: see the tests.
const limits: Limits = { text: 4096, unit: "bytes" };

/** The `ntfy` service. One sentence stays below the limit (see send/render.ts). */
export const ntfy: Service<Settings> = {
  name: "ntfy",
  apiUrl: "https://docs.ntfy.sh/publish/#publish-as-json",
  options,
  secretOptions: ["topic_url", "token"],
  example: `topic_url = "https://ntfy.sh/my-secret-topic"\ntoken = "tk_example"`,

  limits,

  secrets: ({ topic_url, token }) => [
    topic_url.href,
    split(topic_url).topic,
    ...(token === undefined ? [] : [token]),
  ],

  endpoints: ({ topic_url }) => [endpoint(topic_url)],

  warnings: ({ topic_url, token }) =>
    topic_url.protocol === "https:" || isLoopback(topic_url) ? [] : [
      `topic_url is plain http: the network can read the notifications${token === undefined ? "" : " and the token"}`,
    ],

  fitting: (notifications) => fittingLines(notifications.map((notification) => sentence(notification)), limits),

  render(batch, { topic_url, token }, form) {
    const { root, topic } = split(topic_url);
    return {
      kind: "http",
      method: "POST",
      url: root,
      // The text goes into JSON and not into headers, which hold no more than Latin-1.
      headers: {
        "content-type": "application/json",
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      },
      body: JSON.stringify({
        topic,
        ...(form === "rich" ? { title: headline(batch) } : {}),
        message: sentences(batch),
      }),
    };
  },

  judge(response, nowMs): Outcome {
    const fields = jsonFields(response.body);
    if (response.status === 200 && typeof fields["id"] !== "string") {
      return {
        kind: "broken",
        reason: "HTTP 200, but not the answer of an ntfy server",
      };
    }
    const detail = typeof fields["error"] === "string" ? fields["error"] : undefined;
    const outcome = judgeStatus(response, nowMs, { detail });
    if (response.status !== 429 || outcome.kind !== "retry" || outcome.retryAfterMs !== undefined) return outcome;
    return {
      ...outcome,
      retryAfterMs: fields["code"] === DAILY_QUOTA ? QUOTA_RETRY_MS : REFILL_MS,
    };
  },
};

/** The URL to publish to, which is the server's root, and the topic, which is the last part of the path. */
function split(topicUrl: URL): { root: string; topic: string } {
  const path = topicUrl.pathname.replace(/\/$/, "");
  const end = path.lastIndexOf("/");
  return {
    root: `${topicUrl.origin}${path.slice(0, end + 1)}${topicUrl.search}`,
    topic: path.slice(end + 1),
  };
}
