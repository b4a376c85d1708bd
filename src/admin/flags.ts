// Values of flags that more than one command takes.

import { suggestion } from "../config/config_error.ts";
import { ExitCode, Failure } from "../failure.ts";
import { FINGERPRINT_FORM, isFingerprint } from "../session/fingerprint.ts";

/** Flags that override the fixed paths, for tests; any user may then run the command. */
export interface Places {
  readonly stateDir?: string | undefined;
  readonly configFile?: string | undefined;
}

/** The error of a command line whose flag has a wrong value; `command` is the name of the command. */
export function wrongValue(message: string, command: string): Failure {
  return new Failure(message, {
    code: "usage.wrong-value",
    exitCode: ExitCode.usage,
    hint: `ssh-session-notifier ${command} --help`,
  });
}

/**
 * Returns the fingerprint that `--key` means: the flag takes a fingerprint, or a name from [key_names].
 *
 * @throws {Failure} if it is neither
 */
export function fingerprintOf(
  key: string,
  { keyNames, command }: { keyNames: ReadonlyMap<string, string>; command: string },
): string {
  const [found] = [...keyNames].find(([, name]) => name === key) ?? [];
  if (found !== undefined) return found;
  if (isFingerprint(key)) return key;
  const names = suggestion(key, [...keyNames.values()]);
  throw wrongValue(`--key must be ${FINGERPRINT_FORM}, or a name from [key_names]${names}`, command);
}
