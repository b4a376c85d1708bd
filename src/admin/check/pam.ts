// Checks the PAM stack of a service: whether it runs the hook in the right place, and how a user could influence the hook.

import { BINARY, statePaths } from "../../paths.ts";
import type { Id } from "../../ids.ts";
import type { Findings } from "./finding.ts";
import { lowLimits } from "./limits.ts";
import { closesContext, isHook, readsUserEnvironment } from "../../pam/pam_line.ts";
import { jumpsOver, type PamFile, type PamModule, type PamStack } from "./pam_stack.ts";

/**
 * Variables that must not be in PAM's environment at the logout or for the last resort: they load or create a file, or
 * end the program, before the hook gives up root. The PAM lines unset them; a test compares this list with install.sh.
 */
export const HARMFUL_VARIABLES: readonly string[] = [
  "LD_PRELOAD",
  "LD_AUDIT",
  "LD_LIBRARY_PATH",
  "LD_TRACE_LOADED_OBJECTS",
  "LD_TRACE_PRELINKING",
  "LD_ASSUME_KERNEL",
  "LD_DEBUG",
  "LD_DEBUG_OUTPUT",
  "LD_PROFILE",
  "LD_PROFILE_OUTPUT",
  "LD_SHOW_AUXV",
  "GLIBC_TUNABLES",
  "GCONV_PATH",
  "LOCPATH",
  "MALLOC_TOP_PAD_",
  "SSLKEYLOGFILE",
  "ICU_DATA",
  "ICU_TIMEZONE_FILES_DIR",
  "OPENSSL_ia32cap",
  "SIMDUTF_FORCE_IMPLEMENTATION",
  "NODE_OPTIONS",
  "DENO_TOKIO_EVENT_INTERVAL",
  "DENO_TOKIO_GLOBAL_QUEUE_INTERVAL",
  "DENO_TOKIO_MAX_IO_EVENTS_PER_TICK",
];

/** What {@link inspectPam} checks. */
export interface PamSources {
  /** The name of the service, such as `sshd`. */
  readonly service: string;
  /** The path of its file. */
  readonly path: string;
  readonly stack: PamStack;
  /** Reads a `conffile` of pam_env; undefined if it does not exist. */
  readonly read: (path: string) => string | undefined;
  /** `limits.conf` and the files in `limits.d`; undefined if another service was checked for them. */
  readonly limits?: readonly PamFile[] | undefined;
}

type Report = (id: Id, message: string, hint?: string) => void;

/** The session stack, and where to report. */
interface Inspected {
  readonly service: string;
  readonly session: readonly PamModule[];
  /** The index of the first hook in the stack. */
  readonly first: number;
  /** Whether a module unsets all these variables, by default the harmful ones. */
  readonly unsets: (module: PamModule, variables?: readonly string[]) => boolean;
  readonly pass: (id: Id, message: string) => void;
  /** The hint is by default to run ssh-session-notifier-pam. */
  readonly warning: Report;
  readonly fault: Report;
}

/** Checks the stack, and reports the findings; those of a service other than sshd begin with its file. */
export function inspectPam({ service, path, stack, read, limits }: PamSources, all: Findings): void {
  const findings = service === "sshd" ? all : all.withPrefix(`${path}: `);
  const install = `run ssh-session-notifier-pam add ${service}, which corrects the lines`;
  const session = sessionOf(stack);
  const first = session.findIndex(isHook);
  const inspected: Inspected = {
    service,
    session,
    first,
    unsets: (module, variables = HARMFUL_VARIABLES) => unsets(module, { variables, read }),
    pass: (id, message) => findings.pass(id, message),
    warning: (id, message, hint = install) => findings.warning(id, message, hint),
    fault: (id, message, hint = install) => findings.fault(id, message, hint),
  };
  if (stack.missing.includes(service)) {
    const program = service === "sshd" ? "the OpenSSH server" : service;
    const message = `${service} has no PAM file, so no login is recorded`;
    findings.fault("pam.hook-missing", message, `install ${program}, then run ssh-session-notifier-pam add ${service}`);
    return;
  }
  for (const name of stack.missing) {
    findings.fault(
      "pam.include-missing",
      `"${name}" is included but cannot be read, so PAM refuses logins`,
      "restore the file, or remove the line that includes it",
    );
  }
  if (first === -1) {
    inspected.fault("pam.hook-missing", `the hook is not in the session stack of ${service}, so no login is recorded`);
    return;
  }
  inspectIncludes(inspected);
  inspectHooks(inspected);
  inspectPlace(inspected);
  inspectRetry(inspected);
  inspectLastResort(inspected);
  inspectLast(inspected);
  inspectUserEnvironment(stack, service, findings);
  if (limits !== undefined) inspectLimits(session, { limits, findings });
}

