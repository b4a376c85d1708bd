// Generates completions for zsh. Pure.

import type { CommandDescription, FlagDescription, ProgramDescription, ValueKind } from "./describe.ts";

/** Returns the lines of a file for a directory in `$fpath`; the file must be named `_` plus the name of the program. */
export function zshCompletion({ name, flags, commands }: ProgramDescription): string[] {
  return [
    `#compdef ${name}`,
    `# Written by \`${name} completions zsh\`.`,
    "",
    `_${name}() {`,
    '  local context state state_descr line curcontext="$curcontext"',
    "  typeset -A opt_args",
    "  local -a commands=(",
    ...commands.map(({ name, description }) => `    ${quoted(`${name}:${description}`)}`),
    "  )",
    "  _arguments -C \\",
    ...flags.map((flag) => `    ${specOf(flag)} \\`),
    "    '1: :->command' \\",
    "    '*:: :->arguments'",
    "  case $state in",
    "    command) _describe -t commands command commands ;;",
    "    arguments)",
    '      curcontext="${curcontext%:*:*}:' + name + '-$line[1]:"',
    "      case $line[1] in",
    ...commands.flatMap((command) => [
      `        ${command.name})`,
      "          _arguments \\",
      ...specsOf(command).map((spec, index, { length }) => `            ${spec}${index < length - 1 ? " \\" : ""}`),
      "          ;;",
    ]),
    "      esac",
    "      ;;",
    "  esac",
    "}",
    "",
    "# When autoloaded from $fpath, this file is the function and runs it; when sourced, it registers the function.",
    `if [[ $funcstack[1] == _${name} ]]; then`,
    `  _${name} "$@"`,
    "else",
    `  compdef _${name} ${name}`,
    "fi",
  ];
}

function specsOf({ flags, argument }: CommandDescription): string[] {
  const specs = flags.map(specOf);
  return argument === undefined ? specs : [...specs, quoted(`1:${argument.name}:${actionOf(argument.kind)}`)];
}

/** Formats a flag for _arguments (zshcompsys(1)). Nothing completes after --help or --version. */
function specOf({ short, long, description, value }: FlagDescription): string {
  const text = `[${description.replace(/[\\[\]]/g, "\\$&")}]`;
  const valueText = value === undefined ? "" : `:${value.name}:${actionOf(value.kind)}`;
  const isAlone = long === "--help" || long === "--version";
  const name = value === undefined ? long : `${long}=`;
  if (short === undefined) return quoted(`${isAlone ? "(- *)" : ""}${name}${text}${valueText}`);
  return `${quoted(isAlone ? "(- *)" : `(${short} ${long})`)}{${short},${name}}${quoted(`${text}${valueText}`)}`;
}

function actionOf(kind: ValueKind): string {
  switch (kind.kind) {
    case "files":
      return "_files";
    case "directories":
      return "_files -/";
    case "users":
      return "_users";
    case "choices":
      return `(${kind.choices.join(" ")})`;
    case "anything":
      return " ";
  }
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
