// Checks the configuration. `check` reads it as root, so this also looks for files that the user of `send` cannot read,
// and for placeholders that were never replaced.

import { foldersBetween, readableBySend } from "../../config/files_beside.ts";
import type { Config } from "../../config/config.ts";
import { ConfigError } from "../../config/config_error.ts";
import { readConfig } from "../../config/read_config.ts";
import { formatDuration } from "../../text.ts";
import { Failure } from "../../failure.ts";
import { CONFIG_FILE } from "../../paths.ts";
import { type AllowRule, isExpired, ruleName } from "../../session/allowlist.ts";
import type { Look } from "./files.ts";
import type { Findings } from "./finding.ts";

const FOLDER = CONFIG_FILE.replace(/\/[^/]*$/, "");

/** The user that must be able to read the files. */
export interface Reader {
  readonly uid: number;
  /** The ids of all its groups. */
  readonly gids: readonly number[];
}

/**
 * Checks the configuration, and reports the findings.
 *
 * @param look looks up a file, following links
 * @param sender the user of `send`; undefined if it is not known
 * @returns undefined if the configuration is invalid
 */
export function inspectConfig(
  { look, sender }: { look: Look; sender: Reader | undefined },
  findings: Findings,
): Config | undefined {
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
      `${place}: still has the value of an example, so nothing is delivered there`,
      "set your own value",
    );
  }
  if (sender !== undefined) inspectFilesOf(config, { look, sender, findings });
  if (!findings.hasFault("config")) {
    const routes = config.routes.map(({ name }) => `route "${name}"`).join(", ");
    findings.pass("config.valid", `${CONFIG_FILE} is valid: ${routes}`);
  }
  inspectAllowlist(config.allowlist, { nowMs: Date.now(), findings });
  return config;
}

/** Checks the allowlist for rules that have expired. */
export function inspectAllowlist(
  rules: readonly AllowRule[],
  { nowMs, findings }: { nowMs: number; findings: Findings },
): void {
  for (const rule of rules) {
    if (!isExpired(rule, nowMs)) continue;
    const ago = formatDuration(nowMs - (rule.expiresAtMs ?? nowMs));
    findings.warning(
      "config.rule-expired",
      `${ruleName(rule)} expired ${ago} ago and no longer applies`,
      "remove the rule, or set a later expires_at",
    );
  }
}

/** Checks whether `send` can read the files that a configuration names, and enter the directories that contain them. */
export function inspectFilesOf(
  { files }: Pick<Config, "files">,
  { look, sender, findings }: { look: Look; sender: Reader; findings: Findings },
): void {
  const folders = files.flatMap((path) => foldersBetween(FOLDER, path));
  for (const path of new Set([...folders, ...files])) {
    const info = look(path);
    // Execute permission on a directory, read permission on a file.
    if (info === undefined || allows(info, { reader: sender, bit: info.isDirectory ? 0o1 : 0o4 })) continue;
    findings.fault(
      "config.file-not-readable",
      `send cannot read a file that ${CONFIG_FILE} names, because of the owner or the mode of "${path}"`,
      readableBySend(path, info.isDirectory ? "0750" : "0640"),
    );
  }
}

/** Whether the mode of a file gives a user a permission, by the rules of the kernel (path_resolution(7)). */
export function allows({ uid, gid, mode }: Deno.FileInfo, { reader, bit }: { reader: Reader; bit: number }): boolean {
  const shift = uid === reader.uid ? 6 : reader.gids.includes(gid ?? -1) ? 3 : 0;
  return (((mode ?? 0) >> shift) & bit) !== 0;
}