/** The session modules of a stack. */
export function sessionOf({ modules }: PamStack): readonly PamModule[] {
  return modules.filter(({ phase }) => phase === "session");
}

/** Earlier releases put the lines in two separate files. */
function inspectIncludes({ session, fault }: Inspected): void {
  const included = session.find(({ place }) => /(^|\/)ssh-session-notifier(-last)?:\d+$/.test(place));
  if (included === undefined) return;
  fault(
    "pam.hook-included",
    `the hook is included from a separate file (${included.place}): without that file, PAM refuses every login`,
    "run ssh-session-notifier-pam add, which moves the lines to the PAM file of sshd",
  );
}

function inspectHooks({ service, session, warning, fault }: Inspected): void {
  const hooks = session.filter(isHook);
  const [first, , again] = hooks;
  if (first !== undefined && again !== undefined) {
    const message = `the hook is at ${first.place} and again at ${again.place}, so each session is recorded twice`;
    warning("pam.hook-twice", message, "remove the lines with ssh-session-notifier from one of these files");
  }
  for (const { place, control, args } of hooks) {
    const command = args.slice(args.findIndex((arg) => arg.startsWith("/"))).join(" ");
    if (command !== `${BINARY} queue`) {
      fault("pam.hook-command", `${place} runs "${command}" instead of "${BINARY} queue"`);
    }
    if (["required", "requisite"].includes(control) || /\b(die|bad)\b/.test(control)) {
      const message = `${place} is "${control}", so a failure of the hook would refuse the login`;
      fault("pam.hook-required", message, "make it optional");
    }
    // sshd's real user is root; that of su is its caller.
    if (service !== "sshd" && !args.includes("seteuid")) {
      fault("pam.hook-killable", `${place} lacks "seteuid", so a user that runs ${service} can end the hook`);
    }
    if (!args.includes("quiet")) {
      warning("pam.hook-not-quiet", `${place} lacks "quiet", so a failure of the hook is shown to the user`);
    }
    if (args.includes("expose_authtok")) {
      const message = `${place} has "expose_authtok", which passes passwords to the hook`;
      fault("pam.hook-gets-password", message, "remove it");
    }
  }
}

function inspectPlace({ session, first, unsets, pass, warning, fault }: Inspected): void {
  const before = session.slice(0, first).filter((module, index) =>
    // Sets no variables and no limits; su-l has it before it includes su.
    module.name !== "pam_keyinit.so" &&
    !(index === 0 && closesContext(module)) &&
    // Our own line, which unsets variables that the auth stack may have read from a user's file.
    !unsets(module)
  );
  const earlier = before.find(isHarmful) ?? before[0];
  const place = session[first]?.place ?? "";
  const skipping = skipperOf(session, first);
  if (skipping !== undefined) fault("pam.hook-skipped", `${skipping.place} can skip the hook at ${place}`);
  else if (earlier === undefined) pass("pam.hook-order", `the hook is first in the session stack (${place})`);
  else {
    const report = isHarmful(earlier) ? fault : warning;
    report("pam.hook-order", `the hook at ${place} comes after ${earlier.name} (${earlier.place})`);
  }
}

/** Whether a module before the hook can set its environment, or limits that kill it. */
function isHarmful({ name }: PamModule): boolean {
  return ["pam_env.so", "pam_limits.so"].includes(name);
}

/** The first module that can skip the one at an index. */
function skipperOf(session: readonly PamModule[], index: number): PamModule | undefined {
  return session.slice(0, index).find((module, at) => at + jumpsOver(module) >= index);
}

/** Checks the second attempt, without the variable that can be too long for the kernel. */
function inspectRetry({ session, first, unsets, pass, warning }: Inspected): void {
  const [, unset, again] = session.slice(first);
  if (unset !== undefined && again !== undefined && isHook(again) && unsets(unset, ["SSH_AUTH_INFO_0"])) {
    pass("pam.hook-retry", "if the hook cannot start, it is tried again without SSH_AUTH_INFO_0");
  } else {
    warning(
      "pam.hook-retry",
      "the hook is not tried again without SSH_AUTH_INFO_0, so a login with a huge certificate is not recorded",
    );
  }
}

