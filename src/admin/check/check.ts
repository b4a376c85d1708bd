// `check`: inspects the installation. As root, it reads only files that other users cannot write. Then it becomes the
// user of `send`, and reads the rest.

import type { Config } from "../../config/config.ts";
import { ExitCode, Failure, messageOf } from "../../failure.ts";
import { jsonText } from "../../text.ts";
import { oneLine } from "../../log.ts";
import { type StatePaths, statePaths } from "../../paths.ts";
import { print } from "../../print.ts";
import { statIfThere } from "../../sqlite/files.ts";
import { SourceError } from "../../intake/record.ts";
import { type Overview, readOverview } from "../../store/overview.ts";
import { diskSpace } from "../../store/disk_space.ts";
import { Spool } from "../../intake/spool.ts";
import { explainingStore } from "../../store/store_failure.ts";
import { becomeQueueReader } from "../become_sender.ts";
import { inspectConfig, type Reader } from "./config.ts";
import { inspectDelivery, inspectLastResort } from "./delivery.ts";
import { inspectFiles, inspectPassage, inspectSetgid } from "./files.ts";
import { findingLine, Findings } from "./finding.ts";
import { hookedServices, inspectServices, namedServices } from "./pam_services.ts";
import { inspectPlaces } from "./places.ts";
import { inspectReadOnly, inspectRoom } from "./disk_space.ts";
import { inspectRuns, inspectScheduler } from "./scheduler.ts";
import { inspectSelinux, type ToolResult } from "./selinux.ts";
import { inspectSshd } from "./sshd.ts";
import { SSHD_FILES } from "./sshd_files.ts";
import { readUnread } from "../unread.ts";
import { warningsOf } from "../warnings.ts";
import { groupsOfSender, inspectUsers } from "./users.ts";

/**
 * Checks the whole installation, and prints the findings, as lines or as JSON.
 *
 * @returns 0 if there is no fault, otherwise 78
 * @throws {Failure} if this user may not run `check`
 */
export function check({ json }: { readonly json: boolean }): ExitCode {
  const paths = statePaths();
  const findings = new Findings();
  inspectHost(paths, findings);
  // Read while this is root: becomeQueueReader() gives up the group that may read it.
  const sender = senderOf(paths);
  const config = attempt("config", findings, () => inspectConfig({ look: Deno.statSync, sender }, findings));
  if (config !== undefined) {
    attempt("place", findings, () => {
      inspectPlaces(config, { look: Deno.statSync, sender, nowMs: Date.now() }, findings);
    });
    attempt("pam", findings, () => inspectServices(namedServices(config.services, PAM_FILES), PAM_FILES, findings));
  }
  try {
    becomeQueueReader(paths, "check");
    inspectState(paths, { config, findings });
  } catch (error) {
    if (!(error instanceof Failure) || error.exitCode === ExitCode.noPermission) throw error;
    findings.fault(error.code, error.message, error.hint);
  }
  const isRight = !findings.hasFault();
  if (json) print(jsonText({ ok: isRight, findings: findings.all }, { indent: 2 }));
  else for (const finding of findings.all) print(oneLine(findingLine(finding)));
  return isRight ? ExitCode.ok : ExitCode.config;
}

const GROUP_FILE = "/etc/group";

/** The user of `send` and its groups; undefined if its directory is missing, which files.ts reports. */
function senderOf({ sendDir }: StatePaths): Reader | undefined {
  const { uid, gid } = statIfThere(sendDir) ?? {};
  return uid && gid ? { uid, gids: [gid, ...groupsOfSender(readIfThere(GROUP_FILE) ?? "")] } : undefined;
}

const PAM_FILES = { read: readIfThere, list: filesIn };

const SCHEDULER_FILES = { isThere: (path: string) => statIfThere(path) !== undefined, read: readIfThere };

