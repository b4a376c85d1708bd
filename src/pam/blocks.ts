// The lines of this program in a PAM file. Not an include, because PAM refuses every login if an included file is
// missing. Logins still work if a file that these lines name is missing.

import { BINARY, CONFIG_FILE, statePaths } from "../paths.ts";

const CONFIG_DIR = CONFIG_FILE.replace(/\/[^/]*$/, "");
const BEGIN =
  "# ssh-session-notifier begin: do not edit between these lines; `ssh-session-notifier-pam remove` removes them";
const END = "# ssh-session-notifier end";
const CLEAN = `pam_env.so conffile=${CONFIG_DIR}/pam_env_last.conf readenv=0 user_readenv=0`;
const HOOK = `pam_exec.so quiet seteuid ${BINARY} queue`;

/**
 * `env` prints the hook's environment. `prlimit` executes it in its own process, so only one process is needed. At most
 * 1 MiB is written. `env` does not record logouts: the environment is not clean then, and `env` is not setgid.
 */
const LAST_RESORT = `pam_exec.so quiet seteuid type=open_session log=${statePaths().unrecordedFile} ` +
  "/usr/bin/prlimit --core=0 --fsize=1048576 /usr/bin/env -0";

/**
 * The first lines of the session stack. Here no limits are set yet, and the environment has no variables of the user,
 * unless the auth stack has read a ~/.pam_environment; harmful variables are removed. If the hook cannot start (a user's
 * certificate can make SSH_AUTH_INFO_0 longer than the kernel allows), it runs again without that variable. If it fails
 * again (no memory, no processes, a broken binary), the last resort records the login, and never with the user's
 * LD_PRELOAD, because its line is skipped if the line before it fails. seteuid: under su, the real user is the caller,
 * who could otherwise end the hook with a signal.
 */
export const FIRST_LINES: readonly string[] = [
  BEGIN,
  `session optional ${CLEAN}`,
  `session [success=4 default=ignore] ${HOOK}`,
  `session optional pam_env.so conffile=${CONFIG_DIR}/pam_env_retry.conf readenv=0 user_readenv=0`,
  `session [success=2 default=ignore] ${HOOK}`,
  `session [success=ignore default=1] ${CLEAN}`,
  `session optional ${LAST_RESORT}`,
  END,
];

/** The last lines. PAM keeps its environment until the logout, and by now it may contain variables set by the user. */
export const LAST_LINES: readonly string[] = [BEGIN, `session optional ${CLEAN}`, END];
