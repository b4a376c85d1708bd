// Looks at sshd's PAM stack: whether the hook is in it, in its place, and what of the user's can reach it there.

import { BINARY, statePaths } from "../paths.ts";
import type { Findings } from "./finding.ts";
import { lowLimits } from "./limits.ts";
import { jumpsOver, type PamFile, type PamModule, type PamStack } from "./pam_stack.ts";

const INSTALL = "run install.sh --pam, which puts the lines into their places";

/**
 * Variables that must not be in PAM's environment at the logout or for the last resort: they load or create a file, or
 * end the program, before the hook can give up root. install.sh removes them; a test compares the two lists.
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

/** What is looked at. */
export interface PamSources {
  readonly stack: PamStack;
  /** Reads a `conffile` of pam_env; undefined where there is none. */
  readonly read: (path: string) => string | undefined;
  /** `limits.conf` and the files of `limits.d`. */
  readonly limits: readonly PamFile[];
}

/** Looks at the stack, and says what is found. */
export function inspectPam({ stack, read, limits }: PamSources, findings: Findings): void {
  for (const name of stack.missing) {
    findings.fault(
      "pam.include-missing",
      `"${name}" is included, but can't be read: PAM refuses logins`,
      "restore or remove it",
    );
  }
  const session = stack.modules.filter(({ phase }) => phase === "session");
  const first = session.findIndex(isHook);
  if (first === -1) {
    findings.fault("pam.hook-missing", "the hook is not in the session stack of sshd: no login is recorded", INSTALL);
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

/** Earlier releases had the lines in two files of their own. */
function inspectIncludes(session: readonly PamModule[], findings: Findings): void {
  const included = session.find(({ place }) => /(^|\/)ssh-session-notifier(-last)?:\d+$/.test(place));
  if (included === undefined) return;
  findings.fault(
    "pam.hook-included",
    `the hook is included from a file of its own (${included.place}): if that file is missing, PAM refuses every login`,
    "run install.sh --pam, which puts the lines into sshd's own file",
  );
}

function inspectHooks(hooks: readonly PamModule[], findings: Findings): void {
  for (const { place, control, args } of hooks) {
    const command = args.slice(args.findIndex((arg) => arg.startsWith("/")));
    if (command.join(" ") !== `${BINARY} queue`) {
      findings.fault("pam.hook-command", `${place} runs "${command.join(" ")}" in place of "${BINARY} queue"`, INSTALL);
    }
    if (["required", "requisite"].includes(control) || /\b(die|bad)\b/.test(control)) {
      findings.fault(
        "pam.hook-required",
        `${place} is "${control}": a hook that fails would refuse the login`,
        "make it optional",
      );
    }
    if (!args.includes("quiet")) {
      findings.warning(
        "pam.hook-not-quiet",
        `${place} has no "quiet": a hook that fails is shown to the user`,
        INSTALL,
      );
    }
    if (args.includes("expose_authtok")) {
      findings.fault(
        "pam.hook-gets-password",
        `${place} has "expose_authtok", which hands passwords to the hook`,
        "take it out",
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
    // Our own line before the hook, which takes out what the auth stack may have read of the user's.
    !unsets(module, HARMFUL_VARIABLES, read)
  );
  const place = session[first]?.place ?? "";
  const skipping = session.slice(0, first).find((module, index) => index + jumpsOver(module) >= first);
  const harmful = before.find(({ name }) => ["pam_env.so", "pam_limits.so"].includes(name));
  if (skipping !== undefined) {
    findings.fault("pam.hook-skipped", `${skipping.place} can skip the hook, which comes later, at ${place}`, INSTALL);
  } else if (harmful !== undefined) {
    findings.fault("pam.hook-order", `the hook at ${place} stands behind ${harmful.name} (${harmful.place})`, INSTALL);
  } else if (before[0] !== undefined) {
    findings.warning(
      "pam.hook-order",
      `the hook at ${place} stands behind ${before[0].name} (${before[0].place})`,
      INSTALL,
    );
  } else findings.pass("pam.hook-order", `the hook is first in the session stack (${place})`);
}

/** A second try, without the variable that can be too long for the kernel. */
function inspectRetry(
  session: readonly PamModule[],
  { first, read, findings }: { first: number; read: PamSources["read"]; findings: Findings },
): void {
  const [, unset, again] = session.slice(first);
  if (unset !== undefined && again !== undefined && isHook(again) && unsets(unset, ["SSH_AUTH_INFO_0"], read)) {
    findings.pass("pam.hook-retry", "the hook is tried once more without SSH_AUTH_INFO_0 where it can't start");
  } else {
    findings.warning(
      "pam.hook-retry",
      "the hook is not tried once more without SSH_AUTH_INFO_0: a user with a huge certificate logs in unseen",
      INSTALL,
    );
  }
}

/** The line that records the login if the hook can't start; no variable of the user may act on its loader. */
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
      "nothing records a login for which the hook can't start, as when memory or processes run out",
      INSTALL,
    );
  } else if (
    guard === undefined || !unsets(guard, HARMFUL_VARIABLES, read) || !/\bdefault=1$/.test(guard.control) ||
    !line.args.includes("type=open_session")
  ) {
    findings.fault(
      "pam.last-resort-unsafe",
      `${line.place} can load a user's library as root: the line before it does not clean the environment`,
      INSTALL,
    );
  } else if (line.control !== "optional") {
    findings.fault(
      "pam.last-resort-required",
      `${line.place} is "${line.control}": if it fails, it refuses the login`,
      INSTALL,
    );
  } else findings.pass("pam.last-resort", `a login is recorded even if the hook can't start (${line.place})`);
}

/** The line that cleans PAM's environment for the logout. */
function inspectLast(
  session: readonly PamModule[],
  { first, read, findings }: { first: number; read: PamSources["read"]; findings: Findings },
): void {
  // Not the one that guards the last resort, which has a jump.
  const last = session.findLastIndex((module, index) =>
    index > first && jumpsOver(module) === 0 && unsets(module, HARMFUL_VARIABLES, read)
  );
  const cleaner = session[last];
  const later = session.slice(last + 1).find(({ name }) => name === "pam_env.so");
  const skipping = session.slice(0, last).find((module, index) => index + jumpsOver(module) >= last);
  const what = "a user's own variables can reach the hook at the logout";
  if (cleaner === undefined) {
    findings.fault(
      "pam.cleanup-missing",
      `no last line takes LD_PRELOAD and the like out of PAM's environment: ${what}`,
      INSTALL,
    );
  } else if (later !== undefined) {
    findings.fault(
      "pam.cleanup-early",
      `${later.place} stands behind the line that cleans PAM's environment: ${what}`,
      INSTALL,
    );
  } else if (skipping !== undefined) {
    findings.fault(
      "pam.cleanup-skipped",
      `${skipping.place} can skip the line that cleans PAM's environment: ${what}`,
      INSTALL,
    );
  } else findings.pass("pam.cleanup", `PAM's environment is cleaned for the logout (${cleaner.place})`);
}

/**
 * Whether a line of pam_env takes all these variables out, and brings none in: a name alone on its line does (see
 * pam_env.conf(5)).
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
      `${place} (${phase}) has user_readenv=1: whoever logs in writes the environment of PAM modules`,
      "run install.sh --pam --fix-pam-env, which switches it off",
    );
  }
  if (open.length === 0) findings.pass("pam.user-environment", "no pam_env line reads a user's own ~/.pam_environment");
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
      `${place} has limits in a file of its own, which is not looked at`,
      "see limits.conf(5)",
    );
  }
  const low = limits.flatMap(({ path, text }) => lowLimits(text).map((limit) => ({ path, ...limit })));
  for (const { path, domain, item, value, least, unit } of low) {
    findings.fault(
      "limits.values",
      `${path} sets ${item} ${value} for ${domain}: the hook can't start at the logout`,
      `raise it to at least ${least} ${unit}, or set it in the user's service or shell`,
    );
  }
  if (low.length === 0) findings.pass("limits.values", "no limit keeps the hook from starting at the logout");
}
