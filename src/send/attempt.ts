// Makes one attempt to deliver a notification to a service, and interprets the response.

import { cap } from "../event.ts";
import { messageOf } from "../failure.ts";
import { oneLine } from "../log.ts";
import { proxyRefusal } from "../services/judge_answer.ts";
import type { Route } from "../config/routes.ts";
import type { Form, HttpRequest, MailRequest, Message, Outcome } from "../services/service.ts";
import type { Clock } from "../clock.ts";
import type { Transport } from "../transport/transport.ts";
import { outcomeOfAll } from "./outcome_of_all.ts";

/** The maximum length of a reason that is stored and logged, in UTF-16 code units. A service may send any length. */
const MAX_REASON_LENGTH = 300;

/** The part of a route that an attempt needs. */
type Target = Pick<Route, "service"> & Partial<Pick<Route, "connection">>;

/** What an attempt needs. */
export interface AttemptContext {
  readonly transport: Transport;
  /** Writes a line to standard output. */
  readonly print: (line: string) => void;
  readonly clock: Pick<Clock, "nowMs">;
  /** Removes secrets from a text. */
  readonly redact: (text: string) => string;
}

/**
 * Delivers a message. If the service refuses a single notification, tries its plain form too, because most refusals are
 * about formatting. If it refuses a digest, the caller must find the event at fault.
 *
 * @returns the outcome; its reason or warning contains no secret and is one line
 */
export async function attempt(message: Message, target: Target, context: AttemptContext): Promise<Outcome> {
  let outcome = await attemptForm(message, "rich", target, context);
  if (outcome.kind === "refused" && message.notifications.length === 1) {
    outcome = await attemptForm(withoutReason(message), "plain", target, context);
  }
  const shown = (text: string) => cap(oneLine(context.redact(text)), MAX_REASON_LENGTH);
  if (outcome.kind !== "delivered") return { ...outcome, reason: shown(outcome.reason) };
  return outcome.warning === undefined ? outcome : { ...outcome, warning: shown(outcome.warning) };
}

/**
 * Removes the reason from a notice. The reason is text from a service: if it quotes the refused content, the notice is
 * refused too, and a working route appears broken.
 */
function withoutReason(message: Message): Message {
  const [first] = message.notifications;
  return first.type === "notice" ? { ...message, notifications: [{ ...first, text: first.plainText }] } : message;
}

async function attemptForm(
  message: Message,
  form: Form,
  { service, connection }: Target,
  { transport, print, clock }: AttemptContext,
): Promise<Outcome> {
  const request = service.render(message, { form, nowMs: clock.nowMs() });
  if (request.kind === "print") {
    try {
      print(request.text);
      return { kind: "delivered" };
    } catch (error) {
      return { kind: "retry", reason: messageOf(error) };
    }
  }
  const outcomeOf = async (one: HttpRequest | MailRequest): Promise<Outcome> => {
    const result = await transport(one, connection);
    if (result.kind === "response") return service.judge(result.response, clock.nowMs());
    if (result.kind === "answer") {
      return service.judgeMail?.(result.answer) ?? { kind: "retry", reason: result.answer.text };
    }
    // If a proxy refuses CONNECT, Deno's HTTP client reports a failed connection, not a response.
    const refusal = proxyRefusal(result.detail);
    if (refusal !== undefined) return { kind: "broken", reason: refusal, at: "proxy" };
    // `refused`: the sandbox does not allow this host. Only a change of the configuration helps.
    return { kind: result.failure === "refused" ? "broken" : "retry", reason: result.detail };
  };
  if (request.kind !== "http-each") return await outcomeOf(request);
  return outcomeOfAll(
    await Promise.all(request.requests.map(async (one) => {
      const outcome = await outcomeOf(one);
      return outcome.kind === "delivered" ? outcome : { ...outcome, reason: `${hostOf(one)}: ${outcome.reason}` };
    })),
  );
}

function hostOf({ url }: HttpRequest): string {
  return new URL(url).host;
}
