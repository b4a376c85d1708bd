// Parses SSH_AUTH_INFO_0: the authentication methods that the user completed, and their keys. Pure.
// Rule: a key that cannot be parsed completely is not trusted, and no input makes the parser throw.

import { type AuthKey, parseKey } from "./auth_key.ts";

/** One completed method. */
export interface AuthMethod {
  /** `publickey`, `password`, `keyboard-interactive/pam`, …; raw and hostile. */
  readonly method: string;
  /** Absent if the method has no key, or the key cannot be parsed completely. */
  readonly key?: AuthKey;
  /** The rest of the line, such as the client user and host of `hostbased`; raw and hostile. */
  readonly more: string;
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

/**
 * Parses sshd's list of completed methods, one per line: `method[/submethod][ keytype base64][ more]`
 * (auth2_update_session_info in auth2.c of OpenSSH).
 *
 * @param authInfo from an event; hostile. If it is truncated, only the method of the last line is used
 */
export function parseAuthInfo(authInfo: string): AuthMethod[] {
  const lines = authInfo.split("\n");
  return lines.flatMap((line, index) => {
    if (line === "") return [];
    const isCut = index === lines.length - 1 && line.endsWith(CUT);
    return parseLine(isCut ? line.replace(/ .*/s, "") : line);
  });
}

/** The user's own keys among the methods. */
export function usedKeys(methods: readonly AuthMethod[]): UsedKeys {
  const keys = methods.filter(({ method }) => method === "publickey").map(({ key }) => key);
  return {
    fingerprints: [...new Set(keys.flatMap((key) => key === undefined ? [] : key.fingerprint))],
    // A truncated method may have had a key.
    hasUnreadable: keys.includes(undefined) || methods.some(({ method }) => method.endsWith(CUT)),
  };
}

function parseLine(line: string): AuthMethod {
  const [method = "", type = "", base64 = "", ...rest] = line.split(" ");
  const key = KEY_METHODS.includes(method) ? parseKey(type, base64) : undefined;
  return key === undefined ? { method, more: line.slice(method.length + 1) } : { method, key, more: rest.join(" ") };
}
