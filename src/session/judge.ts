// Judges a login or logout: whether it is allowlisted, whether it is unexpected and why, and whether it is urgent.
// Pure, except for the lookup of previous logins.

import { type AllowRule, failingConditions } from "./allowlist.ts";
import { cap } from "../event.ts";
import type { Known, SeenLogin } from "./seen.ts";
import type { Login } from "./login.ts";
import { operatorText, type Place } from "./place.ts";
import { networkText, type PlaceSize, siteOf, siteText } from "./site.ts";

/** The result of judging an event. */
export interface Verdict {
  /** The client's address in canonical form; empty if it is not certain. */
  readonly address: string;
  /** The {@link siteOf} the address; empty if it is not certain. */
  readonly site: string;
  /** What the place databases say about the address. */
  readonly place: Place;
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
  /** What `[services]` says about its service; always `all` if it was tampered with or the hook could not run. */
  readonly level: ServiceLevel;
}

/**
 * The values of `[services]`: which events of a PAM service are notified. `urgent`: all, each as urgent. `unexpected`:
 * unexpected logins.
 */
export const SERVICE_LEVELS = ["all", "unexpected", "urgent", "none"] as const;

/** One of {@link SERVICE_LEVELS}. */
export type ServiceLevel = typeof SERVICE_LEVELS[number];

/** The input of {@link judge}, in addition to the login. */
export interface JudgeOptions {
  readonly allowlist: readonly AllowRule[];
  /** The levels of PAM services, by name; `all` for any other. */
  readonly services: ReadonlyMap<string, ServiceLevel>;
  /** Looks up previous logins. */
  readonly known: (login: SeenLogin) => Known;
  /** What the place databases say about the login's address. */
  readonly place: Place;
  /** What counts as the same place. */
  readonly placeSize: PlaceSize;
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
 * Judges a login or logout. An event that was tampered with, or for which the hook could not run, is always notified,
 * and urgent, whatever the allowlist and `[services]` say: an attacker may have stopped the hook.
 */
export function judge(login: Login, options: JudgeOptions): Verdict {
  const { allowlist, services, known, place, learningMs, nowMs, isUnrecorded = false } = options;
  const { type, user, service, address, remoteHost, tampered } = login;
  const isSuspect = tampered.length > 0 || isUnrecorded;
  const rule = isSuspect ? undefined : allowlist.find((rule) => failingConditions(rule, { login, nowMs }).length === 0);
  const level = isSuspect ? "all" : services.get(service) ?? "all";
  const seenLogin = { user, address, remoteHost, place, keyFingerprint: keyOf(login) };
  const history = type === "open" ? known(seenLogin) : undefined;
  const news = history === undefined ? [] : newsOf(login, history, options);
  const isLearning = history !== undefined && isWithin(learningMs, login.occurredAtMs, history.firstEventAtMs);
  return {
    address: address?.toString() ?? "",
    site: address === undefined ? "" : siteOf(address),
    place,
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
    urgent: isSuspect || level === "urgent" || (news.length > 0 && !isLearning) || (type === "open" && user === "root"),
    level,
  };
}

/** Describes what is new about a login. */
function newsOf(login: Login, known: Known, options: PlaceOptions): string[] {
  const { user, keys } = login;
  const who = cap(user, MAX_USER_IN_REASON);
  // For a new user, everything else is new too.
  if (!known.user) return [`first login of ${who}`];
  const news: string[] = [];
  const place = newPlace(login, known, options);
  if (place !== undefined) {
    const from = place === "" ? "without an address" : `from ${cap(place, MAX_PLACE_IN_REASON)}`;
    news.push(`first login of ${who} ${from}`);
  }
  if (!known.key) news.push(`first use of this key by ${who}`);
  if (keys.hasUnreadable) news.push("the key can't be read");
  return news;
}

type PlaceOptions = Pick<JudgeOptions, "place" | "placeSize">;

/**
 * The place that is new, for people: the country if that is new, else as large as the options say; empty for an unknown
 * place, undefined if it is not new. A known address is never new, even if a database now says that it has moved. If the
 * databases cannot tell, the address decides, so a missing database makes no login expected.
 */
function newPlace(
  { address, remoteHost }: Login,
  known: Known,
  { place, placeSize }: PlaceOptions,
): string | undefined {
  if (known.place) return undefined;
  if (address === undefined) return remoteHost;
  if (known.country === false) return place.country;
  if (placeSize === "country" && known.country) return undefined;
  if (placeSize === "operator" && known.operator !== undefined) return known.operator ? undefined : operatorText(place);
  if (placeSize === "network") return known.network ? undefined : networkText(address);
  return siteText(address);
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
