// PAM environment -> SessionEvent. The person who logs in may have written most of this environment;
// see "Hostile environment" in the README.

import { cap, MAX_AUTH_INFO_LENGTH, MAX_NAME_LENGTH, type SessionEvent, type SessionEventType } from "../event.ts";

/** The environment of the process; the real one is `Deno.env`. */
export type Environment = Pick<Deno.Env, "get" | "toObject">;

/** What an event has from elsewhere than the environment. */
export type Circumstances = Pick<SessionEvent, "uuid" | "occurredAtMs" | "uptimeSeconds" | "parentPid">;

/** Stands for a value that is not valid UTF-8. It can't be a user or host name, since it has spaces. */
export const NOT_UTF8 = "(not valid UTF-8)";

const TYPES: ReadonlyMap<string, SessionEventType> = new Map([
  ["open_session", "open"],
  ["close_session", "close"],
]);

/**
 * Builds the event that pam_exec reports.
 *
 * @returns undefined where pam_exec reports something else than the start or end of a session
 */
export function readSessionEvent(environment: Environment, circumstances: Circumstances): SessionEvent | undefined {
  const all = environment.toObject();
  const tampered: string[] = [];
  const read = (name: string, maxLength = MAX_NAME_LENGTH): string => {
    const { value, honest } = readVariable(environment, all[name], name);
    if (!honest) tampered.push(name);
    return cap(value, maxLength);
  };
  const type = TYPES.get(read("PAM_TYPE"));
  if (type === undefined) return undefined;
  return {
    ...circumstances,
    type,
    user: read("PAM_USER"),
    remoteHost: read("PAM_RHOST"),
    terminal: read("PAM_TTY"),
    service: read("PAM_SERVICE"),
    connection: read("SSH_CONNECTION"),
    authInfo: read("SSH_AUTH_INFO_0", MAX_AUTH_INFO_LENGTH),
    tampered,
  };
}

/**
 * Reads one variable, and whether all that the environment says of it agrees.
 *
 * A user can add to PAM's environment, where `~/.pam_environment` is read; pam_exec then appends its own `PAM_*`
 * behind (pam_exec.c of Linux-PAM). So a forged name stands there twice: `get` answers the first, the user's, and
 * `toObject` has the last, pam_exec's, which is the one to believe. A value that is not UTF-8 makes `get` throw and
 * is left out of `toObject`. `PAM_RUSER` is not read at all: sshd leaves it unset, so a user can set it unseen.
 */
function readVariable(environment: Environment, last: string | undefined, name: string) {
  try {
    return { value: last ?? "", honest: environment.get(name) === last };
  } catch {
    return { value: last ?? NOT_UTF8, honest: false };
  }
}
