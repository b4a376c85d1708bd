// The PAM lines of ssh-session-notifier(8).

import { FIRST_LINES, LAST_LINES } from "../../src/pam/blocks.ts";

/** The lines that go before and after the others of the session stack. */
export function pamBlocks(): { readonly first: string; readonly last: string } {
  return { first: FIRST_LINES.join("\n"), last: LAST_LINES.join("\n") };
}
