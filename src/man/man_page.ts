// `man`: prints a manual page, the same text that install.sh installs.

import commands from "./ssh-session-notifier.8" with { type: "text" };
import configuration from "./ssh-session-notifier.toml.5" with { type: "text" };
import security from "./ssh-session-notifier-security.7" with { type: "text" };
import { ExitCode } from "../failure.ts";
import { print } from "../print.ts";

const PAGES = { 5: configuration, 7: security, 8: commands };

/** Prints the page of a section, in mdoc(7). */
export function printManPage(section: `${keyof typeof PAGES}`): ExitCode {
  print(PAGES[section].trimEnd());
  return ExitCode.ok;
}
