// The text of a notice about a route or about the queue. Pure.

import { plural } from "../plural.ts";
import type { NoticeNotification } from "../services/service.ts";
import type { Notice } from "../store/notices.ts";
import { type HostOptions, localTime, shown } from "./render.ts";

/** The text of a notice. Its reason comes from a service, so it is hostile. */
export function noticeNotification(notice: Notice, { name, timezone }: HostOptions): NoticeNotification {
  return { type: "notice", hostName: name, time: localTime(notice.occurredAtMs, timezone), text: noticeText(notice) };
}

function noticeText({ about, kind, count, reason }: Notice): string {
  if (kind === "unreadable") {
    return `${plural(count, "record")} in the queue can't be read, logins may be among them; ` +
      "hint: run ssh-session-notifier check, then ssh-session-notifier repair";
  }
  if (kind === "full") {
    return "logins may be missing: the hook could not run, and the file for such logins is full; " +
      "hint: run ssh-session-notifier check";
  }
  const route = `route "${shown(about)}"`;
  if (kind === "refused") return `${route} works, but its service refused a notification: ${shown(reason)}`;
  if (kind === "broken") return `${route} is broken, its notifications wait until it is mended: ${shown(reason)}`;
  return `gave up ${plural(count, "notification")} on ${route}: ${shown(reason)}`;
}
