// Decides what a login or logout means: whether the allowlist covers it, whether it is unexpected and why, and whether
// it is urgent. Pure, but for asking who has logged in before.

import { type AllowRule, type Condition, failingConditions } from "../config/allowlist.ts";
import { cap } from "../event.ts";
import type { Known, SeenLogin } from "../store/seen.ts";
import type { Login } from "./login.ts";

/** What an event means. */
export interface Meaning {
  /** The client's address in its usual form; empty where none is known for sure. */
  readonly address: string;
  /** The fingerprints of the user's keys, with a space between; empty where there were none, or none is sure. */
  readonly keyFingerprint: string;
  /** The names of what somebody had a hand in, those of the hook included. */
  readonly tampered: readonly string[];
  readonly verdict: "notify" | "allowlisted";
  /** The rule that allows it. */
  readonly rule: AllowRule | undefined;
  /** Why it is unexpected, a few words each, of hostile text; tampering is told by `tampered` alone. */
  readonly reasons: readonly string[];
  /** Whether it is a login unlike those before, or was tampered with; also while the host is still learning. */
  readonly unexpected: boolean;
  /** Whether it must not wait behind others, and is to be loud. */
  readonly urgent: boolean;
}

/** What a login is judged by. */
export interface JudgeOptions {
  readonly allowlist: readonly AllowRule[];
  /** What the history says. */
  readonly known: (login: SeenLogin) => Known;
  /** How long after the first event of the host novelty alone does not make a login urgent. */
  readonly learningMs: number;
  readonly nowMs: number;
  /** Whether the hook could not run, so that less is known about the login. Default: false. */
  readonly isUnrecorded?: boolean;
}

/** The reason why such a login is unexpected. */
export const HOOK_COULD_NOT_RUN = "the hook could not run";

/** Said beside what is new, while nearly everything is. */
export const LEARNING = "this host is still learning what is usual";

/** The longest user and place in a reason, in UTF-16 code units: render.ts shows a reason whole that has both. */
const MAX_USER_IN_REASON = 32;
const MAX_PLACE_IN_REASON = 64;

/**
 * Judges a login or logout. One that was tampered with, or for which the hook could not run, is never allowlisted and
 * always urgent: an attacker may have stopped the hook.
 */
export function judge(login: Login, options: JudgeOptions): Meaning {
  const { allowlist, known, learningMs, nowMs, isUnrecorded = false } = options;
  const { type, user, address, remoteHost, tampered } = login;
  const isSuspect = tampered.length > 0 || isUnrecorded;
  const rule = isSuspect ? undefined : allowlist.find((rule) => conditionsAgainst(login, { rule, nowMs }).length === 0);
  const seenLogin = { user, address: address?.toString() ?? "", remoteHost, keyFingerprint: keyOf(login) };
  const history = type === "open" ? known(seenLogin) : undefined;
  const news = history === undefined ? [] : newsOf(login, history);
  const isLearning = history !== undefined && isWithin(learningMs, login.occurredAtMs, history.firstEventAtMs);
  return {
    address: seenLogin.address,
    keyFingerprint: seenLogin.keyFingerprint,
    tampered,
    verdict: rule === undefined ? "notify" : "allowlisted",
    rule,
    reasons: [
      ...isUnrecorded ? [HOOK_COULD_NOT_RUN] : [],
      ...news,
      // This reason explains why the other ones are not urgent.
      ...news.length > 0 && isLearning && !isSuspect ? [LEARNING] : [],
    ],
    unexpected: isSuspect || news.length > 0,
    urgent: isSuspect || (news.length > 0 && !isLearning) || (type === "open" && user === "root"),
  };
}

/** The conditions of a rule that keep it from allowing a login that nobody has tampered with; none if it allows it. */
export function conditionsAgainst(
  { user, service, address, keys, occurredAtMs }: Login,
  { rule, nowMs }: { rule: AllowRule; nowMs: number },
): Condition[] {
  return failingConditions(rule, {
    candidate: { user, service, address, keyFingerprints: keys.fingerprints },
    // The later of the two, so that no clock that was set back brings an expired rule to life again.
    atMs: Math.max(occurredAtMs, nowMs),
  });
}

/** What is new about a login, in words. */
function newsOf({ user, address, remoteHost, keys }: Login, known: Known): string[] {
  const who = cap(user, MAX_USER_IN_REASON);
  // All else of that user is new then, too.
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

/** All keys as one: a login with a known key and a new one is new. */
function keyOf({ keys: { fingerprints } }: Login): string {
  return fingerprints.toSorted().join(" ");
}

/**
 * Whether the host is still learning. Both ways: where the first event seems to lie in the future, the clock was wrong,
 * and the host would go on learning until then.
 */
function isWithin(learningMs: number, atMs: number, firstEventAtMs: number = atMs): boolean {
  return Math.abs(atMs - firstEventAtMs) < learningMs;
}
