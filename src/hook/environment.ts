// Converts the PAM environment to a SessionEvent. The user that logs in may control most of this environment:
// see ssh-session-notifier-security(7).

import { cap, capAuthInfo, type SessionEvent, type SessionEventType } from "../event.ts";

/** The environment of the process (`Deno.env`), or one from the file of the last resort: see intake/unrecorded.ts. */
export type Environment = Pick<Deno.Env, "get" | "toObject">;

/** The fields of an event that do not come from the environment. */
export type Circumstances = Pick<SessionEvent, "uuid" | "occurredAtMs" | "uptimeSeconds" | "parentPid">;

/** Replaces a value that is not valid UTF-8. It contains spaces, so it cannot be a user or host name. */
export const NOT_UTF8 = "(not valid UTF-8)";

const TYPES: ReadonlyMap<string, SessionEventType> = new Map([
  ["open_session", "open"],
  ["close_session", "close"],
]);

/** Builds the event from the environment that pam_exec passes; undefined if no session starts or ends. */
export function readSessionEvent(environment: Environment, circumstances: Circumstances): SessionEvent | undefined {
  const all = environment.toObject();
  const tampered: string[] = [];
  const read = (name: string, shorten: (value: string) => string = cap): string => {
    const { value, honest } = readVariable(environment, all[name], name);
    if (!honest) tampered.push(name);
    return shorten(value);
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
    authInfo: read("SSH_AUTH_INFO_0", capAuthInfo),
    tampered,
  };
}

/**
 * Reads one variable, and checks that all its copies in the environment agree.
 *
 * If PAM reads `~/.pam_environment`, a user can add variables, but pam_exec appends its own `PAM_*` after them
 * (pam_exec.c of Linux-PAM). So a forged name exists twice: `get` returns the first value, set by the user, and
 * `toObject` the last, set by pam_exec, which is trusted. If a value is not UTF-8, `get` throws and `toObject` omits
 * it. `PAM_RUSER` is not read: sshd does not set it, so a user could forge it undetected.
 */
function readVariable(environment: Environment, last: string | undefined, name: string) {
  try {
    return { value: last ?? "", honest: environment.get(name) === last };
  } catch {
    return { value: last ?? NOT_UTF8, honest: false };
  }
}
