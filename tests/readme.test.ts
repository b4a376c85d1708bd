// Holds the README to the program: its commands and their flags, exit codes, paths with their owners, and what it says
// that `explain` prints. tests/config/readme.test.ts and tests/services/readme.test.ts hold the rest.

import assert from "node:assert/strict";
import { explanation, loginFor } from "../src/admin/explain.ts";
import { parseConfig } from "../src/config/config.ts";
import { ExitCode } from "../src/failure.ts";
import { statePaths } from "../src/paths.ts";
import { NOTHING_KNOWN } from "../src/store/seen.ts";
import { ROOT } from "./helpers/compile.ts";

const readme = await Deno.readTextFile(`${ROOT}/README.md`);
const installer = await Deno.readTextFile(`${ROOT}/install.sh`);

/** The text below a heading, up to the next one of its level or above. */
function section(heading: string): string {
  const [, hashes = "", text = ""] = new RegExp(`^(#+) ${heading}$([^]*)`, "m").exec(readme) ?? [];
  assert.notEqual(hashes, "", `no heading "${heading}"`);
  return text.split(new RegExp(`^#{1,${hashes.length}} `, "m"), 1)[0] ?? "";
}

/** The rows of a table, as the texts of their cells. */
function rowsOf(text: string): string[][] {
  const lines = text.split("\n").filter((line) => line.startsWith("|") && !/^\|[ -]+\|/.test(line));
  return lines.slice(1).map((line) => line.split("|").slice(1, -1).map((cell) => cell.trim()));
}

/** What `--help` says of the program, or of one command. */
async function help(...command: string[]): Promise<string> {
  const args = ["run", "-P=help", "--no-prompt", `${ROOT}/src/main.ts`, ...command, "--help"];
  const { code, stdout } = await new Deno.Command(Deno.execPath(), { args, cwd: ROOT }).output();
  assert.equal(code, 0, command.join(" "));
  return new TextDecoder().decode(stdout);
}

/** The commands, each with its flags; those that every command has, or that are for trials, left out. */
async function readCommands(): Promise<Map<string, string[]>> {
  const [, list = ""] = /\nCommands:\n([^]*?)(?:\n\n|$)/.exec(await help()) ?? [];
  const names = [...list.matchAll(/^ {2}([a-z][-a-z]*)/gm)].map(([, name = ""]) => name);
  const common = ["--help", "--state-dir", "--config"];
  return new Map(
    await Promise.all(names.map(async (name): Promise<[string, string[]]> => {
      const flags = [...(await help(name)).matchAll(/^ {2}(?:-\w, )?(--[a-z-]+)/gm)].map(([, flag = ""]) => flag);
      return [name, flags.filter((flag) => !common.includes(flag))];
    })),
  );
}

