// Matrix: a room on any homeserver.

import * as v from "valibot";
import { fittedSentences } from "./fitting.ts";
import { jsonFields, judgeAnswer, secondsToMs, textOf } from "./judge_answer.ts";
import { bearer, below, jsonRequest, safeId, serverUrlSchema, tokenSchema } from "./http.ts";
import { fittingTitled, titleOf, untitledText } from "./titled.ts";
import { escapeHtml, inert } from "./escapes.ts";
import { urgencyOf } from "./wording.ts";
import type { Limits, Message, Outcome, Service } from "./service.ts";

const options = v.strictObject({
  server_url: v.pipe(
    serverUrlSchema(),
    v.description("the URL of the homeserver's client API, `https://matrix.example.org`; it can include a path"),
  ),
  room_id: v.pipe(
    v.string(),
    v.regex(/^![!-~]{1,254}$/, "must be a room ID, which begins with an exclamation mark, not an alias"),
    v.description(
      "the room's ID, `!abc:example.org`, from its settings: Advanced; the token's user must be in the room",
    ),
  ),
  token: v.pipe(
    tokenSchema("an access token"),
    v.description("an access token, preferably of a separate user"),
  ),
});

type Settings = v.InferOutput<typeof options>;

/**
 * An event may have 65,536 bytes, https://spec.matrix.org/latest/client-server-api/#size-limits. It contains the text
 * twice, once as HTML, where a character may become six bytes, and the homeserver adds fields of its own.
 */
const limits: Limits = { text: 8000, unit: "bytes" };

const WORDING = { limits, title: { text: 500, unit: "bytes" }, message: limits, escape: inert } as const;

/**
 * Errors about the room, the token or the server, not the message. `M_INVALID_PARAM` is about the path, which contains
 * the room. https://spec.matrix.org/latest/client-server-api/#standard-error-response
 */
const SETTINGS_FAULTS: readonly string[] = [
  "M_FORBIDDEN",
  "M_GUEST_ACCESS_FORBIDDEN",
  "M_INVALID_PARAM",
  "M_MISSING_TOKEN",
  "M_NOT_FOUND",
  "M_UNKNOWN_TOKEN",
  "M_UNRECOGNIZED",
  "M_USER_DEACTIVATED",
];

/** The `matrix` service. The message's id is the transaction id, so the homeserver drops duplicates. */
export const matrix: Service<Settings> = {
  name: "matrix",
  apiUrl: "https://spec.matrix.org/latest/client-server-api/#put_matrixclientv3roomsroomidsendeventtypetxnid",
  options,
  secretOptions: ["token"],
  example: `server_url = "https://matrix.example.org"\nroom_id = "!abcdefg:example.org"\ntoken = "syt_example"`,

  limits,

  server: ({ server_url: url }) => ({ option: "server_url", url }),

  probe: ({ server_url, room_id, token }) => ({
    request: {
      kind: "http",
      method: "GET",
      url: below(
        server_url,
        `_matrix/client/v3/rooms/${encodeURIComponent(room_id)}/state/m.room.encryption/`,
      ),
      headers: bearer(token),
      body: "",
    },
    // A room without encryption has no such state: 404.
    warning: ({ status, body }) =>
      status === 200 && textOf(jsonFields(body)["algorithm"]) !== undefined
        ? "the room is encrypted, but notifications are not, and clients warn about each; use a room without encryption"
        : undefined,
  }),

  fitting: (notifications) => fittingTitled(notifications, WORDING),

  render(message, { server_url, room_id, token }, { form }) {
    const room = encodeURIComponent(room_id);
    const url = below(server_url, `_matrix/client/v3/rooms/${room}/send/m.room.message/${safeId(message)}`);
    return jsonRequest(url, {
      // Under Matrix's default rules, a notice makes no sound.
      msgtype: form === "rich" && urgencyOf(message) === "low" ? "m.notice" : "m.text",
      // Lock screens show this, not the HTML.
      body: untitledText(message, WORDING),
      // Without this, a Matrix user's name anywhere in the text would mention that user.
      "m.mentions": {},
      ...(form === "rich" ? { format: "org.matrix.custom.html", formatted_body: htmlOf(message) } : {}),
    }, { method: "PUT", headers: bearer(token) });
  },

  judge(response, nowMs): Outcome {
    const fields = jsonFields(response.body);
    const errcode = textOf(fields["errcode"]);
    const waitMs = fields["retry_after_ms"];
    return judgeAnswer(response, nowMs, {
      from: "a Matrix homeserver",
      saysFailed: errcode !== undefined,
      detail: errcode === undefined ? undefined : [errcode, textOf(fields["error"])].filter(Boolean).join(": "),
      retryAfterMs: secondsToMs(typeof waitMs === "number" ? waitMs / 1000 : undefined),
      blamesSettings: errcode !== undefined && SETTINGS_FAULTS.includes(errcode),
    });
  },
};

/** Title and sentences as HTML. Values are marked as code, where clients do not detect links or names. */
function htmlOf(message: Message): string {
  const lines = fittedSentences(message, { limits, escape: (value) => `<code>${escapeHtml(value)}</code>` });
  return [`<strong>${escapeHtml(titleOf(message, WORDING))}</strong>`, ...lines].join("<br>");
}
