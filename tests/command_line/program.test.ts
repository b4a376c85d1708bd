// Tests command lines, help and usage errors.

import assert from "node:assert/strict";
import { HELP } from "../../src/command_line/help.ts";
import { createProgram } from "../../src/command_line/program.ts";
import { runProgram } from "../helpers/command_line.ts";

const program = createProgram("1", () => {});
const commands = program.commands.map((command) => command.name());

Deno.test("every command has help with examples", async () => {
  assert.deepEqual([...HELP.keys()].sort(), [...commands].sort());
  for (const name of commands) {
    const { code, stdout, stderr } = await runProgram([name, "--help"]);
    assert.deepEqual([code, stderr], [0, ""], name);
    assert.match(stdout, new RegExp(`^Usage: ssh-session-notifier ${name}`));
    assert.match(stdout, new RegExp(`\\nExamples?:\\n(  .*\\n)*  .*ssh-session-notifier ${name}`), stdout);
    // Paragraphs fit a wide terminal.
    const [text = ""] = stdout.split(/\nExamples?:\n/);
    for (const line of text.split("\n")) assert.ok(line.length <= 120, line);
  }
});

Deno.test("every example uses only existing flags", () => {
  for (const [name, { examples }] of HELP) {
    const command = program.commands.find((command) => command.name() === name);
    const known = new Set(command?.options.flatMap(({ long, short }) => [long, short]));
    for (const { line } of examples) {
      const [, own = ""] = line.split(`ssh-session-notifier ${name}`).slice(-2);
      const flags = own.replace(/"\$\(.*?\)"|[|>&].*/g, "").match(/--[a-z-]+/g) ?? [];
      for (const flag of flags) assert.ok(known.has(flag), `${line}: ${flag}`);
    }
  }
});

Deno.test("help is available as --help, -h, help and without arguments", async () => {
  const whole = await runProgram(["--help"]);
  for (const name of [...commands, "help"]) assert.match(whole.stdout, new RegExp(`^  ${name} `, "m"));
  for (const args of [["-h"], ["help"], []]) assert.deepEqual(await runProgram(args), whole);
  const own = await runProgram(["history", "--help"]);
  for (const args of [["help", "history"], ["history", "-h"]]) assert.deepEqual(await runProgram(args), own);
});

Deno.test("a typo yields a suggestion and the usage", async () => {
  const table: [args: string[], error: string, meant: string][] = [
    [["sned"], "unknown command 'sned'", "send"],
    [["histroy"], "unknown command 'histroy'", "history"],
    [["send", "--dryrun"], "unknown option '--dryrun'", "--dry-run"],
    [["history", "--unexpcted"], "unknown option '--unexpcted'", "--unexpected"],
    [["status", "--promethues"], "unknown option '--promethues'", "--prometheus"],
    [["--versoin"], "unknown option '--versoin'", "--version"],
  ];
  for (const [args, error, meant] of table) {
    const { code, stdout, stderr } = await runProgram(args);
    assert.deepEqual([code, stdout], [64, ""]);
    const begin = `error: ${error}\n(Did you mean ${meant}?)\n\nUsage: ssh-session-notifier`;
    assert.equal(stderr.slice(0, begin.length), begin);
  }
});

Deno.test("an invalid command line exits with 64 and an error", async () => {
  const table: [args: string[], error: RegExp][] = [
    [
      ["history", "--limit", "0"],
      /'--limit <count>' argument '0' is invalid\. It must be a positive number or "all"/,
    ],
    [["history", "--limit", "1e3"], /argument '1e3' is invalid/],
    [["history", "--json", "--heatmap"], /'--heatmap' cannot be used with option '--json'/],
    [["history", "--by", "colour"], /'colour' is invalid.*user, place, key/],
    [["history", "--by", "user", "--limit", "3"], /'--by <what>' cannot be used with option '--limit <count>'/],
    [["history", "--user"], /'--user <user>' argument missing/],
    [["completions", "tcsh"], /'tcsh' is invalid for argument 'shell'.*bash, zsh, fish/],
    [["completions"], /missing required argument 'shell'/],
    [["man", "send"], /'send' is invalid for argument 'section'.*5, 7, 8/],
    [["explain"], /required option '--user <user>' not specified/],
    [["retry", "--to", "x"], /--to requires --route/],
    [["queue", "--verbose"], /unknown option '--verbose'/],
  ];
  for (const [args, error] of table) {
    const { code, stdout, stderr } = await runProgram(args);
    assert.deepEqual([code, stdout], [64, ""], args.join(" "));
    assert.match(stderr, error);
  }
});

Deno.test("--version prints the versions of the program and the runtime", async () => {
  const { code, stdout } = await runProgram(["--version"]);
  assert.equal(code, 0);
  assert.match(stdout, /^ssh-session-notifier \d+\.\d+\.\d+ \(Deno \d+\.\d+\.\d+, V8 [\d.]+.*\)\n$/);
});
