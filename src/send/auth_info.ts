// SSH_AUTH_INFO_0 -> how the user got in: the methods, and the keys that came with them. Pure.
// The rule: what is not understood whole is not believed, and nothing that is written there makes it throw.

import { type AuthKey, parseKey } from "./auth_key.ts";

/** One completed method. */
export interface AuthMethod {
  /** `publickey`, `password`, `keyboard-interactive/pam`, …: raw and hostile. */
  readonly method: string;
  /** Absent where the method has none, and where it is not understood whole. */
  readonly key?: AuthKey;
  /** What follows, such as the client's user and host of `hostbased`: raw and hostile. */
  readonly more: string;
}

/** What keys the user came with. */
export interface UsedKeys {
  /** Each once, in the order of use. */
  readonly fingerprints: readonly string[];
  /** Whether there was one that can't be told. */
  readonly hasUnreadable: boolean;
}

/** The methods that come with a key; that of `hostbased` is the client host's. */
const KEY_METHODS = ["publickey", "hostbased"];

/** What event.ts puts where it cuts a value. */
const CUT = "…";

/**
 * Reads what sshd says of how the user got in: a line a method, `method[/submethod][ keytype base64][ more]`
 * (auth2_update_session_info in auth2.c of OpenSSH).
 *
 * @param authInfo as an event has it: hostile, and perhaps cut, in which case the last line is believed no further than
 *   its method
 */
export function parseAuthInfo(authInfo: string): AuthMethod[] {
  const lines = authInfo.split("\n");
  return lines.flatMap((line, index) => {
    if (line === "") return [];
    const isCut = index === lines.length - 1 && line.endsWith(CUT);
    return parseLine(isCut ? line.replace(/ .*/s, "") : line);
  });
}

/** The keys of the user among the methods. */
export function usedKeys(methods: readonly AuthMethod[]): UsedKeys {
  const keys = methods.filter(({ method }) => method === "publickey").map(({ key }) => key);
  return {
    fingerprints: [...new Set(keys.flatMap((key) => key === undefined ? [] : key.fingerprint))],
    // A method that the cap has cut may have been one with a key.
    hasUnreadable: keys.includes(undefined) || methods.some(({ method }) => method.endsWith(CUT)),
  };
}

function parseLine(line: string): AuthMethod {
  const [method = "", type = "", base64 = "", ...rest] = line.split(" ");
  const key = KEY_METHODS.includes(method) ? parseKey(type, base64) : undefined;
  return key === undefined ? { method, more: line.slice(method.length + 1) } : { method, key, more: rest.join(" ") };
}
