// What a route tells of another one, or of itself. Pure.

import { plural } from "../plural.ts";
import type { NoticeNotification } from "../services/service.ts";
import type { Notice } from "../store/notices.ts";
import { type HostOptions, localTime, shown } from "./render.ts";

/** What a service shows of what happened on a route. The reason is a service's word, so hostile. */
export function noticeNotification(notice: Notice, { name, timezone }: HostOptions): NoticeNotification {
  return { type: "notice", hostName: name, time: localTime(notice.occurredAtMs, timezone), text: noticeText(notice) };
}

function noticeText({ about, kind, count, reason }: Notice): string {
  const route = `route "${shown(about)}"`;
  if (kind === "refused") return `${route} works, but its service refused a notification: ${shown(reason)}`;
  if (kind === "broken") return `${route} is broken, its notifications wait until it is mended: ${shown(reason)}`;
  return `gave up ${plural(count, "notification")} on ${route}: ${shown(reason)}`;
}
