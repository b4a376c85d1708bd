// Reads the man page with groff and man.

import assert from "node:assert/strict";
import { createProgram } from "../../src/command_line/program.ts";
import { isInstalled, runOther, runProgram } from "../helpers/command_line.ts";

const program = createProgram({ version: "1", done: () => {} });

async function page(): Promise<string> {
  const { code, stdout, stderr } = await runProgram(["man"]);
  assert.deepEqual([code, stderr], [0, ""]);
  return stdout;
}

async function read(command: readonly string[], roff: string): Promise<[string, string]> {
  const env = { LC_ALL: "C.UTF-8", MANWIDTH: "100", MANOPT: "", MAN_KEEP_FORMATTING: "" };
  const { stdout, stderr } = await runOther(command, { input: roff, env });
  return [stdout, stderr];
}

const hasGroff = await isInstalled("groff");
Deno.test({
  name: `groff prints no warning about the man page${hasGroff ? "" : " (groff is missing)"}`,
  ignore: !hasGroff,
  fn: async () => assert.deepEqual(await read(["groff", "-man", "-ww", "-z"], await page()), ["", ""]),
});

const hasMan = hasGroff && await isInstalled("man");
Deno.test({
  name: `man shows every command, flag and exit code${hasMan ? "" : " (man is missing)"}`,
  ignore: !hasMan,
  fn: async () => {
    const [shown, warnings] = await read(["man", "--warnings", "-l", "-"], await page());
    assert.equal(warnings, "");
    // Removes overstrikes, which make text bold.
    const text = shown.replace(/.[\b]/g, "");
    for (const command of program.commands) {
      assert.match(text, new RegExp(`^   ${command.name()}\\b`, "m"), command.name());
      for (const { long } of command.options) assert.match(text, new RegExp(`^ +${long}\\b`, "m"), long);
    }
    for (const title of ["NAME", "SYNOPSIS", "EXIT STATUS", "ENVIRONMENT", "FILES"]) {
      assert.match(text, new RegExp(`^${title}$`, "m"));
    }
    // Text can be copied: plain hyphens and plain quotes.
    assert.ok(text.includes("ssh-session-notifier history --unexpected --since 7d"));
    assert.ok(text.includes(`jq '.findings[] | select(.level == "fault")'`));
  },
});
