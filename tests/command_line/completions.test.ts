// Compares the completions with the commands, and runs them in the shells themselves.

import assert from "node:assert/strict";
import { createProgram } from "../../src/command_line/program.ts";
import { isInstalled, runOther, runProgram } from "../helpers/command_line.ts";
import { describe, type FlagDescription, type ValueKind } from "../helpers/describe.ts";

const program = createProgram("1", () => {});
const commands = [...program.commands.map((command) => command.name()), "help"];

const flagsOf = (name: string) => {
  const command = program.commands.find((command) => command.name() === name);
  return [...command?.options.flatMap(({ long }) => long ?? []) ?? [], "--help"];
};

/** Text up to the cursor, and the expected completions, in a folder with `file.toml` and `folder`. */
const TABLE: readonly (readonly [typed: string, offered: readonly string[]])[] = [
  ["", commands],
  ["hist", ["history"]],
  ...commands.filter((name) => name !== "help").map((name) => [`${name} --`, flagsOf(name)] as const),
  ["completions ", ["bash", "zsh", "fish"]],
  ["pam-edit no", ["no-user-readenv"]],
  ["help s", ["send", "status"]],
  ["history --user roo", ["root"]],
  ["explain --user roo", ["root"]],
  ["send --config fi", ["file.toml"]],
  ["send --config=fi", ["file.toml"]],
  ["status --json --config fi", ["file.toml"]],
  ["repair --state-dir fo", ["folder"]],
  ["history --by p", ["place"]],
  // The values are unknown, and files must not be offered.
  ["retry --route f", []],
];

/** Returns the completions of a shell for each line of {@link TABLE}. */
type Ask = (directory: string) => Promise<string[][]>;

async function run(directory: string, command: readonly string[], input = ""): Promise<string> {
  const env = { HOME: directory, TERM: "xterm", LC_ALL: "C.UTF-8" };
  return (await runOther(command, { input, cwd: directory, env })).stdout;
}

/** Calls the function as bash does, with the words into which bash splits the line. */
const askBash: Ask = async (directory) => {
  const calls = TABLE.map(([typed]) => {
    const words = `ssh-session-notifier ${typed}`.split(/ |(=)/).filter((word) => word !== undefined);
    return `ask ${words.map((word) => `'${word}'`).join(" ")}`;
  });
  const script = `source ./script
    ask() {
      COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
      _ssh_session_notifier
      printf '%s ' "\${COMPREPLY[@]}"
      echo
    }
    compopt() { :; }
    ${calls.join("\n")}`;
  const stdout = await run(directory, ["bash", "--norc", "-c", script]);
  return stdout.split("\n").slice(0, -1).map((line) => line.split(" ").filter((word) => word !== ""));
};

/** Uses the `complete -C` command of fish. */
const askFish: Ask = async (directory) => {
  const calls = TABLE.map(([typed]) => `complete -C 'ssh-session-notifier ${typed}'; echo =`);
  const stdout = await run(directory, ["fish", "--no-config", "-c", `source ./script\n${calls.join("\n")}`]);
  return stdout.split("=\n").slice(0, -1).map((part) =>
    part.split("\n").filter((line) => line !== "").map((line) =>
      line.replace(/\t.*/, "").replace(/\/$/, "").replace(/^--config=(?=.)/, "")
    )
  );
};

/** Types into zsh on a terminal, and records the completions that it would show. */
const askZsh: Ask = async (directory) => {
  await Deno.mkdir(`${directory}/functions`);
  await Deno.copyFile(`${directory}/script`, `${directory}/functions/_ssh-session-notifier`);
  await Deno.writeTextFile(
    `${directory}/rc`,
    `fpath=($PWD/functions $fpath)
    autoload -Uz compinit
    compinit -u -D
    LISTMAX=1000
    compadd() {
      if [[ \${@[1,(i)(-|--)]} != *-[OAD]\\ * ]]; then
        local -a hits
        builtin compadd -A hits "$@"
        (( $#hits )) && print -rl -- $hits >>./hits
      fi
      builtin compadd "$@"
    }
    finish() { BUFFER=""; print = >>./hits }
    zle -N finish
    bindkey '^G' finish\n`,
  );
  // ^G clears the completed line. The terminal itself, which may read it before zsh does, gives it no meaning.
  const typing = TABLE.map(([typed]) => `ssh-session-notifier ${typed}\t\x07`);
  const input = `source ./rc\n${typing.join("")}exit\n`;
  await run(directory, ["script", "--quiet", "--return", "--command", "zsh -f -i", "/dev/null"], input);
  const hits = await Deno.readTextFile(`${directory}/hits`);
  return hits.split("=\n").slice(0, -1).map((part) => [...new Set(part.split("\n").filter((line) => line !== ""))]);
};

