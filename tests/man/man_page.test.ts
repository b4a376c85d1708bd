// `man` prints the pages, which mandoc, groff and man read without a warning.

import assert from "node:assert/strict";
import { documentedCommands } from "../helpers/command_docs.ts";
import { isInstalled, runOther, runProgram } from "../helpers/command_line.ts";
import { MUST_RUN, ROOT } from "../../.ci/checkout.ts";

const FILES = {
  5: "ssh-session-notifier.toml.5",
  7: "ssh-session-notifier-security.7",
  8: "ssh-session-notifier.8",
} as const;
const PAGES = Object.fromEntries(
  Object.entries(FILES).map(([section, name]) => [section, Deno.readTextFileSync(`${ROOT}/src/man/${name}`)]),
);

async function read(command: readonly string[], roff: string): Promise<[string, string]> {
  const env = { LC_ALL: "C.UTF-8", MANWIDTH: "100", MANOPT: "", MAN_KEEP_FORMATTING: "" };
  const { stdout, stderr } = await runOther(command, { input: roff, env });
  return [stdout, stderr];
}

/** A test that needs a program, which must be there with CI=true. */
async function testWith(program: string, name: string, fn: () => Promise<void>): Promise<void> {
  const ignore = !MUST_RUN && !await isInstalled(program);
  Deno.test({ name: ignore ? `${name} (${program} is missing)` : name, ignore, fn });
}

Deno.test("man prints the page of a section, by default that of the commands", async () => {
  for (const [section, page] of [...Object.entries(PAGES), [undefined, PAGES[8]]]) {
    const { code, stdout, stderr } = await runProgram(["man", ...section === undefined ? [] : [section]]);
    assert.deepEqual([code, stderr], [0, ""]);
    assert.equal(stdout, page);
  }
});

Deno.test("man refuses a section that has no page", async () => {
  const { code, stdout, stderr } = await runProgram(["man", "6"]);
  assert.deepEqual([code, stdout], [64, ""]);
  assert.match(stderr, /5, 7, 8/);
});

Deno.test("install.sh knows each page as its own by its first line", () => {
  for (const [section, page] of Object.entries(PAGES)) {
    assert.ok(page.startsWith(`.\\" Written by \`ssh-session-notifier man ${section}\`.\n`), section);
  }
});

await testWith("mandoc", "mandoc accepts the pages without a warning", async () => {
  for (const [section, page] of Object.entries(PAGES)) {
    const [complaints] = await read(["mandoc", "-Tlint"], page);
    // Which other pages are installed differs from host to host.
    const own = complaints.split("\n").filter((line) => line !== "" && !line.includes("referenced manual not found"));
    assert.deepEqual(own, [], section);
  }
});

await testWith("groff", "groff formats the pages without a warning", async () => {
  for (const [section, page] of Object.entries(PAGES)) {
    assert.deepEqual(await read(["groff", "-mdoc", "-ww", "-Tutf8", "-z"], page), ["", ""], section);
  }
});

await testWith("man", "man shows every command and flag as one types it", async () => {
  const [shown, warnings] = await read(["man", "--warnings", "-l", "-"], PAGES[8] ?? "");
  assert.equal(warnings, "");
  // Letters that are struck twice, for bold, and underlined ones.
  const text = shown.replace(/.[\b]/g, "");
  for (const { name, flags } of documentedCommands()) {
    assert.match(text, new RegExp(`^   ${name}\\b`, "m"), name);
    for (const { long } of flags) assert.match(text, new RegExp(`^ .*${long}\\b`, "m"), long);
  }
  assert.ok(text.includes("ssh-session-notifier history --unexpected --since 7d"));
  assert.ok(text.includes(`jq '.findings[] | select(.level == "fault")'`));
});