Deno.test("the README names every command and every flag, and no other", async () => {
  const commands = await readCommands();
  assert.ok(commands.size >= 8);
  const named = section("Commands");
  // What `help` lists are the options of all.
  commands.set("help", []);
  for (const [name, flags] of commands) {
    const lines = named.split("\n").filter((line) => line.includes(`ssh-session-notifier ${name}`)).join("\n");
    assert.notEqual(lines, "", name);
    for (const flag of flags) assert.ok(new RegExp(`${flag}\\b`).test(lines), `${name} ${flag}`);
  }
  // Behind a name that is a path or a heading, something else follows.
  for (const match of readme.matchAll(/\bssh-session-notifier (?!-)([a-z]+)\b([^`\n#|]*)/g)) {
    const [line, name = "", rest = ""] = match;
    if (!/[ `#$/]/.test(readme[match.index - 1] ?? "")) continue;
    const flags = [...rest.matchAll(/(--[a-z-]+)/g)].map(([, flag = ""]) => flag);
    if (flags.length === 0 && !commands.has(name)) continue;
    for (const flag of flags) assert.ok(commands.get(name)?.includes(flag), line);
  }
});

Deno.test("the README names every option of install.sh, and no other", () => {
  const options = new Set(
    [...(/^usage\(\) \{\n([^]*?)^\}/m.exec(installer)?.[1] ?? "").matchAll(/--[a-z-]+/g)].map(([option]) => option),
  );
  options.delete("--help");
  for (const option of options) assert.ok(new RegExp(`${option}\\b`).test(section("Install")), option);
  for (const [, flags = ""] of readme.matchAll(/\.?\/?install\.sh((?: --[a-z-]+)+)/g)) {
    for (const option of flags.trim().split(" ")) assert.ok(options.has(option), option);
  }
});

Deno.test("the README's table of exit codes has all of them, and no other", () => {
  const codes = rowsOf(section("Exit codes")).map(([code]) => Number(code));
  // 1 is the hook's, and install.sh's.
  assert.deepEqual(codes, [...new Set([...Object.values(ExitCode), 1])].toSorted((a, b) => a - b));
});

Deno.test("the README's layout has the paths, owners and modes that install.sh gives", () => {
  const variables: Readonly<Record<string, string>> = {
    ...Object.fromEntries([...installer.matchAll(/^([A-Z_]+)=(\S+)$/gm)].map(([, name, value]) => [name, value])),
    ROOT: "",
  };
  let expanded = installer;
  for (let depth = 0; depth < 3; depth++) {
    expanded = expanded.replaceAll(/\$(?:\{(\w+)\}|([A-Z_]+))/g, (whole, a, b) => variables[a ?? b] ?? whole);
  }
  const rows = rowsOf(section("Layout"));
  assert.ok(rows.length >= 8);
  for (const [paths = "", ownerAndMode = ""] of rows) {
    const [, owner = "", mode = ""] = /^`([^`]+)` (\d{4})$/.exec(ownerAndMode) ?? [];
    for (const [, path = ""] of paths.matchAll(/`([^`]+)`/g)) {
      // The endings of the units.
      if (path.startsWith("…")) continue;
      const isSet = expanded.split("\n").some((line) =>
        [path, `${path}.new`].some((name) => line.includes(`"${name}"`) || line.includes(` ${name} `)) &&
        new RegExp(`[" ]${owner}"? ${mode}\\b`).test(line)
      );
      assert.ok(isSet, `${path} ${owner} ${mode}`);
    }
  }
  const layout = section("Layout");
  const { queueDir, spoolDir, sendDir, runSpoolDir, unrecordedFile } = statePaths();
  for (const path of [queueDir, spoolDir, sendDir, runSpoolDir, unrecordedFile]) {
    assert.ok(layout.includes(`\`${path}\``), path);
  }
});

Deno.test("explain prints what the README shows, for the routes and the rule that it shows", () => {
  const configs = ["Several routes", "Allowlist"].map((heading) =>
    /^```toml\n([^]*?)^```/m.exec(section(heading))?.[1]
  );
  const config = parseConfig(configs.join("\n"), {
    hostName: () => "example.com",
    readBeside: (path) => ({ text: path.endsWith(".url") ? "https://discord.com/api/webhooks/1/token" : "tk_token" }),
  });
  const nowMs = Date.UTC(2026, 10, 23);
  const shown = [...section("Allowlist").matchAll(/^ {4}# ssh-session-notifier explain (.*)\n((?: {4}(?!#).*\n)+)/gm)];
  assert.ok(shown.length >= 1);
  for (const [, flags = "", lines = ""] of shown) {
    const { user = "", ip, key } = Object.fromEntries(
      [...flags.matchAll(/--(\w+) (\S+)/g)].map(([, name, value]) => [name, value]),
    );
    const login = loginFor({ user, ip, key, service: "sshd" }, nowMs);
    const known = () => ({ ...NOTHING_KNOWN, firstEventAtMs: nowMs - 1 });
    assert.deepEqual(
      explanation(login, { config, known, nowMs }),
      lines.trimEnd().split("\n").map((line) => line.slice(4)),
    );
  }
});

Deno.test("the README's links within lead to a heading", () => {
  const outsideCode = readme.replaceAll(/^```[^]*?^```/gm, "");
  const anchors = [...outsideCode.matchAll(/^#+ (.*)$/gm)].map(([, heading = ""]) =>
    heading.toLowerCase().replaceAll(/[^\p{L}\p{N}\- ]/gu, "").replaceAll(" ", "-")
  );
  const links = [...outsideCode.matchAll(/\]\(#([^)]+)\)/g)].map(([, anchor = ""]) => anchor);
  assert.ok(links.length > 10);
  for (const link of links) assert.ok(anchors.includes(link), link);
});

Deno.test("the README names no file of the project that there is not", async () => {
  for (const [, path = ""] of readme.matchAll(/`((?:src|tests)\/[\w./-]+|\.ci\/run|deno\.(?:json|lock))`/g)) {
    assert.ok((await Deno.stat(`${ROOT}/${path}`).catch(() => undefined)) !== undefined, path);
  }
});