/** Checks the line that records a login if the hook cannot start. No user's variable may reach the loader there. */
function inspectLastResort({ session, unsets, pass, warning, fault }: Inspected): void {
  const { unrecordedFile } = statePaths();
  const index = session.findIndex(({ name, args }) => name === "pam_exec.so" && args.includes(`log=${unrecordedFile}`));
  const [guard, line] = [session[index - 1], session[index]];
  if (line === undefined) {
    warning(
      "pam.last-resort-missing",
      "a login is not recorded if the hook cannot start, as when the host runs out of memory",
    );
  } else if (
    guard === undefined || !unsets(guard) || !/\bdefault=1$/.test(guard.control) ||
    !line.args.includes("type=open_session")
  ) {
    fault(
      "pam.last-resort-unsafe",
      `${line.place} can load a user's library as root: the line before it does not unset harmful variables`,
    );
  } else if (line.control !== "optional") {
    fault("pam.last-resort-required", `${line.place} is "${line.control}", so a failure would refuse the login`);
  } else pass("pam.last-resort", `a login is recorded even if the hook cannot start (${line.place})`);
}

/** Checks the line that unsets harmful variables for the logout. */
function inspectLast({ session, first, unsets, pass, fault }: Inspected): void {
  // Not the line before the last resort, which has a jump.
  const last = session.findLastIndex((module, index) => index > first && jumpsOver(module) === 0 && unsets(module));
  const cleaner = session[last];
  const later = session.slice(last + 1).find(({ name }) => name === "pam_env.so");
  const skipping = skipperOf(session, last);
  const what = "variables that a user sets can reach the hook at the logout";
  if (cleaner === undefined) {
    fault("pam.cleanup-missing", `no line after the hook unsets LD_PRELOAD and similar variables: ${what}`);
  } else if (later !== undefined) {
    fault("pam.cleanup-early", `${later.place} comes after the line that unsets harmful variables: ${what}`);
  } else if (skipping !== undefined) {
    fault("pam.cleanup-skipped", `${skipping.place} can skip the line that unsets harmful variables: ${what}`);
  } else pass("pam.cleanup", `harmful variables are unset before the logout (${cleaner.place})`);
}

/**
 * Whether a pam_env line unsets all these variables and reads none from users. In pam_env.conf(5), a line with only a
 * name unsets that variable.
 */
function unsets(
  { name, args }: PamModule,
  { variables, read }: { variables: readonly string[]; read: PamSources["read"] },
): boolean {
  const conffile = args.find((arg) => arg.startsWith("conffile="))?.replace("conffile=", "");
  if (name !== "pam_env.so" || conffile === undefined || !args.includes("user_readenv=0")) return false;
  const lines = (read(conffile) ?? "").split("\n").map((line) => line.trim());
  return variables.every((variable) => lines.includes(variable));
}

function inspectUserEnvironment({ modules }: PamStack, service: string, findings: Findings): void {
  const open = modules.filter(readsUserEnvironment);
  for (const { place, phase } of open) {
    findings.fault(
      "pam.user-environment",
      `${place} (${phase}) has user_readenv=1, so users can set the environment of PAM modules`,
      `run ssh-session-notifier-pam --fix-pam-env add ${service}, which turns it off`,
    );
  }
  if (open.length === 0) findings.pass("pam.user-environment", "no pam_env line reads ~/.pam_environment");
}

function inspectLimits(
  session: readonly PamModule[],
  { limits, findings }: { limits: readonly PamFile[]; findings: Findings },
): void {
  const modules = session.filter(({ name }) => name === "pam_limits.so");
  if (modules.length === 0) return;
  for (const { place, args } of modules) {
    if (!args.some((arg) => arg.startsWith("conf="))) continue;
    findings.warning(
      "limits.own-file",
      `${place} reads limits from its own file, which check does not read`,
      "check the limits in that file; see limits.conf(5)",
    );
  }
  const low = limits.flatMap(({ path, text }) => lowLimits(text).map((limit) => ({ path, ...limit })));
  for (const { path, domain, item, value, least, unit } of low) {
    findings.fault(
      "limits.values",
      `${path} sets ${item} to ${value} for ${domain}, so the hook cannot start at the logout`,
      `raise it to at least ${least} ${unit}, or set it in the user's service or shell instead`,
    );
  }
  if (low.length === 0) findings.pass("limits.values", "no limit prevents the hook from starting at the logout");
}
