// Finds the services whose PAM stack `check` inspects: sshd, those with the lines of install.sh in their file, and those
// that `[services]` expects to be notified.

import type { ServiceLevel } from "../../session/judge.ts";
import type { Findings } from "./finding.ts";
import { inspectPam, type PamSources, sessionOf } from "./pam.ts";
import { type PamFile, readPamStack } from "./pam_stack.ts";

/** The directories in which Linux-PAM looks for a service, in this order (pam.d(5)). */
const PAM_DIRS = ["/etc/pam.d", "/usr/lib/pam.d"];

/** Access to files. */
export interface PamFiles {
  /** The text of a file; undefined if it does not exist. */
  readonly read: (path: string) => string | undefined;
  /** The paths of the files in a directory, sorted by name. */
  readonly list: (directory: string) => readonly string[];
}

/** The services to inspect: those with the hook, and sshd. */
export function hookedServices({ read, list }: PamFiles): string[] {
  const hooked = list("/etc/pam.d")
    // Other tools keep copies of these files.
    .filter((path) => !/\.(dpkg-.*|rpm.*|new|bak|old|orig)$|~$/.test(path))
    .filter((path) => /^# ssh-session-notifier begin/m.test(read(path) ?? ""))
    .map((path) => path.replace(/^.*\//, ""));
  return [...new Set(["sshd", ...hooked])];
}

/**
 * Further services to inspect: those in `[services]` that need the hook. A service with the level `none`, or that is not
 * installed, does not.
 */
export function namedServices(levels: ReadonlyMap<string, ServiceLevel>, files: PamFiles): string[] {
  const hooked = hookedServices(files);
  return [...levels].filter(([service, level]) =>
    level !== "none" && !hooked.includes(service) && readPamFile(service, files) !== undefined
  ).map(([service]) => service);
}

/** Inspects the PAM stacks of services. Limits apply to all of them, so they are reported once. */
export function inspectServices(services: readonly string[], files: PamFiles, findings: Findings): void {
  const { read, list } = files;
  const paths = ["/etc/security/limits.conf", ...list("/etc/security/limits.d").filter((path) => /\.conf$/.test(path))];
  let limits: PamSources["limits"] = paths.flatMap((path) => readPamFile(path, files) ?? []);
  for (const service of services) {
    const path = readPamFile(service, files)?.path ?? `${PAM_DIRS[0]}/${service}`;
    const stack = readPamStack(service, (name) => readPamFile(name, files));
    inspectPam({ service, path, stack, read, limits }, findings);
    if (sessionOf(stack).some(({ name }) => name === "pam_limits.so")) limits = undefined;
  }
}

/** Finds and reads a PAM file as PAM does. */
function readPamFile(name: string, { read }: PamFiles): PamFile | undefined {
  for (const path of name.startsWith("/") ? [name] : PAM_DIRS.map((directory) => `${directory}/${name}`)) {
    const text = read(path);
    if (text !== undefined) return { path, text };
  }
  return undefined;
}
