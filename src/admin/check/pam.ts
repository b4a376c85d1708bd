// Checks the PAM stack of sshd: whether it runs the hook in the right place, and how a user could influence the hook.

import { BINARY, statePaths } from "../../paths.ts";
import type { Findings } from "./finding.ts";
import { lowLimits } from "./limits.ts";
import { jumpsOver, type PamFile, type PamModule, type PamStack } from "./pam_stack.ts";

const INSTALL = "run install.sh --pam, which corrects the lines";

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
  readonly stack: PamStack;
  /** Reads a `conffile` of pam_env; undefined if it does not exist. */
  readonly read: (path: string) => string | undefined;
  /** `limits.conf` and the files in `limits.d`. */
  readonly limits: readonly PamFile[];
}

/** Checks the stack, and reports the findings. */
export function inspectPam({ stack, read, limits }: PamSources, findings: Findings): void {
  for (const name of stack.missing) {
    findings.fault(
      "pam.include-missing",
      `"${name}" is included but cannot be read, so PAM refuses logins`,
      "restore the file, or remove the line that includes it",
    );
  }
  const session = stack.modules.filter(({ phase }) => phase === "session");
  const first = session.findIndex(isHook);
  if (first === -1) {
    findings.fault(
      "pam.hook-missing",
      "the hook is not in the session stack of sshd, so no login is recorded",
      INSTALL,
    );
    return;
  }
  inspectIncludes(session, findings);
  inspectHooks(session.filter(isHook), findings);
  inspectPlace(session, { first, read, findings });
  inspectRetry(session, { first, read, findings });
  inspectLastResort(session, { read, findings });
  inspectLast(session, { first, read, findings });
  inspectUserEnvironment(stack, findings);
  inspectLimits(session, { limits, findings });
}

function isHook({ name, args }: PamModule): boolean {
  return name === "pam_exec.so" && args.some((arg) => /\/ssh-session-notifier$/.test(arg));
}

/** Earlier releases put the lines in two separate files. */
function inspectIncludes(session: readonly PamModule[], findings: Findings): void {
  const included = session.find(({ place }) => /(^|\/)ssh-session-notifier(-last)?:\d+$/.test(place));
  if (included === undefined) return;
  findings.fault(
    "pam.hook-included",
    `the hook is included from a separate file (${included.place}): without that file, PAM refuses every login`,
    "run install.sh --pam, which moves the lines to the PAM file of sshd",
  );
}

function inspectHooks(hooks: readonly PamModule[], findings: Findings): void {
  for (const { place, control, args } of hooks) {
    const command = args.slice(args.findIndex((arg) => arg.startsWith("/")));
    if (command.join(" ") !== `${BINARY} queue`) {
      findings.fault("pam.hook-command", `${place} runs "${command.join(" ")}" instead of "${BINARY} queue"`, INSTALL);
    }
    if (["required", "requisite"].includes(control) || /\b(die|bad)\b/.test(control)) {
      findings.fault(
        "pam.hook-required",
        `${place} is "${control}", so a failure of the hook would refuse the login`,
        "make it optional",
      );
    }
    if (!args.includes("quiet")) {
      findings.warning(
        "pam.hook-not-quiet",
        `${place} lacks "quiet", so a failure of the hook is shown to the user`,
        INSTALL,
      );
    }
    if (args.includes("expose_authtok")) {
      findings.fault(
        "pam.hook-gets-password",
        `${place} has "expose_authtok", which passes passwords to the hook`,
        "remove it",
      );
    }
  }
}

function inspectPlace(
  session: readonly PamModule[],
  { first, read, findings }: { first: number; read: PamSources["read"]; findings: Findings },
): void {
  const before = session.slice(0, first).filter((module, index) =>
    !(index === 0 && module.name === "pam_selinux.so" && module.args.includes("close")) &&
    // Our own line, which unsets variables that the auth stack may have read from a user's file.
    !unsets(module, HARMFUL_VARIABLES, read)
  );
  const place = session[first]?.place ?? "";
  const skipping = session.slice(0, first).find((module, index) => index + jumpsOver(module) >= first);
  const harmful = before.find(({ name }) => ["pam_env.so", "pam_limits.so"].includes(name));
  if (skipping !== undefined) {
    findings.fault("pam.hook-skipped", `${skipping.place} can skip the hook at ${place}`, INSTALL);
  } else if (harmful !== undefined) {
    findings.fault("pam.hook-order", `the hook at ${place} comes after ${harmful.name} (${harmful.place})`, INSTALL);
  } else if (before[0] !== undefined) {
    findings.warning(
      "pam.hook-order",
      `the hook at ${place} comes after ${before[0].name} (${before[0].place})`,
      INSTALL,
    );
  } else findings.pass("pam.hook-order", `the hook is first in the session stack (${place})`);
}

