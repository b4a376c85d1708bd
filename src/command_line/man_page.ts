// `man`: the man page in roff, written from the tree of the commands and their help; see man(7).

import type { Command } from "commander";
import denoConfig from "../../deno.json" with { type: "json" };
import { ExitCode } from "../failure.ts";
import { BINARY, CONFIG_FILE, STATE_DIR } from "../paths.ts";
import { print } from "../print.ts";
import { type CommandDescription, describe, type FlagDescription, type ProgramDescription } from "./describe.ts";
import { EXIT_CODES, HELP } from "./help.ts";

/** Prints the man page. */
export function printManPage(program: Command): ExitCode {
  for (const line of manPage(describe(program))) print(line);
  return ExitCode.ok;
}

const FILES = [
  [CONFIG_FILE, "the configuration"],
  [STATE_DIR, "what was recorded, and what became of it"],
  [BINARY, "the program"],
  ["/etc/pam.d/sshd", "has the lines of the hook, between two comments that name it"],
] as const;

const ENVIRONMENT = [
  ["NO_COLOR", "where it is set, nothing is coloured or drawn, also on a terminal"],
  ["COLUMNS", "how wide a table may be that goes into a pipe or a file"],
] as const;

/** The lines of the page. */
export function manPage({ name, description, flags, commands }: ProgramDescription): string[] {
  const documented = commands.filter((command) => HELP.has(command.name));
  return [
    `.\\" Written by \`${name} man\`.`,
    `.TH ${name.toUpperCase()} 8 "" "${name} ${denoConfig.version}" "System administration"`,
    ".SH NAME",
    `${text(name)} \\- ${text(description.replace(/^./, (first) => first.toLowerCase()).replace(/\.$/, ""))}`,
    ".SH SYNOPSIS",
    ...documented.flatMap((command) => [...synopsis(name, command), ".br"]).slice(0, -1),
    ".SH DESCRIPTION",
    "A PAM hook records who logs in by SSH and who leaves.",
    "What is recorded goes as notifications to the services that the configuration names.",
    ".SH OPTIONS",
    ...flags.flatMap(flagLines),
    ".SH COMMANDS",
    ...documented.flatMap(commandLines),
    ".SH EXIT STATUS",
    ...EXIT_CODES.flatMap(([code, meaning]) => tagged(`.B ${code}`, meaning)),
    ".SH ENVIRONMENT",
    ...ENVIRONMENT.flatMap(([variable, meaning]) => tagged(`.B ${text(variable)}`, meaning)),
    ".SH FILES",
    ...FILES.flatMap(([path, meaning]) => tagged(`.I ${text(path)}`, meaning)),
    ".SH SEE ALSO",
    ".BR pam_exec (8),",
    ".BR sshd (8),",
    ".BR last (1)",
  ];
}

function synopsis(program: string, { name, flags, argument }: CommandDescription): string[] {
  const operand = argument === undefined ? [] : [`.I ${text(argument.name)}`];
  const hasFlags = flags.some(({ long }) => long !== "--help");
  return [`.B ${text(`${program} ${name}`)}`, ...hasFlags ? [".RI [ options ]"] : [], ...operand];
}

function commandLines({ name, description, flags, argument }: CommandDescription): string[] {
  const help = HELP.get(name);
  return [
    `.SS ${text(name)}${argument === undefined ? "" : ` ${text(argument.name)}`}`,
    text(description),
    ...flags.filter(({ long }) => long !== "--help").flatMap(flagLines),
    ...(help?.text ?? []).flatMap((paragraph) => [".PP", text(paragraph)]),
    ...(help?.examples ?? []).flatMap(({ line, where }) => [
      ".PP",
      ...where === undefined ? [] : [`${text(where.replace(/^./, (first) => first.toUpperCase()))}:`, ".PP"],
      ".RS 4",
      ".EX",
      text(line),
      ".EE",
      ".RE",
    ]),
  ];
}

function flagLines({ short, long, description, value }: FlagDescription): string[] {
  const names = [short, long].flatMap((flag) => flag === undefined ? [] : text(flag)).join(", ");
  return tagged(value === undefined ? `.B ${names}` : `.BI ${names}\\~ ${text(value.name)}`, description);
}

function tagged(tag: string, meaning: string): string[] {
  return [".TP", tag, text(meaning)];
}

/** Text as roff takes it: a `-` is what one types, and no line begins with what roff obeys. */
function text(plain: string): string {
  return plain
    .replaceAll("\\", "\\e")
    .replaceAll("-", "\\-")
    .replaceAll("'", "\\(aq")
    .replaceAll("`", "\\(ga")
    .replaceAll("^", "\\(ha")
    .replaceAll("~", "\\(ti")
    .replace(/^[.]/, "\\&.");
}
