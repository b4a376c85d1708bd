// Makes one attempt to deliver a notification to a service, and interprets the response.

import { cap } from "../event.ts";
import { messageOf } from "../failure.ts";
import { oneLine } from "../log.ts";
import { PROXY_REFUSAL } from "../services/http.ts";
import type { ConfiguredService } from "../services/registry.ts";
import type { Batch, Form, HttpRequest, Outcome } from "../services/service.ts";
import type { Clock } from "../clock.ts";
import type { Transport } from "../transport/transport.ts";

/** The maximum length of a reason that is stored and logged, in UTF-16 code units. A service may send any length. */
const MAX_REASON_LENGTH = 300;

/** What an attempt needs. */
export interface AttemptContext {
  readonly service: ConfiguredService;
  /** Certificates that the route trusts in addition to the usual ones, as PEM. */
  readonly caCert?: string | undefined;
  readonly transport: Transport;
  /** Writes a line to standard output. */
  readonly print: (line: string) => void;
  readonly clock: Pick<Clock, "nowMs">;
  /** Removes secrets from a text. */
  readonly redact: (text: string) => string;
}

/**
 * Delivers a batch. If the service refuses a single notification, tries its plain form too, because most refusals are
 * about formatting. If it refuses a digest, the caller must find the event at fault.
 *
 * @returns the outcome; its reason contains no secret and is one line
 */
export async function attempt(batch: Batch, context: AttemptContext): Promise<Outcome> {
  let outcome = await attemptForm(batch, "rich", context);
  if (outcome.kind === "refused" && batch.notifications.length === 1) {
    outcome = await attemptForm(batch, "plain", context);
  }
  if (outcome.kind === "delivered") return outcome;
  return { ...outcome, reason: cap(oneLine(context.redact(outcome.reason)), MAX_REASON_LENGTH) };
}

async function attemptForm(batch: Batch, form: Form, context: AttemptContext): Promise<Outcome> {
  const request = context.service.render(form === "plain" ? withoutReason(batch) : batch, {
    form,
    nowMs: context.clock.nowMs(),
  });
  return request.kind === "print" ? print(request.text, context) : await exchange(request, context);
}

/**
 * Removes the reason from a notice. The reason is text from a service: if it quotes the refused content, the notice is
 * refused too, and a working route appears broken.
 */
function withoutReason(batch: Batch): Batch {
  const [first] = batch.notifications;
  return first.type === "notice" ? { ...batch, notifications: [{ ...first, text: first.plainText }] } : batch;
}

function print(text: string, { print }: AttemptContext): Outcome {
  try {
    print(text);
    return { kind: "delivered" };
  } catch (error) {
    return { kind: "retry", reason: messageOf(error) };
  }
}

async function exchange(
  request: HttpRequest,
  { service, caCert, transport, clock }: AttemptContext,
): Promise<Outcome> {
  const result = await transport(request, { caCert });
  if (result.kind === "response") return service.judge(result.response, clock.nowMs());
  // If a proxy refuses CONNECT, Deno's HTTP client reports a failed connection, not a response.
  if (/proxy auth/i.test(result.detail)) return { kind: "broken", reason: PROXY_REFUSAL, at: "proxy" };
  // `refused`: the sandbox does not allow this host. Only a change of the configuration helps.
  return { kind: result.failure === "refused" ? "broken" : "retry", reason: result.detail };
}
