// Checks the README against the program: commands, options, links, files; and its length. tests/man/pages.test.ts checks
// its generated parts, tests/config/examples.test.ts its configuration.

import assert from "node:assert/strict";
import { createProgram } from "../src/command_line/program.ts";
import { ROOT } from "../.ci/checkout.ts";

const readme = await Deno.readTextFile(`${ROOT}/README.md`);
const installer = await Deno.readTextFile(`${ROOT}/install.sh`);

/** The text below a heading, up to the next one of its level or above. */
function section(heading: string): string {
  const [, hashes = "", text = ""] = new RegExp(`^(#+) ${heading}$([^]*)`, "m").exec(readme) ?? [];
  assert.notEqual(hashes, "", `no heading "${heading}"`);
  return text.split(new RegExp(`^#{1,${hashes.length}} `, "m"), 1)[0] ?? "";
}

const { commands } = createProgram("1", () => {});

Deno.test("the README has at most 300 lines", () => assert.ok(readme.split("\n").length <= 300));

Deno.test("the README names every command, and no other", () => {
  const named = [...section("Commands").matchAll(/^\| `([a-z-]+)` /gm)].map(([, name]) => name);
  assert.deepEqual(named.toSorted(), commands.map((command) => command.name()).toSorted());
});

Deno.test("the README names no option that the program or install.sh does not have", () => {
  for (const [line, name = "", rest = ""] of readme.matchAll(/\bssh-session-notifier ([a-z-]+)\b([^`\n#|]*)/g)) {
    const flags = [...rest.matchAll(/(--[a-z-]+)/g)].map(([, flag]) => flag);
    const command = commands.find((command) => command.name() === name);
    assert.ok(flags.every((flag) => command?.options.some(({ long }) => long === flag)), line);
  }
  const usage = /^usage\(\) \{\n([^]*?)^\}/m.exec(installer)?.[1] ?? "";
  const options = new Set([...usage.matchAll(/--[a-z-]+/g)].map(([option]) => option));
  for (const [, flags = ""] of readme.matchAll(/\.?\/?install\.sh((?: --[a-z-]+)+)/g)) {
    for (const option of flags.trim().split(" ")) assert.ok(options.has(option), option);
  }
});

Deno.test("the README's links within lead to a heading", () => {
  const outsideCode = readme.replaceAll(/^```[^]*?^```/gm, "");
  const anchors = [...outsideCode.matchAll(/^#+ (.*)$/gm)].map(([, heading = ""]) =>
    heading.toLowerCase().replaceAll(/[^\p{L}\p{N}\- ]/gu, "").replaceAll(" ", "-")
  );
  for (const [, anchor = ""] of outsideCode.matchAll(/\]\(#([^)]+)\)/g)) assert.ok(anchors.includes(anchor), anchor);
});

Deno.test("the README names no file of the project that does not exist", async () => {
  const named = [
    ...readme.matchAll(/`((?:src|tests)\/[\w./-]+|\.ci\/run|deno\.(?:json|lock))`/g),
    ...readme.matchAll(/\]\(([^#)][^)]*)\)/g),
  ];
  assert.ok(named.length >= 5);
  for (const [, path = ""] of named) {
    assert.ok((await Deno.stat(`${ROOT}/${path}`).catch(() => undefined)) !== undefined, path);
  }
});
