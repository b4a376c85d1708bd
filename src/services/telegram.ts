// Telegram, through your own bot.

import * as v from "valibot";
import { areWithin, fittedSentences, fittingDigest } from "./fitting.ts";
import { fieldsOf, jsonFields, judgeAnswer, secondsToMs, textOf } from "./judge_answer.ts";
import { below, jsonRequest, urlSchema } from "./http.ts";
import { plainText, titleOf } from "./titled.ts";
import { inert } from "./escapes.ts";
import { urgencyOf } from "./wording.ts";
import type { Limits, Message, Outcome, Service } from "./service.ts";

const options = v.strictObject({
  token: v.pipe(
    v.string(),
    v.regex(/^\d+:[-\w]+$/, "must be a bot token, 123456:ABC-DEF…"),
    v.description("the bot's token, from @BotFather"),
  ),
  chat_id: v.pipe(
    v.union(
      [v.pipe(v.number(), v.safeInteger()), v.pipe(v.string(), v.regex(/^(-?\d+|@\w+)$/))],
      "must be the numeric ID of a chat, or the @name of a channel",
    ),
    v.description("the numeric ID of the chat (negative for a group), or the `@name` of a channel"),
  ),
  topic_id: v.pipe(
    v.optional(v.pipe(v.number(), v.check((id) => Number.isInteger(id) && id > 0, "must be a positive integer"))),
    v.description("the ID of a topic, in a group with topics: the number after the chat's in the link to the topic"),
  ),
  server_url: v.pipe(
    v.optional(urlSchema("loopback"), "https://api.telegram.org"),
    v.description("your own Bot API server, instead of Telegram's"),
  ),
});

type Settings = v.InferOutput<typeof options>;

/** "1-4096 characters after entities parsing". */
const limits: Limits = { text: 4096, unit: "code units" };

/** The limit of one sentence; leaves room for the title and a line break. */
const SENTENCE: Limits = { text: 3700, unit: "code units" };
const TITLE = { title: { text: 300, unit: "code units" } } as const;

/** Telegram's errors about a chat that the bot cannot write to; they affect every message. */
const CHAT_FAULTS =
  /chat not found|chat_id|deactivated|upgraded|not enough rights|have no rights|admin|not a member|kicked|blocked|WRITE_FORBIDDEN|PEER_ID|CHAT_ID|CHAT_RESTRICTED|TOPIC_|thread not found/i;

/**
 * The `telegram` service. Telegram always detects mentions, links and commands in text, except in code. So every value
 * of an event is marked as code (a tap copies it), and a digest is one code block. The plain form has no marks and
 * replaces special characters with look-alikes.
 */
export const telegram: Service<Settings> = {
  name: "telegram",
  apiUrl: "https://core.telegram.org/bots/api#sendmessage",
  options,
  secretOptions: ["token"],
  example: `token = "123456:ABC-DEF1234ghIkl-zyx57W2v1u123ew11"\nchat_id = -1001234567890`,

  limits,

  // Only the second part is secret; the first is the bot's ID.
  moreSecrets: ({ token }) => [token.replace(/^\d+:/, "")],

  server: ({ server_url: url }) => ({
    option: "server_url",
    url,
    own: { hosts: /^api\.telegram\.org$/, of: "Telegram" },
  }),

  fitting: (notifications) =>
    fittingDigest(
      notifications,
      { limits: SENTENCE },
      (lines, message) => areWithin([titleOf(message, TITLE), ...lines], limits),
    ),

  render(message, { server_url, token, chat_id, topic_id }, { form }) {
    return jsonRequest(below(server_url, `bot${token}/sendMessage`), {
      chat_id,
      ...(topic_id === undefined ? {} : { message_thread_id: topic_id }),
      ...(form === "rich" ? markedText(message) : {
        text: plainText(message, { limits: SENTENCE, escape: inert }),
      }),
      link_preview_options: { is_disabled: true },
      ...(form === "rich" && urgencyOf(message) === "low" ? { disable_notification: true } : {}),
    });
  },

  judge(response, nowMs): Outcome {
    const fields = jsonFields(response.body);
    const { retry_after: retryAfter, migrate_to_chat_id: newChat } = fieldsOf(fields["parameters"]);
    if (response.status === 400 && Number.isSafeInteger(newChat)) {
      return { kind: "broken", reason: `HTTP 400: the group has a new chat ID: set chat_id = ${newChat}` };
    }
    const detail = textOf(fields["description"]);
    return judgeAnswer(response, nowMs, {
      from: "Telegram",
      saysFailed: fields["ok"] === false,
      detail,
      retryAfterMs: secondsToMs(retryAfter),
      blamesSettings: detail !== undefined && CHAT_FAULTS.test(detail),
    });
  },
};

/** A formatted part of a text. https://core.telegram.org/bots/api#messageentity */
interface Entity {
  readonly type: "bold" | "code" | "pre";
  /** In UTF-16 code units, like `length`. */
  readonly offset: number;
  readonly length: number;
}

/** A character that no value contains: values have no control characters. */
const MARK = "\0";

/** Title and sentences, with every value of an event marked as code. */
function markedText(message: Message): { text: string; entities: readonly Entity[] } {
  const title = titleOf(message, TITLE);
  const bold = { type: "bold", offset: 0, length: title.length } as const;
  const offset = title.length + 1;
  if (message.notifications.length > 1) {
    const text = fittedSentences(message, { limits: SENTENCE }).join("\n");
    // One entity for all sentences: a message can have at most 100.
    return { text: `${title}\n${text}`, entities: [bold, { type: "pre", offset, length: text.length }] };
  }
  const [marked = ""] = fittedSentences(message, { limits: SENTENCE, escape: betweenMarks });
  const entities: Entity[] = [bold];
  let text = `${title}\n`;
  for (const [index, part] of marked.split(MARK).entries()) {
    // Every second part was between two marks. Telegram rejects entities that are empty or only spaces.
    if (index % 2 === 1 && part.trim() !== "") {
      entities.push({ type: "code", offset: text.length, length: part.length });
    }
    text += part;
  }
  return { text, entities };
}

function betweenMarks(value: string): string {
  return `${MARK}${value.replaceAll(MARK, "")}${MARK}`;
}
