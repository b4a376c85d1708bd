// Parses SSH_AUTH_INFO_0: the authentication methods that the user completed, and their keys. Pure.
// Rule: a key that cannot be parsed completely is not trusted, no input makes the parser throw, and the result is small.

import { cap, type SessionEvent } from "../event.ts";
import { type AuthKey, parseKey } from "./auth_key.ts";

/** One completed method. The store keeps it as JSON. */
export interface AuthMethod {
  /** `publickey`, `password`, `keyboard-interactive/pam`, …; hostile. */
  readonly method: string;
  /** Absent if the method has no key, or the key cannot be parsed completely. */
  readonly key?: AuthKey;
  /** The rest of the line if it is not empty, such as the client user and host of `hostbased`; hostile. */
  readonly more?: string;
}

/** A session event with its authentication info parsed, which is all that the store keeps of it. */
export interface ParsedEvent extends Omit<SessionEvent, "authInfo"> {
  readonly auth: readonly AuthMethod[];
}

/** The keys that the user authenticated with. */
export interface UsedKeys {
  /** Unique, in the order of use. */
  readonly fingerprints: readonly string[];
  /** Whether a key cannot be identified. */
  readonly hasUnreadable: boolean;
}

/** The methods that have a key. The key of `hostbased` belongs to the client host. */
const KEY_METHODS = ["publickey", "hostbased"];

/** The character that event.ts appends to a truncated value. */
const CUT = "…";

/** Stands for the methods that were left out. */
const MORE: AuthMethod = { method: CUT };
const MAX_METHODS = 8;

/** Maximum lengths of hostile texts, in UTF-16 code units. The shorter one is for an ID that would not fit. */
const MAX_METHOD_LENGTH = 64;
const MAX_MORE_LENGTH = 192;
const MAX_ID_LENGTH = 64;
const SHORT_ID_LENGTH = 8;

/** Maximum size of the parsed methods, in bytes of JSON: any certificate with an ID of 64 ASCII characters fits. */
export const MAX_AUTH_BYTES = 384;

/**
 * Parses sshd's list of completed methods, one per line: `method[/submethod][ keytype base64][ more]`
 * (auth2_update_session_info in auth2.c of OpenSSH). To fit into {@link MAX_AUTH_BYTES}, shortens the IDs of certificates,
 * then leaves out certificates, then methods, the last ones first.
 *
 * @param authInfo from an event; hostile
 */
export function parseAuthInfo(authInfo: string): readonly AuthMethod[] {
  const lines = authInfo.split("\n").filter((line) => line !== "");
  let methods = lines.slice(0, MAX_METHODS).map(parseLine);
  // sshd ends each line, so here event.ts has cut off the end.
  if (lines.length > MAX_METHODS || authInfo.endsWith(CUT)) methods.push(MORE);
  for (const reduced of [withShortId, withoutDetails]) {
    for (const [index, method] of [...methods.entries()].reverse()) {
      if (!isSmall(methods)) methods = methods.with(index, reduced(method));
    }
  }
  for (let kept = methods.length - 1; !isSmall(methods); kept--) methods = [...methods.slice(0, kept), MORE];
  return methods;
}

function isSmall(methods: readonly AuthMethod[]): boolean {
  return new TextEncoder().encode(JSON.stringify(methods)).length <= MAX_AUTH_BYTES;
}

function withShortId({ method, key }: AuthMethod): AuthMethod {
  return key === undefined ? { method } : { method, key: withId(key, SHORT_ID_LENGTH) };
}

function withoutDetails({ method, key }: AuthMethod): AuthMethod {
  return key === undefined ? { method } : { method, key: { type: key.type, fingerprint: key.fingerprint } };
}

/** The user's own keys among the methods. */
export function usedKeys(methods: readonly AuthMethod[]): UsedKeys {
  const keys = methods.filter(({ method }) => method === "publickey").map(({ key }) => key);
  return {
    fingerprints: [...new Set(keys.flatMap((key) => key === undefined ? [] : key.fingerprint))],
    // A method that was cut or left out may have had a key.
    hasUnreadable: keys.includes(undefined) || methods.some(({ method }) => method.endsWith(CUT)),
  };
}

function parseLine(line: string): AuthMethod {
  const [name = "", type = "", base64 = "", ...rest] = line.split(" ");
  const method = cap(name, MAX_METHOD_LENGTH);
  const isCut = rest.length === 0 && base64.endsWith(CUT);
  const key = KEY_METHODS.includes(method)
    ? parseKey(type, isCut ? base64.slice(0, -1) : base64, { isCut })
    : undefined;
  const more = key === undefined ? line.slice(name.length + 1) : rest.join(" ");
  return {
    method,
    ...(key === undefined ? {} : { key: withId(key, MAX_ID_LENGTH) }),
    // After the user's own key, it is the signature counter of a security key, which is not useful.
    ...(more === "" || method === "publickey" ? {} : { more: cap(more, MAX_MORE_LENGTH) }),
  };
}

/** Shortens the ID of a certificate. */
function withId(key: AuthKey, maxLength: number): AuthKey {
  const { certificate } = key;
  return certificate === undefined
    ? key
    : { ...key, certificate: { ...certificate, id: cap(certificate.id, maxLength) } };
}
