// Edits the text of a PAM file: adds, removes or updates the lines of this program. Pure. A file is refused if an edit
// could change what its other lines do.

import { FIRST_LINES, LAST_LINES } from "./blocks.ts";
import { closesContext, isHook, isInclude, jumpOf, type PamLine, parsePam, readsUserEnvironment } from "./pam_line.ts";

/** The edited text, or why the file cannot be edited. */
export type Edited = { readonly text: string } | { readonly refusal: string };

/**
 * Adds the lines at the start and the end of the session stack, and removes those of any release. If the stack starts
 * with `pam_selinux close`, the first lines go after it, because it ends the context of the service itself.
 */
export function addHook(text: string): Edited {
  const refusal = refusalOf(text);
  if (refusal !== undefined) return { refusal };
  const lines = linesOf(text).filter(isOther);
  const start = lines.findIndex((line) => isSession(line) || isForeign(line));
  const first = lines[start];
  const at = first !== undefined && closesContext(first) && jumpOf(first) === 0 ? start + 1 : start;
  const raw = lines.map((line) => line.raw);
  return { text: fileOf([...raw.slice(0, at), ...FIRST_LINES, ...raw.slice(at), ...LAST_LINES]) };
}

/** Removes the lines. A file without any is returned as it is, even if it cannot be edited. */
export function removeHook(text: string): Edited {
  const lines = linesOf(text);
  if (lines.every(isOther)) return { text };
  const refusal = refusalOf(text);
  return refusal === undefined ? { text: fileOf(lines.filter(isOther).map(({ raw }) => raw)) } : { refusal };
}

/** Turns off `user_readenv` of pam_env, which lets users set PAM's environment. Changes nothing else. */
export function withoutUserEnvironment(text: string): string {
  const turnedOff = (code: string) => code.replaceAll(/(?<![^ \t\n[])user_readenv=0*[1-9][0-9]*/g, "user_readenv=0");
  return parsePam(text).map((line) =>
    // Comments do not count.
    readsUserEnvironment(line) ? line.raw.replace(/^[^#\n]*/gm, turnedOff) : line.raw
  ).join("\n");
}

/** The names and paths of the files that a file includes, in any phase. */
export function includesOf(text: string): readonly string[] {
  return parsePam(text).filter((line) => isInclude(line) && line.path !== "").map(({ path }) => path);
}

/** Why a file cannot be edited; undefined if it can. */
function refusalOf(text: string): string | undefined {
  if (text.includes("\r")) return "it has Windows line endings";
  if (/^(?![ \t\v\f]*#).*\\[ \t\v\f]*$/m.test(text)) return "it has continuation lines";
  const lines = linesOf(text);
  if (!lines.filter(isOther).some(runsSession)) return "it has no session line";
  const crossing = crossingJump(lines);
  return crossing === undefined ? undefined : `the jump in line ${crossing} crosses the lines of the hook`;
}

/**
 * The number of a session line whose jump would cross lines that an edit adds or removes. Jumps across an include are
 * not followed; `check` reports them.
 */
function crossingJump(lines: readonly PamLine[]): number | undefined {
  let left = 0;
  let number: number | undefined;
  for (const line of lines) {
    if (isForeign(line)) left = 0;
    if (!isSession(line) || isForeign(line)) continue;
    if (isOther(line)) {
      left = Math.max(0, left - 1);
      if (jumpOf(line) > left) [left, number] = [jumpOf(line), line.number];
    } else if (left > 0) break;
  }
  return left > 0 ? number : undefined;
}

/** The lines of a file; a newline at its end does not begin another one. */
function linesOf(text: string): readonly PamLine[] {
  return text === "" ? [] : parsePam(text.replace(/\n$/, ""));
}

function fileOf(lines: readonly string[]): string {
  return lines.map((line) => `${line}\n`).join("");
}

function isSession({ phase }: PamLine): boolean {
  return phase === "session";
}

/** A file that is named only in the lines of this program. */
const OUR_FILE =
  /^(conffile=\/etc\/ssh-session-notifier\/pam_env_(last|retry)\.conf|log=\/run\/ssh-session-notifier\/unrecorded)$/;

/**
 * Whether a line is one of {@link FIRST_LINES} or {@link LAST_LINES}, an include of an earlier release, or a hook line
 * written by hand. Each line is judged alone, so that a missing begin or end comment does not delete lines of the
 * administrator.
 */
function isOurs(line: PamLine): boolean {
  if (/^# ssh-session-notifier (begin|end)(:|$)/.test(line.raw)) return true;
  if (!isSession(line)) return false;
  if (isInclude(line)) return /^(\/.*\/)?ssh-session-notifier(-last)?$/.test(line.path);
  return isHook(line) || (/^pam_(exec|env)\.so$/.test(line.name) && line.args.some((arg) => OUR_FILE.test(arg)));
}

function isOther(line: PamLine): boolean {
  return !isOurs(line);
}

/** Whether a line may stand for session lines of another file; an `@include` applies to all phases. */
function isForeign(line: PamLine): boolean {
  if (line.phase === "@include") return !/^(.*\/)?common-(auth|account|password)$/.test(line.path);
  return isSession(line) && isInclude(line) && !isOurs(line);
}

/** Whether a line makes the file one of a service with sessions. */
function runsSession({ phase, control, path, name }: PamLine): boolean {
  return phase === "@include" ? /^common-session/i.test(name) : phase === "session" && `${control}${path}` !== "";
}
