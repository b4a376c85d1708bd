// Reads the configuration file, and reports each fault in one line.

import { ExitCode, Failure, messageOf } from "../failure.ts";
import type { Id } from "../ids.ts";
import { isPassingSystemError } from "../system_error.ts";
import { type Config, folderOf, parseConfig } from "./config.ts";
import { ConfigError } from "./config_error.ts";
import { filesBeside } from "./files_beside.ts";

/** The largest file that is accepted as a configuration, in bytes. */
export const MAX_CONFIG_BYTES = 1024 * 1024;

/**
 * Reads a configuration file.
 *
 * @throws {Failure} with exit code 77 if reading is not permitted, 75 after a temporary system error, else 78
 */
export function readConfig(path: string): Config {
  const text = readText(path);
  try {
    const directory = folderOf(path);
    return parseConfig(text, { hostName: Deno.hostname, readBeside: filesBeside(directory), directory });
  } catch (cause) {
    if (!(cause instanceof ConfigError)) throw cause;
    const lines = cause.faults.map(({ place, message }) => `${path}: ${place}: ${message}`);
    throw new Failure(lines.join("\n"), {
      // There is always at least one fault.
      code: cause.faults[0]?.id ?? "config.wrong-value",
      codes: cause.faults.map(({ id }) => id),
      exitCode: ExitCode.config,
      hint: `edit ${path}; events stay queued and are sent once the file is valid`,
      cause,
    });
  }
}

function readText(path: string): string {
  try {
    const { isFile, size } = Deno.statSync(path);
    if (!isFile || size > MAX_CONFIG_BYTES) {
      throw new Failure(
        `Cannot read the configuration "${path}": it is ${isFile ? `${size} bytes long` : "not a regular file"}`,
        {
          code: "config.not-a-file",
          exitCode: ExitCode.config,
          hint: `use a TOML file of at most ${MAX_CONFIG_BYTES} bytes`,
        },
      );
    }
    const bytes = Deno.readFileSync(path);
    if (isUtf16(bytes)) throw new TypeError("UTF-16");
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    if (cause instanceof Failure) throw cause;
    throw unreadable(path, cause);
  }
}

/** Whether a file begins with a UTF-16 byte order mark or an ASCII character in UTF-16. */
function isUtf16([first, second]: Uint8Array): boolean {
  return (first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff) || first === 0 || second === 0;
}

function unreadable(path: string, cause: unknown): Failure {
  const { NotFound, PermissionDenied, NotCapable } = Deno.errors;
  const { config, noPermission, tempFail } = ExitCode;
  const fail = (why: string, code: Id, exitCode: ExitCode, hint: string) =>
    new Failure(`Cannot read the configuration "${path}"${why}`, { code, exitCode, hint, cause });
  if (cause instanceof NotFound) {
    const hint = "write it (see man 5 ssh-session-notifier.toml), or run install.sh, which creates a commented example";
    const code = "config.missing";
    return new Failure(`Configuration "${path}" does not exist`, { code, exitCode: config, hint, cause });
  }
  if (cause instanceof PermissionDenied) {
    const hint = `chown root:ssh-session-notifier ${path} && chmod 0640 ${path}; run send as ssh-session-notifier`;
    return fail(": permission denied", "config.not-readable", noPermission, hint);
  }
  if (cause instanceof NotCapable) {
    const why = ": the sandbox allows only /etc/ssh-session-notifier";
    return fail(why, "config.outside-sandbox", noPermission, "move the configuration to /etc/ssh-session-notifier");
  }
  if (cause instanceof TypeError) {
    const what = cause.message === "UTF-16" ? 'is UTF-16 ("Unicode" on Windows)' : "is not valid UTF-8";
    return fail(`: it ${what}`, "config.not-utf8", config, "save it as UTF-8");
  }
  return fail(
    `: ${messageOf(cause)}`,
    "config.read-error",
    isPassingSystemError(cause) ? tempFail : config,
    "check the disk and its file system",
  );
}
