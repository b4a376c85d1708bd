// `pam-edit`: edits a PAM file as a filter, and opens no file. PAM files may contain any bytes in comments,
// so each byte is one character here.

import { ExitCode, Failure, messageOf } from "../failure.ts";
import { addHook, type Edited, includesOf, removeHook, withoutUserEnvironment } from "../pam/edit.ts";
import { printBytes } from "../print.ts";

/** The largest PAM file that is read, or that is the result of an edit. */
export const MAX_PAM_BYTES = 1024 * 1024;

interface Action {
  readonly edit: (text: string) => Edited;
  /** What to do if the file is refused. */
  readonly hint: string;
}

const ACTIONS = {
  add: {
    edit: addHook,
    hint: 'add the lines by hand: see "PAM lines by hand" in ssh-session-notifier(8)',
  },
  remove: { edit: removeHook, hint: "remove the lines with ssh-session-notifier by hand" },
  "no-user-readenv": {
    edit: (text) => ({ text: withoutUserEnvironment(text) }),
    hint: "set user_readenv=0 by hand",
  },
  includes: {
    edit: (text) => ({ text: includesOf(text).map((name) => `${name}\n`).join("") }),
    hint: "check that this is a PAM file",
  },
} as const satisfies Record<string, Action>;

/** What to do with the file. */
export type PamAction = keyof typeof ACTIONS;

/**
 * Reads a PAM file from standard input, and writes the result to standard output.
 *
 * @throws {Failure} if the file cannot be edited; nothing has been written then
 */
export function editPam(action: PamAction): ExitCode {
  const { edit, hint } = ACTIONS[action];
  const input = readInput();
  const edited = "refusal" in input ? input : limited(edit(input.text));
  if ("refusal" in edited) {
    const message = `Cannot edit the PAM file: ${edited.refusal}`;
    throw new Failure(message, { code: "pam.not-understood", exitCode: ExitCode.config, hint });
  }
  printBytes(Uint8Array.from(edited.text, (character) => character.charCodeAt(0)));
  return ExitCode.ok;
}

/** Refuses a text that would be too large for the next edit, which removes the lines. */
function limited(edited: Edited): Edited {
  const isTooLarge = "text" in edited && edited.text.length > MAX_PAM_BYTES;
  return isTooLarge ? { refusal: "it would be larger than 1 MiB" } : edited;
}

function readInput(): Edited {
  // One byte more than allowed, so that a larger file is noticed.
  const buffer = new Uint8Array(MAX_PAM_BYTES + 1);
  let length = 0;
  try {
    while (length < buffer.length) {
      const count = Deno.stdin.readSync(buffer.subarray(length));
      if (count === null) break;
      length += count;
    }
  } catch (error) {
    return { refusal: `it cannot be read: ${messageOf(error)}` };
  }
  if (length > MAX_PAM_BYTES) return { refusal: "it is larger than 1 MiB" };
  const bytes = buffer.subarray(0, length);
  if (bytes.includes(0)) return { refusal: "it has NUL bytes" };
  return { text: Array.from(bytes, (byte) => String.fromCharCode(byte)).join("") };
}
