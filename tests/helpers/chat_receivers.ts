// Teams, Google Chat, Mattermost and Signal on loopback, like those in receivers.ts. What the real ones accept but would
// split, attach or interpret, which our messages must not cause, is refused too.

import { bytes, type Fields, fieldsOf, isJson, isList, isText, json, SECRET } from "./receivers.ts";
import type { Judge } from "./receiver.ts";

/**
 * A workflow with the trigger "When a Teams webhook request is received", which posts each card in `attachments`.
 *
 * @see https://support.microsoft.com/en-us/office/create-incoming-webhooks-with-workflows-for-microsoft-teams-8ae491c7-0394-4861-ba59-055e33f75498
 */
export const teams: Judge = (request, text, body) => {
  const refuse = (status: number, code: string, message: string) => json(status, { error: { code, message } });
  const { pathname, searchParams } = new URL(request.url);
  if (!/\/workflows\/\w+\/triggers\/manual\/paths\/invoke$/.test(pathname)) {
    return refuse(404, "WorkflowNotFound", "The workflow could not be found.");
  }
  if (searchParams.get("sig") !== `${SECRET}-signature`) {
    return refuse(401, "DirectApiAuthorizationRequired", "The request must be authenticated only by Shared Access.");
  }
  if (request.method !== "POST") return refuse(405, "MethodNotAllowed", "POST");
  if (bytes(text) > 28_000) return refuse(413, "RequestEntityTooLarge", "Request Entity too large");
  const { type, attachments } = body;
  const isMessage = isJson(request) && type === "message" && isList(attachments, 1, 10) && attachments.every(isCard);
  return isMessage ? new Response(null, { status: 202 }) : refuse(400, "TriggerInputSchemaMismatch", "no attachments");
};

/** Whether an attachment is an Adaptive Card without an element in which Markdown is interpreted. */
function isCard(attachment: unknown): boolean {
  const { contentType, content } = fieldsOf(attachment);
  const { type, version, fallbackText, body } = fieldsOf(content);
  return contentType === "application/vnd.microsoft.card.adaptive" && type === "AdaptiveCard" && version === "1.2" &&
    isText(fallbackText, 28_000) && isList(body, 1, 1000) && body.every(isElement);
}

/** https://adaptivecards.io/explorer/ */
function isElement(element: unknown): boolean {
  const { type, style, items, inlines } = fieldsOf(element);
  if (type === "Container") {
    return ["default", "attention", "accent"].includes(String(style)) && isList(items, 1, 10) && items.every(isElement);
  }
  return type === "RichTextBlock" && isList(inlines, 1, 10) &&
    inlines.every((run) =>
      isText(run, 28_000) || fieldsOf(run)["type"] === "TextRun" && isText(fieldsOf(run)["text"], 9000)
    );
}

/**
 * A space of Google Chat with one webhook.
 *
 * @see https://developers.google.com/workspace/chat/quickstart/webhooks
 */
export const googlechat: Judge = (request, _text, body) => {
  const refuse = (code: number, status: string, message: string) => json(code, { error: { code, message, status } });
  const { pathname, searchParams } = new URL(request.url);
  if (pathname !== "/v1/spaces/AAAA/messages") return refuse(404, "NOT_FOUND", "Requested entity was not found.");
  if (searchParams.get("key") !== `key-${SECRET}`) return refuse(400, "INVALID_ARGUMENT", "API key not valid.");
  if (searchParams.get("token") !== `token-${SECRET}`) {
    return refuse(403, "PERMISSION_DENIED", "The API is called without a valid token.");
  }
  const { text, ...more } = body;
  if (request.method !== "POST" || !isJson(request) || !isText(text, Infinity) || Object.keys(more).length > 0) {
    return refuse(400, "INVALID_ARGUMENT", "Message cannot be empty.");
  }
  if (bytes(text) > 4096) return refuse(400, "INVALID_ARGUMENT", "Maximum length of the field is 4096.");
  return json(200, { name: "spaces/AAAA/messages/BBBB.BBBB", text });
};

/**
 * A Mattermost server below the path /mattermost, with one webhook.
 *
 * @see https://developers.mattermost.com/integrate/webhooks/incoming/
 */
export const mattermost: Judge = (request, _text, body) => {
  const refuse = (status_code: number, id: string, message: string) =>
    json(status_code, { id: `web.incoming_webhook.${id}.app_error`, message, detailed_error: "", status_code });
  const { pathname } = new URL(request.url);
  if (request.method !== "POST" || !pathname.startsWith("/mattermost/hooks/")) {
    return json(404, { message: "Not Found" });
  }
  if (pathname !== `/mattermost/hooks/${SECRET}`) return refuse(400, "invalid", "Invalid webhook.");
  const { text, channel, priority = { priority: "" }, attachments = [], ...more } = body;
  if (channel !== undefined && channel !== "ssh-logins") return refuse(404, "channel", "Couldn't find the channel.");
  if (!isText(text, Infinity)) return refuse(400, "text", "No text specified.");
  // The real one splits the text.
  if ([...text].length > 16_383) return refuse(400, "split", "The text is too long.");
  const typesFit = isJson(request) && Object.keys(more).length === 0 && isPriority(priority) &&
    isList(attachments, 0, 1) && attachments.every(isAttachment);
  return typesFit ? new Response("ok") : refuse(400, "decode", "Failed to decode the payload.");
};

/** https://developers.mattermost.com/integrate/reference/message-priority/ */
function isPriority(value: unknown): boolean {
  const { priority, ...more } = fieldsOf(value);
  return ["", "important", "urgent"].includes(String(priority)) && Object.keys(more).length === 0;
}

/** https://developers.mattermost.com/integrate/reference/message-attachments/ */
function isAttachment(attachment: unknown): boolean {
  const { color, text, ...more } = fieldsOf(attachment);
  return /^#[\da-f]{6}$/.test(String(color)) && isText(text, 16_383) && Object.keys(more).length === 0;
}

/**
 * A signal-cli-rest-api server with one account, one other user, and one group.
 *
 * @see https://bbernhard.github.io/signal-cli-rest-api/#/Messages/post_v2_send
 */
export const signal: Judge = (request, _text, body) => {
  if (request.method !== "POST" || new URL(request.url).pathname !== "/v2/send") {
    return new Response(null, { status: 404 });
  }
  const error = isJson(request) ? signalFault(body) : "Couldn't process request - invalid request";
  return error === undefined ? json(201, { timestamp: "1795385612000" }) : json(400, { error });
};

function signalFault({ number, recipients, message, text_mode: mode, ...more }: Fields): string | undefined {
  if (number !== "+15550100001") return `User ${number} is not registered.\n`;
  if (!isList(recipients, 1, 100)) return "Couldn't process request - please provide at least one recipient";
  const groups = recipients.filter((recipient) => String(recipient).startsWith("group."));
  if (groups.length > 0 && recipients.length > 1) return "Signal Messenger Groups and phone numbers cannot be mixed";
  const unknown = recipients.find((recipient) => !["+15550100002", "group.QUJD"].includes(String(recipient)));
  if (unknown !== undefined) {
    return `Failed to send (some) messages:\n${unknown}: Unregistered user "${unknown}"\n1795385612000`;
  }
  // The real one sends a longer text as an attachment, and reads markup where `text_mode` is missing.
  const typesFit = isText(message, Infinity) && bytes(message) <= 2000 && mode === "normal" &&
    Object.keys(more).length === 0;
  return typesFit ? undefined : "Couldn't process request - invalid request";
}
