// Checks the configuration, and what only `send` would notice: a value that was never filled in, a file that its user
// can't read. `check` reads the configuration as root, who can read everything.

import { foldersBetween, readableBySend } from "../config/files_beside.ts";
import type { Config } from "../config/config.ts";
import { ConfigError } from "../config/config_error.ts";
import { readConfig } from "../config/read_config.ts";
import { Failure } from "../failure.ts";
import { CONFIG_FILE } from "../paths.ts";
import { inspectAllowlist } from "./allowlist.ts";
import type { Look } from "./files.ts";
import type { Findings } from "./finding.ts";

const FOLDER = CONFIG_FILE.replace(/\/[^/]*$/, "");

/** The user that has to read the files. */
export interface Reader {
  readonly uid: number;
  /** The ids of all its groups. */
  readonly gids: readonly number[];
}

/** The user that has to read the files, and how to look at them. */
export interface ConfigOptions {
  /** Looks at a file, following links. */
  readonly look: Look;
  /** Undefined if that is not known. */
  readonly sender: Reader | undefined;
}

/**
 * Checks the configuration, and reports the findings.
 *
 * @returns undefined if it can't be used
 */
export function inspectConfig({ look, sender }: ConfigOptions, findings: Findings): Config | undefined {
  let config: Config;
  try {
    config = readConfig(CONFIG_FILE);
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    if (error.cause instanceof ConfigError) {
      for (const { id, place, message } of error.cause.faults) {
        findings.fault(id, `${CONFIG_FILE}: ${place}: ${message}`, error.hint);
      }
    } else findings.fault(error.code, error.message, error.hint);
    return undefined;
  }
  for (const { id, place, message, hint } of config.warnings) findings.warning(id, `${place}: ${message}`, hint);
  for (const place of config.placeholders) {
    findings.fault(
      "config.placeholder",
      `${place}: is still an example: nothing is delivered there`,
      "set it to your own value",
    );
  }
  if (sender !== undefined) inspectFilesOf(config, { look, sender, findings });
  if (!findings.hasFault("config")) {
    const routes = config.routes.map(({ name }) => `route "${name}"`).join(", ");
    findings.pass("config.valid", `${CONFIG_FILE} is right: ${routes}`);
  }
  inspectAllowlist(config.allowlist, { nowMs: Date.now(), findings });
  return config;
}

/** Checks the files that a configuration names, and the folders on the way. */
export function inspectFilesOf(
  { files }: Pick<Config, "files">,
  { look, sender, findings }: { look: Look; sender: Reader; findings: Findings },
): void {
  const folders = files.flatMap((path) => foldersBetween(FOLDER, path));
  for (const path of new Set([...folders, ...files])) {
    const info = look(path);
    // A folder has to be passed through, a file to be read.
    if (info === undefined || allows(info, { reader: sender, bit: info.isDirectory ? 0o1 : 0o4 })) continue;
    findings.fault(
      "config.file-not-readable",
      `send can't read what ${CONFIG_FILE} names, because of the owner and the mode of "${path}"`,
      readableBySend(path, info.isDirectory ? "0750" : "0640"),
    );
  }
}

/** What the mode of a file allows a user, as the kernel decides (path_resolution(7)). */
function allows({ uid, gid, mode }: Deno.FileInfo, { reader, bit }: { reader: Reader; bit: number }): boolean {
  const shift = uid === reader.uid ? 6 : reader.gids.includes(gid ?? -1) ? 3 : 0;
  return (((mode ?? 0) >> shift) & bit) !== 0;
}
