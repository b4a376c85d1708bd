// Judges a login or logout: whether it is allowlisted, whether it is unexpected and why, and whether it is urgent.
// Pure, except for the lookup of previous logins.

import { type AllowRule, failingConditions } from "./allowlist.ts";
import { cap } from "../event.ts";
import type { Known, SeenLogin } from "./seen.ts";
import type { Login } from "./login.ts";

/** The result of judging an event. */
export interface Verdict {
  /** The client's address in canonical form; empty if it is not certain. */
  readonly address: string;
  /** The fingerprints of the user's keys, separated by spaces; empty if there are no keys or they are not certain. */
  readonly keyFingerprint: string;
  /** The names of variables that were tampered with, including those that the hook found. */
  readonly tampered: readonly string[];
  /** The rule that allowlists the event; undefined if no rule does. */
  readonly rule: AllowRule | undefined;
  /** Why it is unexpected, a few words each; contains hostile text. Tampering is only in `tampered`. */
  readonly reasons: readonly string[];
  /** Whether the login is new in some way, or was tampered with; also set while the host is still learning. */
  readonly unexpected: boolean;
  /** Whether it is sent before other events, with a high priority. */
  readonly urgent: boolean;
}

/** The input of {@link judge}, in addition to the login. */
export interface JudgeOptions {
  readonly allowlist: readonly AllowRule[];
  /** Looks up previous logins. */
  readonly known: (login: SeenLogin) => Known;
  /** How long the host learns after its first event. During that time, being new does not make a login urgent. */
  readonly learningMs: number;
  readonly nowMs: number;
  /** Whether the hook could not run, so less is known about the login. Default: false. */
  readonly isUnrecorded?: boolean;
}

/** The reason why a login is unexpected if the hook could not run. */
export const HOOK_COULD_NOT_RUN = "the hook could not run";

/** Added to the other reasons during the learning period. */
export const LEARNING = "this host is still learning what is usual";

/** The maximum lengths in a reason, in UTF-16 code units. render.ts does not cut a reason that has both. */
const MAX_USER_IN_REASON = 32;
const MAX_PLACE_IN_REASON = 64;

/**
 * Judges a login or logout. An event that was tampered with, or for which the hook could not run, is never allowlisted
 * and always urgent: an attacker may have stopped the hook.
 */
export function judge(login: Login, options: JudgeOptions): Verdict {
  const { allowlist, known, learningMs, nowMs, isUnrecorded = false } = options;
  const { type, user, address, remoteHost, tampered } = login;
  const isSuspect = tampered.length > 0 || isUnrecorded;
  const rule = isSuspect ? undefined : allowlist.find((rule) => failingConditions(rule, { login, nowMs }).length === 0);
  const seenLogin = { user, address: address?.toString() ?? "", remoteHost, keyFingerprint: keyOf(login) };
  const history = type === "open" ? known(seenLogin) : undefined;
  const news = history === undefined ? [] : newsOf(login, history);
  const isLearning = history !== undefined && isWithin(learningMs, login.occurredAtMs, history.firstEventAtMs);
  return {
    address: seenLogin.address,
    keyFingerprint: seenLogin.keyFingerprint,
    tampered,
    rule,
    reasons: [
      ...isUnrecorded ? [HOOK_COULD_NOT_RUN] : [],
      ...news,
      // Explains why the other reasons are not urgent.
      ...news.length > 0 && isLearning && !isSuspect ? [LEARNING] : [],
    ],
    unexpected: isSuspect || news.length > 0,
    urgent: isSuspect || (news.length > 0 && !isLearning) || (type === "open" && user === "root"),
  };
}

/** Describes what is new about a login. */
function newsOf({ user, address, remoteHost, keys }: Login, known: Known): string[] {
  const who = cap(user, MAX_USER_IN_REASON);
  // For a new user, everything else is new too.
  if (!known.user) return [`first login of ${who}`];
  const news: string[] = [];
  const place = cap(address?.toString() ?? remoteHost, MAX_PLACE_IN_REASON);
  if (!known.place) {
    news.push(place === "" ? `first login of ${who} without an address` : `first login of ${who} from ${place}`);
  }
  if (!known.key) news.push(`first use of this key by ${who}`);
  if (keys.hasUnreadable) news.push("the key can't be read");
  return news;
}

/** Combines all keys into one: a login with a known key and a new key is new. */
function keyOf({ keys: { fingerprints } }: Login): string {
  return fingerprints.toSorted().join(" ");
}

/**
 * Whether the host is still learning. Compares the absolute difference: if a wrong clock dated the first event in the
 * future, the host would otherwise learn until that date.
 */
function isWithin(learningMs: number, atMs: number, firstEventAtMs: number = atMs): boolean {
  return Math.abs(atMs - firstEventAtMs) < learningMs;
}