/** Inspects what only root can write. */
function inspectHost(paths: StatePaths, findings: Findings): void {
  const { process } = globalThis;
  const gids = { realGid: process.getgid?.() ?? -1, effectiveGid: process.getegid?.() ?? -1 };
  attempt("binary", findings, () => inspectSetgid({ program: Deno.execPath(), ...gids }, statIfThere, findings));
  attempt("files", findings, () => inspectFiles(paths, statIfThere, findings));
  attempt("users", findings, () => {
    const [passwd = "", group = ""] = ["/etc/passwd", GROUP_FILE].map(readIfThere);
    inspectUsers({ paths, look: statIfThere, passwd, group }, findings);
  });
  attempt("pam", findings, () => inspectServices(hookedServices(PAM_FILES), PAM_FILES, findings));
  attempt("sshd", findings, () => inspectSshd(SSHD_FILES, findings));
  attempt("selinux", findings, () => inspectSelinux({ read: readIfThere, run: runTool }, findings));
  attempt("scheduler", findings, () => inspectScheduler(SCHEDULER_FILES, findings));
}

/** Inspects what other users can write. */
function inspectState(
  paths: StatePaths,
  { config, findings }: { config: Config | undefined; findings: Findings },
): void {
  attempt("files", findings, () => inspectPassage(paths, statIfThere, findings));
  attempt("disk", findings, () => inspectRoom(diskSpace(paths), findings));
  attempt("disk", findings, () => inspectReadOnly(paths.sendLock, findings));
  let overview: Overview | undefined;
  attempt("delivery", findings, () => {
    overview = explainingStore(paths, () => readOverview(paths.deliveriesDatabase));
    const unread = orWhyNot(() => readUnread(paths, overview));
    const spooled = orWhyNot(() => new Spool(paths.spoolDir).inspect());
    const nowMs = Date.now();
    const { routes = [], runDeadlineMs = 0 } = config ?? {};
    inspectRuns({ lastRunAtMs: overview?.lastRunAtMs, runDeadlineMs, nowMs }, findings);
    inspectDelivery({ routes, runDeadlineMs, overview, unread, spooled, nowMs }, findings);
  });
  attempt("store", findings, () => {
    for (const { id, message, hint } of warningsOf(paths, overview)) findings.warning(id, message, hint);
  });
  // Separate from "delivery", because it does not need the store.
  attempt("hook", findings, () => {
    inspectLastResort({ paths, lastRunAtMs: overview?.lastRunAtMs, nowMs: Date.now() }, findings);
  });
}

/** Returns the result of reading, or the error that explains why it failed. */
function orWhyNot<T>(read: () => T): T | SourceError {
  try {
    return read();
  } catch (error) {
    if (error instanceof SourceError) return error;
    throw error;
  }
}

/** Inspects a part. Reports one that cannot be examined, and lets the others continue. */
function attempt<T>(part: string, findings: Findings, inspect: () => T): T | undefined {
  try {
    return inspect();
  } catch (error) {
    if (error instanceof Failure) findings.fault(error.code, error.message, error.hint);
    else {
      findings.fault(
        "check.not-inspected",
        `cannot examine "${part}": ${messageOf(error)}`,
        "run check as root; if that fails too, check the disk: journalctl -k",
      );
    }
    return undefined;
  }
}

/** The text of a file; undefined if it does not exist or is outside the sandbox. */
function readIfThere(path: string): string | undefined {
  try {
    return Deno.readTextFileSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotCapable) return undefined;
    throw error;
  }
}

/** The exit code and the output of a system tool; undefined if it is not installed. */
function runTool(program: string, args: readonly string[]): ToolResult | undefined {
  try {
    const { code, stdout } = new Deno.Command(program, { args: [...args], clearEnv: true, stderr: "null" })
      .outputSync();
    return { code, stdout: new TextDecoder().decode(stdout) };
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** The paths of the files in a directory, sorted by name; empty if the directory does not exist. */
function filesIn(directory: string): string[] {
  if (statIfThere(directory) === undefined) return [];
  const files = [...Deno.readDirSync(directory)].filter(({ isDirectory }) => !isDirectory);
  return files.map(({ name }) => `${directory}/${name}`).sort();
}