/** Checks the second attempt, without the variable that can be too long for the kernel. */
function inspectRetry(
  session: readonly PamModule[],
  { first, read, findings }: { first: number; read: PamSources["read"]; findings: Findings },
): void {
  const [, unset, again] = session.slice(first);
  if (unset !== undefined && again !== undefined && isHook(again) && unsets(unset, ["SSH_AUTH_INFO_0"], read)) {
    findings.pass("pam.hook-retry", "if the hook cannot start, it is tried again without SSH_AUTH_INFO_0");
  } else {
    findings.warning(
      "pam.hook-retry",
      "the hook is not tried again without SSH_AUTH_INFO_0, so a login with a huge certificate is not recorded",
      INSTALL,
    );
  }
}

/** Checks the line that records a login if the hook cannot start. No user's variable may reach the loader there. */
function inspectLastResort(
  session: readonly PamModule[],
  { read, findings }: { read: PamSources["read"]; findings: Findings },
): void {
  const { unrecordedFile } = statePaths();
  const index = session.findIndex(({ name, args }) => name === "pam_exec.so" && args.includes(`log=${unrecordedFile}`));
  const line = session[index];
  const guard = session[index - 1];
  if (line === undefined) {
    findings.warning(
      "pam.last-resort-missing",
      "a login is not recorded if the hook cannot start, as when the host runs out of memory",
      INSTALL,
    );
  } else if (
    guard === undefined || !unsets(guard, HARMFUL_VARIABLES, read) || !/\bdefault=1$/.test(guard.control) ||
    !line.args.includes("type=open_session")
  ) {
    findings.fault(
      "pam.last-resort-unsafe",
      `${line.place} can load a user's library as root: the line before it does not unset harmful variables`,
      INSTALL,
    );
  } else if (line.control !== "optional") {
    findings.fault(
      "pam.last-resort-required",
      `${line.place} is "${line.control}", so a failure would refuse the login`,
      INSTALL,
    );
  } else findings.pass("pam.last-resort", `a login is recorded even if the hook cannot start (${line.place})`);
}

/** Checks the line that unsets harmful variables for the logout. */
function inspectLast(
  session: readonly PamModule[],
  { first, read, findings }: { first: number; read: PamSources["read"]; findings: Findings },
): void {
  // Not the line before the last resort, which has a jump.
  const last = session.findLastIndex((module, index) =>
    index > first && jumpsOver(module) === 0 && unsets(module, HARMFUL_VARIABLES, read)
  );
  const cleaner = session[last];
  const later = session.slice(last + 1).find(({ name }) => name === "pam_env.so");
  const skipping = session.slice(0, last).find((module, index) => index + jumpsOver(module) >= last);
  const what = "variables that a user sets can reach the hook at the logout";
  if (cleaner === undefined) {
    findings.fault(
      "pam.cleanup-missing",
      `no line after the hook unsets LD_PRELOAD and similar variables: ${what}`,
      INSTALL,
    );
  } else if (later !== undefined) {
    findings.fault(
      "pam.cleanup-early",
      `${later.place} comes after the line that unsets harmful variables: ${what}`,
      INSTALL,
    );
  } else if (skipping !== undefined) {
    findings.fault(
      "pam.cleanup-skipped",
      `${skipping.place} can skip the line that unsets harmful variables: ${what}`,
      INSTALL,
    );
  } else findings.pass("pam.cleanup", `harmful variables are unset before the logout (${cleaner.place})`);
}

/**
 * Whether a pam_env line unsets all these variables and reads none from users. In pam_env.conf(5), a line with only a
 * name unsets that variable.
 */
function unsets({ name, args }: PamModule, variables: readonly string[], read: PamSources["read"]): boolean {
  const conffile = args.find((arg) => arg.startsWith("conffile="))?.replace("conffile=", "");
  if (name !== "pam_env.so" || conffile === undefined || !args.includes("user_readenv=0")) return false;
  const lines = (read(conffile) ?? "").split("\n").map((line) => line.trim());
  return variables.every((variable) => lines.includes(variable));
}

function inspectUserEnvironment({ modules }: PamStack, findings: Findings): void {
  const open = modules.filter(({ name, args }) =>
    name === "pam_env.so" && args.some((arg) => /^user_readenv=0*[1-9]/.test(arg))
  );
  for (const { place, phase } of open) {
    findings.fault(
      "pam.user-environment",
      `${place} (${phase}) has user_readenv=1, so users can set the environment of PAM modules`,
      "run install.sh --pam --fix-pam-env, which turns it off",
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
