// Checks the manual pages against the program: generated parts (also those of the README), commands, options, keys, exit
// codes, paths with their owners and modes, and IDs.

import assert from "node:assert/strict";
import { createProgram } from "../../src/command_line/program.ts";
import { ExitCode } from "../../src/failure.ts";
import { IDS } from "../../src/ids.ts";
import { CONFIG_FILE, statePaths } from "../../src/paths.ts";
import { services } from "../../src/services/registry.ts";
import { ROOT } from "../../.ci/checkout.ts";
import { keyNames } from "../helpers/config_docs.ts";
import { argument } from "../helpers/mdoc.ts";
import { documents } from "../helpers/write_docs.ts";

const main = await Deno.readTextFile(`${ROOT}/src/man/ssh-session-notifier.8`);
const configuration = await Deno.readTextFile(`${ROOT}/src/man/ssh-session-notifier.toml.5`);
const security = await Deno.readTextFile(`${ROOT}/src/man/ssh-session-notifier-security.7`);
const installer = await Deno.readTextFile(`${ROOT}/install.sh`);

/** A section of a page, or a part of one, up to the next. */
function section(page: string, title: string): string {
  const [, macro = "", text = ""] = new RegExp(`^\\.(S[hs]) ${title}$([^]*)`, "m").exec(page) ?? [];
  assert.notEqual(macro, "", `no section "${title}"`);
  return text.split(macro === "Sh" ? /^\.Sh /m : /^\.S[hs] /m, 1)[0] ?? "";
}

for (const [path, text] of await documents()) {
  Deno.test(`the generated parts of ${path} are up to date`, async () => {
    const hint = "deno run -A tests/helpers/write_docs.ts";
    assert.equal(await Deno.readTextFile(`${ROOT}/${path}`).catch(() => ""), text, hint);
  });
}

Deno.test("the manual has every command with every option and argument of it", () => {
  const { commands } = createProgram("1", () => {});
  assert.ok(commands.length >= 10);
  for (const command of commands) {
    const text = section(main, `${command.name()}(?: .*)?`);
    for (const { long } of command.options) {
      assert.match(text, new RegExp(`^\\.It Fl ${argument(long?.slice(1) ?? "").replaceAll("\\", "\\\\")}\\b`, "m"));
    }
    for (const operand of command.registeredArguments) {
      assert.match(main, new RegExp(`^\\.Ss ${command.name()} .*\\b${operand.name()}$`, "m"));
    }
  }
});

Deno.test("the manual has every option of install.sh, and no other", () => {
  const usage = /^usage\(\) \{\n([^]*?)^\}/m.exec(installer)?.[1] ?? "";
  const options = new Set([...usage.matchAll(/--[a-z-]+/g)].map(([option]) => option));
  options.delete("--help");
  const text = section(main, "INSTALLATION").split(/^\.Ss /m, 1)[0] ?? "";
  const documented = [...text.matchAll(/^\.It Fl (\S+)/gm)].map(([, flag = ""]) => `-${flag.replaceAll("\\", "")}`);
  assert.deepEqual(documented.toSorted(), [...options].toSorted());
});

Deno.test("the manual has every exit code, and no other", () => {
  const codes = [...section(main, "EXIT STATUS").matchAll(/^\.It (\d+)$/gm)].map(([, code]) => Number(code));
  // 1 is the hook's, and install.sh's.
  assert.deepEqual(codes, [...new Set([...Object.values(ExitCode), 1])].toSorted((a, b) => a - b));
});

Deno.test("the manual has the paths of the queue, the store and the configuration", () => {
  const files = section(main, "FILES").replaceAll("\\-", "-");
  const { queueDir, spoolDir, sendDir, runSpoolDir, unrecordedFile } = statePaths();
  for (const path of [queueDir, spoolDir, sendDir, runSpoolDir, unrecordedFile, CONFIG_FILE]) {
    assert.ok(files.includes(`\n.It Pa ${path}\n`), path);
  }
});

Deno.test("the pages name no ID of a finding or an error that does not exist", () => {
  const areas = new Set(Object.keys(IDS).map((id) => id.split(".")[0]));
  for (const page of [main, configuration, security]) {
    const words = [...page.matchAll(/^\.It Sy (.*)$|\bQl (\S+)/gm)].flatMap(([, tag, code]) =>
      (tag ?? code ?? "").split(" ")
    );
    for (const name of words.map((word) => word.replaceAll("\\-", "-"))) {
      const [, area = "", end = ""] = /^([a-z]+)\.([a-z-]+)$/.exec(name) ?? [];
      if (areas.has(area) && !["lock", "db", "toml"].includes(end)) assert.ok(name in IDS, name);
    }
  }
});

Deno.test("the page of the configuration has every key, and every service with every option", () => {
  const keys = section(configuration, "KEYS");
  for (const name of keyNames()) assert.ok(keys.includes(`\n.It Cm ${argument(name)}\n`), name);
  for (const { name, options } of services.values()) {
    const text = section(configuration, name);
    for (const option of Object.keys(options)) {
      assert.ok(text.includes(`\n.It Cm ${argument(option)}\n`), `${name} ${option}`);
    }
    assert.ok(section(configuration, "Appearance").includes(`.It Ql ${name}\n`) || name === "stdout", name);
  }
});

Deno.test("the pages refer to each other by names and sections that exist", () => {
  const own = ["ssh-session-notifier 8", "ssh-session-notifier.toml 5", "ssh-session-notifier-security 7"];
  for (const page of [main, configuration, security]) {
    for (const [, name = "", number = ""] of page.matchAll(/\bXr (ssh-session\S*) (\d)/g)) {
      assert.ok(own.includes(`${name} ${number}`), `${name}(${number})`);
    }
  }
});
