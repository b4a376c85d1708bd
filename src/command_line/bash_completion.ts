// Generates completions for bash 4 and newer; they do not need the bash-completion package. Pure.

import type { FlagDescription, ProgramDescription, ValueKind } from "./describe.ts";

/** Returns the lines of a file for `/usr/share/bash-completion/completions`. */
export function bashCompletion({ name, flags, commands }: ProgramDescription): string[] {
  const functionName = `_${name.replaceAll("-", "_")}`;
  return [
    `# bash completion for ${name}; written by \`${name} completions bash\`.`,
    "",
    `${functionName}() {`,
    '  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} command="" i',
    "  COMPREPLY=()",
    '  # bash treats the "=" in --flag=value as a word.',
    "  if [[ $cur == '=' ]]; then",
    '    cur=""',
    "  elif [[ $prev == '=' ]]; then",
    "    prev=${COMP_WORDS[COMP_CWORD - 2]}",
    "  fi",
    "  for ((i = 1; i < COMP_CWORD; i++)); do",
    "    if [[ ${COMP_WORDS[i]} != -* ]]; then",
    "      command=${COMP_WORDS[i]}",
    "      break",
    "    fi",
    "  done",
    "  case $command:$prev in",
    ...commands.flatMap((command) =>
      command.flags.flatMap(({ short, long, value }) => {
        if (value === undefined) return [];
        const names = [short, long].flatMap((flag) => flag === undefined ? [] : `${command.name}:${flag}`);
        return [`    ${names.join(" | ")})`, ...replyLines(value.kind, "      "), "      return", "      ;;"];
      })
    ),
    "  esac",
    "  case $command in",
    `    "") ${replyWith([...commands.map(({ name }) => name), ...flagNames(flags)])} ;;`,
    ...commands.map(({ name, flags, argument }) => {
      const words = argument?.kind.kind === "choices" ? argument.kind.choices : [];
      return `    ${name}) ${replyWith([...words, ...flagNames(flags)])} ;;`;
    }),
    "  esac",
    "}",
    "",
    `complete -F ${functionName} ${name}`,
  ];
}

function flagNames(flags: readonly FlagDescription[]): string[] {
  return flags.flatMap(({ short, long }) => short === undefined ? [long] : [short, long]);
}

function replyLines(kind: ValueKind, indent: string): string[] {
  switch (kind.kind) {
    case "files":
      return ["compopt -o filenames", 'mapfile -t COMPREPLY < <(compgen -f -- "$cur")'].map((line) => indent + line);
    case "directories":
      return ["compopt -o filenames", 'mapfile -t COMPREPLY < <(compgen -d -- "$cur")'].map((line) => indent + line);
    case "users":
      return [`${indent}mapfile -t COMPREPLY < <(compgen -u -- "$cur")`];
    case "choices":
      return [`${indent}${replyWith(kind.choices)}`];
    case "anything":
      return [];
  }
}

/** The words come from this program and need no quoting. */
function replyWith(words: readonly string[]): string {
  return `mapfile -t COMPREPLY < <(compgen -W '${words.join(" ")}' -- "$cur")`;
}
