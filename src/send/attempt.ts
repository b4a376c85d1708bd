// One attempt to hand a notification to a service, and what its answer means.

import { cap } from "../event.ts";
import { messageOf } from "../failure.ts";
import { oneLine } from "../log.ts";
import { PROXY_REFUSAL } from "../services/http.ts";
import type { ConfiguredService } from "../services/registry.ts";
import type { Batch, Form, HttpRequest, Outcome } from "../services/service.ts";
import type { Clock } from "./clock.ts";
import type { Transport } from "./transport.ts";

/** The longest reason that is kept and logged, in UTF-16 code units; a service may answer with a book. */
const MAX_REASON_LENGTH = 300;

/** What an attempt needs. */
export interface AttemptContext {
  readonly service: ConfiguredService;
  /** Certificates that the route trusts beside the usual ones, as PEM. */
  readonly caCert?: string | undefined;
  readonly transport: Transport;
  /** Writes a line to standard output. */
  readonly print: (line: string) => void;
  readonly clock: Pick<Clock, "nowMs">;
  /** Takes the secrets out of a text. */
  readonly redact: (text: string) => string;
}

/**
 * Hands a batch over. A single notification in its plain form too, where the service refuses the rich one, since what
 * a service does not like about a message is mostly its ornament; of a digest, the caller has to find what is at fault.
 *
 * @returns what became of it, with a reason that is fit to be shown
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
 * A notice without the reason in it, which is a service's word: one that repeats what it refuses would have the notice
 * refused as well, and a working route would pass for a broken one.
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
  // Deno's HTTP client reports a proxy's refusal of CONNECT as a failed connection, not as a response.
  if (/proxy auth/i.test(result.detail)) return { kind: "broken", reason: PROXY_REFUSAL, at: "proxy" };
  // A host outside of the sandbox: nothing but another configuration will help.
  return { kind: result.failure === "refused" ? "broken" : "retry", reason: result.detail };
}
