// TOML -> data. Explains common mistakes, and never quotes the text, which may hold a secret.

import { parse as parseToml, TomlError } from "smol-toml";
import { ConfigError } from "./config_error.ts";

/**
 * Reads TOML.
 *
 * @param text TOML 1.1
 * @throws {ConfigError} if the syntax is wrong
 */
export function parseSyntax(text: string): unknown {
  try {
    return parseToml(text);
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const { line, column, message } = error;
    // The rest of the message quotes the lines around the fault, which may hold a secret.
    const [reason = ""] = message.replace(/^Invalid TOML document: /, "").split("\n", 1);
    const hint = slipIn(text.split("\n")[line - 1] ?? "", { column, reason });
    const place = `line ${line}, column ${column}`;
    const fault = hint === undefined ? reason : `${reason}: ${hint}`;
    throw new ConfigError([{ id: "config.syntax", place, message: fault }]);
  }
}

/** The likely mistake, of those that people make who do not know TOML. */
function slipIn(line: string, { column, reason }: { column: number; reason: string }): string | undefined {
  const outsideOfQuotes = line.replace(/"(?:\\.|[^"\\])*"|'[^']*'/g, "");
  if (/[“”„‟‘’‚‛«»]/.test(outsideOfQuotes)) return `these are curly quotes; use straight ones, " or '`;
  if (/in key$/.test(reason)) {
    if (/^\s*[\w-]+\s*:/.test(line)) return "a key is followed by =, not by :";
    return /^\s*[\w-]+\s+[^=]*$/.test(line) ? "there is no = after the key" : undefined;
  }
  if (/escape/.test(reason)) return "in \"…\" a backslash begins an escape; write it twice, or use '…'";
  if (reason === "illegal character in numeric literal") return 'text needs quotes: "…"';
  if (reason !== "invalid value") return undefined;
  const value = line.slice(column - 1);
  if (/^\s*(#|$)/.test(value)) return "there is no value after the =";
  if (/^(true|false)\b/i.test(value)) return "true and false are written in lower case";
  return /^[^"'[{]/.test(value) ? 'text needs quotes: "…"' : undefined;
}
