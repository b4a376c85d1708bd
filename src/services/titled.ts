// A message as text with a title line. The title comes first because a lock screen shows only the beginning of a message.

import { areWithin, cut, fittedSentence, fittedSentences, fittingDigest, type Wording } from "./fitting.ts";
import { alarm, title } from "./wording.ts";
import type { Form, Limits, Message, SessionNotification } from "./service.ts";

/** How a service limits and escapes a text with a title. */
export interface TitledWording extends Wording {
  /** The limit of the title, after escaping. */
  readonly title: Limits;
  /** The limit of the whole text, including line breaks. */
  readonly message: Limits;
  /** Escapes the title, whose only value is this machine's name. */
  readonly escapeTitle?: (title: string) => string;
}

/** The title of a message within the limits. */
export function titleOf(
  message: Message,
  { title: limits, escapeTitle }: Pick<TitledWording, "title" | "escapeTitle">,
): string {
  return cut(title(message), { limits, ...(escapeTitle === undefined ? {} : { escape: escapeTitle }) });
}

/** The title, followed by the sentences; or the text of the plain form. */
export function titledText(message: Message, wording: TitledWording, form: Form): string {
  return form === "rich"
    ? [titleOf(message, wording), ...fittedSentences(message, wording)].join("\n")
    : plainText(message, wording);
}

/** The sentences for a service whose rich form has the title in a field of its own. */
export function textBelowTitle(message: Message, wording: Wording, form: Form): string {
  return form === "rich" ? fittedSentences(message, wording).join("\n") : plainText(message, wording);
}

/** The text for a service that shows a title only elsewhere: only that of a digest begins with the title. */
export function untitledText(message: Message, wording: TitledWording): string {
  return titledText(message, wording, message.notifications.length > 1 ? "rich" : "plain");
}

/** The sentence without a title; so it begins with 🚨 if it is urgent. */
export function plainText(message: Message, wording: Wording): string {
  const [first, ...more] = message.notifications;
  return more.length > 0
    ? fittedSentences(message, wording).join("\n")
    : fittedSentence(first, wording, alarm(message));
}

/** How many notifications, counted from the first, fit into a text with a title. */
export function fittingTitled(notifications: readonly SessionNotification[], wording: TitledWording): number {
  return fittingDigest(
    notifications,
    wording,
    (lines, message) => areWithin([titleOf(message, wording), ...lines], wording.message),
  );
}
