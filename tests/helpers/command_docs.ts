// The commands and their options in ssh-session-notifier(8), generated from the commander tree and the help.

import { type CommandDescription, describe, type FlagDescription } from "./describe.ts";
import { HELP } from "../../src/command_line/help.ts";
import { createProgram } from "../../src/command_line/program.ts";
import { sentence } from "./config_docs.ts";
import { argument, display, paragraph } from "./mdoc.ts";

const program = createProgram("1", () => {});

/** The commands, without `help`. */
export function documentedCommands(): readonly CommandDescription[] {
  return describe(program).commands.filter(({ name }) => HELP.has(name));
}

/** A synopsis of each command, as mdoc. */
export function synopsisLines(): string[] {
  return documentedCommands().flatMap(({ name, flags, argument: operand }) => [
    ".Nm",
    `.Cm ${name}`,
    ...ownFlags(flags).map((flag) => isMandatory(name, flag) ? `.${flagMacro(flag)}` : `.Op ${flagMacro(flag)}`),
    ...operand === undefined ? [] : [`.${operandMacro(operand).trim()}`],
  ]);
}

/** What each command does, its options and examples, as mdoc. */
export function commandLines(): string[] {
  return documentedCommands().flatMap(({ name, description, flags, argument: operand }) => {
    const help = HELP.get(name);
    const choices = operand?.kind.kind === "choices" ? operand.kind.choices.join(", ") : undefined;
    return [
      `.Ss ${name}${
        operand === undefined ? "" : operand.isRequired ? ` Ar ${operand.name}` : ` Op Ar ${operand.name}`
      }`,
      ...paragraph(description),
      ...choices === undefined ? [] : paragraph(`One of ${choices}.`),
      ...(help?.text ?? []).flatMap((text) => [".Pp", ...paragraph(text)]),
      ...ownFlags(flags).length === 0 ? [] : [
        ".Bl -tag -width Ds",
        ...ownFlags(flags).flatMap((flag) => [`.It ${flagMacro(flag)}`, ...paragraph(sentence(flag.description))]),
        ".El",
      ],
      ...(help?.examples ?? []).flatMap(({ line, where }, index) => [
        ...where === undefined ? index === 0 ? [".Pp", "Example:"] : [] : [".Pp", `Example, ${where}:`],
        ...display(line),
      ]),
    ];
  });
}

function operandMacro(operand: CommandDescription["argument"]): string {
  if (operand === undefined) return "";
  return operand.isRequired ? ` Ar ${operand.name}` : ` Op Ar ${operand.name}`;
}

function ownFlags(flags: readonly FlagDescription[]): FlagDescription[] {
  return flags.filter(({ long }) => long !== "--help");
}

function isMandatory(name: string, { long }: FlagDescription): boolean {
  const options = program.commands.find((command) => command.name() === name)?.options ?? [];
  return options.some((option) => option.long === long && option.mandatory);
}

function flagMacro({ long, value }: FlagDescription): string {
  return `Fl ${argument(long.slice(1))}${value === undefined ? "" : ` Ar ${value.name}`}`;
}
