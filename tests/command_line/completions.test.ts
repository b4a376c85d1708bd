// Runs the completions in the shells themselves.

import assert from "node:assert/strict";
import { createProgram } from "../../src/command_line/program.ts";
import { isInstalled, runOther, runProgram } from "../helpers/command_line.ts";

const program = createProgram({ version: "1", done: () => {} });
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
  ["help s", ["send", "status"]],
  ["history --user roo", ["root"]],
  ["explain --user roo", ["root"]],
  ["send --config fi", ["file.toml"]],
  ["send --config=fi", ["file.toml"]],
  ["status --json --config fi", ["file.toml"]],
  ["repair --state-dir fo", ["folder"]],
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
