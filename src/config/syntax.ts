// TOML -> data. Explains common mistakes. Never quotes the text, which may contain a secret.

import { parse as parseToml, TomlError } from "smol-toml";
import { ConfigError } from "./config_error.ts";

/** Parses TOML 1.1. Throws a {@link ConfigError} if the syntax is invalid. */
export function parseSyntax(text: string): unknown {
  try {
    return parseToml(text);
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const { line, column, message } = error;
    // The rest of the message quotes the lines around the error, which may contain a secret.
    const [reason = ""] = message.replace(/^Invalid TOML document: /, "").split("\n", 1);
    const hint = slipIn(text.split("\n")[line - 1] ?? "", { column, reason });
    const place = `line ${line}, column ${column}`;
    const fault = hint === undefined ? reason : `${reason}: ${hint}`;
    throw new ConfigError([{ id: "config.syntax", place, message: fault }]);
  }
}

/** The likely mistake, from those common among people new to TOML. */
function slipIn(line: string, { column, reason }: { column: number; reason: string }): string | undefined {
  const outsideOfQuotes = line.replace(/"(?:\\.|[^"\\])*"|'[^']*'/g, "");
  if (/[“”„‟‘’‚‛«»]/.test(outsideOfQuotes)) return `replace the curly quotes with straight quotes, " or '`;
  if (/in key$/.test(reason)) {
    if (/^\s*[\w-]+\s*:/.test(line)) return "use = after the key instead of :";
    return /^\s*[\w-]+\s+[^=]*$/.test(line) ? "the = after the key is missing" : undefined;
  }
  if (/escape/.test(reason)) return "a backslash in \"…\" starts an escape; double it, or use '…'";
  if (/represented losslessly/.test(reason)) return "the number is too large; put an ID in quotes";
  if (reason === "illegal character in numeric literal") return 'strings need quotes: "…"';
  if (reason !== "invalid value") return undefined;
  const value = line.slice(column - 1);
  if (/^\s*(#|$)/.test(value)) return "the value after the = is missing";
  if (/^(true|false)\b/i.test(value)) return "write true and false in lower case";
  return /^[^"'[{]/.test(value) ? 'strings need quotes: "…"' : undefined;
}
