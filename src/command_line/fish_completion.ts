// Generates completions for fish. Pure.

import type { FlagDescription, ProgramDescription, ValueKind } from "./describe.ts";

/** Returns the lines of a file for `/usr/share/fish/vendor_completions.d`. */
export function fishCompletion({ name, flags, commands }: ProgramDescription): string[] {
  const complete = `complete -c ${name}`;
  return [
    `# fish completion for ${name}; written by \`${name} completions fish\`.`,
    "",
    `${complete} -f`,
    ...flags.map((flag) => `${complete} -n __fish_use_subcommand ${flagText(flag)}`),
    ...commands.flatMap((command) => {
      const inCommand = `${complete} -n '__fish_seen_subcommand_from ${command.name}'`;
      const { argument } = command;
      const choices = argument?.kind.kind === "choices" ? argument.kind.choices : [];
      return [
        "",
        `${complete} -n __fish_use_subcommand -a ${command.name} -d ${quoted(command.description)}`,
        ...command.flags.map((flag) => `${inCommand} ${flagText(flag)}`),
        ...choices.length > 0 ? [`${inCommand} -a ${quoted(choices.join(" "))}`] : [],
      ];
    }),
  ];
}

function flagText({ short, long, description, value }: FlagDescription): string {
  const names = [...short === undefined ? [] : [`-s ${short.replace("-", "")}`], `-l ${long.replace("--", "")}`];
  return [...names, ...value === undefined ? [] : [valueText(value.kind)], `-d ${quoted(description)}`].join(" ");
}

function valueText(kind: ValueKind): string {
  switch (kind.kind) {
    case "files":
      return "-r -F";
    case "directories":
      return "-x -a '(__fish_complete_directories)'";
    case "users":
      return "-x -a '(__fish_complete_users)'";
    case "choices":
      return `-x -a ${quoted(kind.choices.join(" "))}`;
    case "anything":
      return "-x";
  }
}

function quoted(text: string): string {
  return `'${text.replace(/[\\']/g, "\\$&")}'`;
}