for (const [shell, ask] of Object.entries({ bash: askBash, zsh: askZsh, fish: askFish })) {
  const installed = await isInstalled(shell);
  Deno.test({
    name: `${shell} completes every command, every flag and known values${installed ? "" : ` (${shell} is missing)`}`,
    ignore: !installed,
    fn: async () => {
      const directory = await Deno.makeTempDir();
      try {
        const { code, stdout, stderr } = await runProgram(["completions", shell]);
        assert.deepEqual([code, stderr], [0, ""]);
        await Deno.writeTextFile(`${directory}/script`, stdout);
        await Deno.writeTextFile(`${directory}/file.toml`, "");
        await Deno.mkdir(`${directory}/folder`);
        const offered = await ask(directory);
        assert.equal(offered.length, TABLE.length);
        for (const [index, [typed, expected]] of TABLE.entries()) {
          // The shells filter by prefix themselves; short flags such as -h may also be offered.
          const found = (offered[index] ?? []).filter((word) => !/^-[a-z]$/.test(word));
          const wanted = typed === "" ? found.filter((word) => !word.startsWith("-")) : found;
          const own = typed === "completions " ? wanted.filter((word) => !word.startsWith("-")) : wanted;
          assert.deepEqual([...own].sort(), [...expected].sort(), `${shell}: "${typed}"`);
        }
      } finally {
        await Deno.remove(directory, { recursive: true });
      }
    },
  });
}

Deno.test("completions quote any description", async () => {
  for (const shell of ["bash", "zsh", "fish"]) {
    if (!await isInstalled(shell)) continue;
    const { stdout } = await runProgram(["completions", shell]);
    const { code, stderr } = await runOther([shell, "-n", "/dev/stdin"], { input: stdout });
    assert.deepEqual([code, stderr], [0, ""], shell);
  }
});

/** What a script offers: `COMMAND FLAG KIND DESCRIPTION` and `COMMAND WORD DESCRIPTION`; the program is `-`. */
type Offers = (script: string) => string[];

const BASH_KINDS: Readonly<Record<string, ValueKind["kind"]>> = { f: "files", d: "directories", u: "users" };

