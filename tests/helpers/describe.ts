// Describes the commands as plain data, for the manual page and the test of the completions.

import type { Argument, Command, Help, Option } from "commander";

/** How a shell completes a value. */
export type ValueKind =
  | { readonly kind: "files" | "directories" | "users" | "anything" }
  | { readonly kind: "choices"; readonly choices: readonly string[] };

/** A flag. */
export interface FlagDescription {
  /** `-h`. */
  readonly short: string | undefined;
  /** `--help`. */
  readonly long: string;
  readonly description: string;
  /** The value that it takes; undefined if it takes none. */
  readonly value: { readonly name: string; readonly kind: ValueKind } | undefined;
}

/** A command. */
export interface CommandDescription {
  readonly name: string;
  readonly description: string;
  readonly flags: readonly FlagDescription[];
  readonly argument: { readonly name: string; readonly kind: ValueKind; readonly isRequired: boolean } | undefined;
}

/** The program and its commands, including `help`. */
export interface ProgramDescription {
  readonly name: string;
  readonly description: string;
  readonly flags: readonly FlagDescription[];
  readonly commands: readonly CommandDescription[];
}

/** Describes a program; its commands must not have subcommands. */
export function describe(program: Command): ProgramDescription {
  const help = program.createHelp();
  const commands = help.visibleCommands(program);
  const names = commands.map((command) => command.name());
  return {
    name: program.name(),
    description: program.description(),
    flags: help.visibleOptions(program).map((option) => flagOf(option, help)),
    commands: commands.map((command) => ({
      name: command.name(),
      description: command.description(),
      flags: help.visibleOptions(command).map((option) => flagOf(option, help)),
      argument: command.registeredArguments.map((argument) => argumentOf(argument, names))[0],
    })),
  };
}

function flagOf(option: Option, help: Help): FlagDescription {
  const { short, long, flags, argChoices } = option;
  const [, name] = /[<[]([^>\]]+)[>\]]/.exec(flags) ?? [];
  return {
    short,
    long: long ?? "",
    // Includes the default value.
    description: help.optionDescription(option),
    value: name === undefined ? undefined : { name, kind: kindOf(name, argChoices) },
  };
}

/** The argument of `help` is the name of a command. */
function argumentOf(argument: Argument, commands: readonly string[]): CommandDescription["argument"] {
  const name = argument.name();
  const choices = name === "command" ? commands : argument.argChoices;
  return { name, kind: kindOf(name, choices), isRequired: argument.required };
}

/** Determines the kind from the name that the help shows, such as `file`: each name has one meaning. */
function kindOf(name: string, choices: readonly string[] | undefined): ValueKind {
  if (choices !== undefined) return { kind: "choices", choices };
  switch (name) {
    case "file":
      return { kind: "files" };
    case "dir":
      return { kind: "directories" };
    case "user":
      return { kind: "users" };
    default:
      return { kind: "anything" };
  }
}
