// Writes the text of a notice about a route or the queue. Pure.

import { plural } from "../plural.ts";
import type { NoticeNotification } from "../services/service.ts";
import type { Notice } from "../store/notices.ts";
import { type HostOptions, localTime, shown } from "./render.ts";

/** Renders a notice. Its reason comes from a service, so it is hostile. */
export function noticeNotification(notice: Notice, { name, timezone }: HostOptions): NoticeNotification {
  const { text, reason } = wordsOf(notice);
  return {
    type: "notice",
    hostName: name,
    time: localTime(notice.occurredAtMs, timezone),
    text: reason === undefined ? text : `${text}: ${shown(reason)}`,
    plainText: reason === undefined ? text : `${text}; the log of send says why`,
  };
}

function wordsOf({ about, kind, count, reason }: Notice): { text: string; reason?: string } {
  if (kind === "unreadable") {
    const text = `${plural(count, "record")} in the queue cannot be read and may include logins; ` +
      "hint: run ssh-session-notifier check, then ssh-session-notifier repair";
    return { text };
  }
  if (kind === "full") {
    const text = "logins may be missing: the record of logins for which the hook could not run is full; " +
      "hint: run ssh-session-notifier check";
    return { text };
  }
  const route = `route "${shown(about)}"`;
  if (kind === "refused") return { text: `${route} works, but its service refused a notification`, reason };
  if (kind === "broken") return { text: `${route} is broken, its notifications wait until it is fixed`, reason };
  return { text: `gave up ${plural(count, "notification")} on ${route}`, reason };
}
