// A message as text with a title line. The title comes first because a lock screen shows only the beginning of a message.

import { areWithin, cut, fittedSentence, fittedSentences, fitting, type Wording } from "./fitting.ts";
import { headline, urgencyOf } from "./wording.ts";
import type { Form, Limits, Message, SessionNotification } from "./service.ts";

/** How a service limits and escapes a text with a title. */
export interface TitledWording extends Wording {
  /** The limit of the title, after escaping. */
  readonly title: Limits;
  /** The limit of the whole text, including line breaks. */
  readonly message: Limits;
  /** Escapes a character of the title, whose only value is this machine's name. */
  readonly escapeTitle?: (character: string) => string;
}

/** The headline within the limits; a siren emoji precedes that of an urgent message. */
export function titleOf(
  message: Message,
  { title, escapeTitle = (character) => character }: Pick<TitledWording, "title" | "escapeTitle">,
): string {
  const mark = urgencyOf(message) === "urgent" ? "🚨 " : "";
  return cut(`${mark}${headline(message)}`, { limits: title, escape: escapeTitle });
}

/** The title, followed by one line for each notification; the plain form has no title. */
export function titledText(message: Message, wording: TitledWording, form: Form): string {
  const lines = fittedSentences(message, wording);
  return (form === "rich" ? [titleOf(message, wording), ...lines] : lines).join("\n");
}

/** How many notifications, counted from the first, fit into a text with a title. */
export function fittingTitled(notifications: readonly SessionNotification[], wording: TitledWording): number {
  return fitting(notifications, {
    part: (notification) => fittedSentence(notification, wording),
    fits: (lines) => {
      const message = digestOf(notifications.slice(0, lines.length));
      return message === undefined || areWithin([titleOf(message, wording), ...lines], wording.message);
    },
  });
}

/** These notifications as one message, to measure it; undefined if there are none. */
export function digestOf([first, ...more]: readonly SessionNotification[]): Message | undefined {
  return first === undefined ? undefined : { id: "", notifications: [first, ...more] };
}
