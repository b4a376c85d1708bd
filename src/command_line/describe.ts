// The commander tree as plain data, for what is written from it: completions and the man page.

import type { Argument, Command, Help, Option } from "commander";

/** What a value can be completed with. */
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
  /** What follows it; undefined: nothing does. */
  readonly value: { readonly name: string; readonly kind: ValueKind } | undefined;
}

/** A command. */
export interface CommandDescription {
  readonly name: string;
  readonly description: string;
  readonly flags: readonly FlagDescription[];
  readonly argument: { readonly name: string; readonly kind: ValueKind; readonly isRequired: boolean } | undefined;
}

/** The program and its commands, `help` among them. */
export interface ProgramDescription {
  readonly name: string;
  readonly description: string;
  readonly flags: readonly FlagDescription[];
  readonly commands: readonly CommandDescription[];
}

/** Describes a tree of one level of commands. */
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
    // With its default.
    description: help.optionDescription(option),
    value: name === undefined ? undefined : { name, kind: kindOf(name, argChoices) },
  };
}

/** That of `help` names a command. */
function argumentOf(argument: Argument, commands: readonly string[]): CommandDescription["argument"] {
  const name = argument.name();
  const choices = name === "command" ? commands : argument.argChoices;
  return { name, kind: kindOf(name, choices), isRequired: argument.required };
}

/** By what the value is called in the help: one meaning for each name. */
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