const BASH_VALUE = /^ {4}([a-z]+):(--[a-z-]+)\)\n((?: {6}(?!return).*\n)*) {6}return\n {6};;$/gm;
const BASH_WORDS = /^ {4}(""|[a-z-]+)\) mapfile .*\(compgen -W '(.*?)' .*;;$/gm;

const bashOffers: Offers = (script) => {
  const kinds = new Map(
    [...script.matchAll(BASH_VALUE)].map(([, command, flag, body = ""]) => {
      const [, kind = ""] = /compgen -(.) -- /.exec(body) ?? [];
      const [, choices] = /compgen -W '(.*)' -- /.exec(body) ?? [];
      return [`${command} ${flag}`, body === "" ? "anything" : choices ?? BASH_KINDS[kind]];
    }),
  );
  const words = [...script.matchAll(BASH_WORDS)].flatMap(([, command = "", list = ""]) =>
    list.split(" ").map((word) => `${command.replace('""', "-")} ${word}`)
  );
  // A value without its flag, and what has another form, are entries of their own, which no command has.
  const alone = [...kinds.keys()].filter((name) => !words.includes(name));
  const rest = script.replace(BASH_VALUE, "").replace(BASH_WORDS, "").match(/^(?! *#).*[: ']--[a-z].*$/gm) ?? [];
  return [...words, ...alone].map((name) => kinds.has(name) ? `${name} ${kinds.get(name)}` : name).concat(rest);
};

const ZSH_KINDS: Readonly<Record<string, ValueKind["kind"]>> = {
  "_files": "files",
  "_files -/": "directories",
  "_users": "users",
  " ": "anything",
};

const zshOffers: Offers = (script) => {
  const specs = (command: string, text: string) =>
    text.split("\n").flatMap((line) => {
      const [, words] = /^ *'1:[a-z]+:\((.*)\)'$/.exec(line) ?? [];
      if (words !== undefined) return words.split(" ").map((word) => `${command} ${word}`);
      const [, flags, text, action] = /(\{-h,--help\}|--[a-z-]+)=?'?\[(.*)\](?::[a-z]+:(.*))?'(?: \\)?$/.exec(line) ??
        [];
      const [, choices] = /^\((.*)\)$/.exec(action ?? "") ?? [];
      const kind = action === undefined ? "" : ` ${choices ?? ZSH_KINDS[action]}`;
      return flags === undefined
        ? line.match(/^.*--[a-z].*$/) ?? []
        : flags.split(/[{},]/).filter(Boolean).map((flag) => `${command} ${flag}${kind} ${text}`);
    });
  const [head = "", arguments_ = ""] = script.split("    arguments)\n");
  return [
    ...head.matchAll(/^ {4}'([a-z-]+):(.*)'$/gm).map(([, name, text]) => `- ${name} ${text}`),
    ...specs("-", head),
    ...arguments_.matchAll(/^ {8}([a-z-]+)\)\n([^]*?) {10};;$/gm).flatMap(([, name = "", text = ""]) =>
      specs(name, text)
    ),
  ];
};

const FISH_KINDS: Readonly<Record<string, ValueKind["kind"]>> = {
  "-r -F": "files",
  "-x -a '(__fish_complete_directories)'": "directories",
  "-x -a '(__fish_complete_users)'": "users",
  "-x": "anything",
};

const fishOffers: Offers = (script) =>
  script.split("\n").flatMap((line) => {
    const [, rest, seen = "-", more = ""] =
      /^complete -c ssh-session-notifier (-f$|-n (?:__fish_use_subcommand|'__fish_seen_subcommand_from ([a-z-]+)') (.*))/
        .exec(line) ?? [];
    if (rest === undefined || rest === "-f") return /^(?:#.*)?$|-f$/.test(line) ? [] : [line];
    const [, words, about] = /^-a '?([a-z0-9 -]+?)'?(?: -d '(.*)')?$/.exec(more) ?? [];
    if (words !== undefined) return words.split(" ").map((word) => [seen, word, about].filter(Boolean).join(" "));
    const [, short, long, value, text] = /^(?:-s ([a-z]) )?-l ([a-z-]+) ?(-[rx].*?)? ?-d '(.*)'$/.exec(more) ?? [];
    const [, choices] = /^-x -a '([a-z ]+)'$/.exec(value ?? "") ?? [];
    const kind = value === undefined ? "" : ` ${choices ?? FISH_KINDS[value]}`;
    return [...short === undefined ? [] : [`-${short}`], `--${long}`].map((flag) => `${seen} ${flag}${kind} ${text}`);
  });

/** The kind of a value, or its choices. */
function kindText(kind: ValueKind): string {
  return kind.kind === "choices" ? kind.choices.join(" ") : kind.kind;
}

/** What the commands accept, in the form of {@link Offers}. */
function accepted({ hasTexts }: { hasTexts: boolean }): string[] {
  const { flags, commands } = describe(program);
  const text = (description: string) => hasTexts ? ` ${description}` : "";
  const flagsOf = (command: string, flags: readonly FlagDescription[]) =>
    flags.flatMap(({ short, long, value, description }) =>
      [short, long].filter((name) => name !== undefined).map((name) =>
        `${command} ${name}${value === undefined ? "" : ` ${kindText(value.kind)}`}${text(description)}`
      )
    );
  return [
    ...flagsOf("-", flags),
    ...commands.flatMap(({ name, description, flags, argument }) => [
      `- ${name}${text(description)}`,
      ...flagsOf(name, flags),
      ...argument?.kind.kind === "choices" ? argument.kind.choices.map((choice) => `${name} ${choice}`) : [],
    ]),
  ];
}

for (const [shell, offers] of Object.entries({ bash: bashOffers, zsh: zshOffers, fish: fishOffers })) {
  Deno.test(`the ${shell} completions have exactly the commands, flags, kinds of values and choices of the program`, async () => {
    const path = new URL(`../../src/command_line/completions/ssh-session-notifier.${shell}`, import.meta.url);
    const found = offers(await Deno.readTextFile(path));
    assert.deepEqual(found.sort(), accepted({ hasTexts: shell !== "bash" }).sort());
  });
}
