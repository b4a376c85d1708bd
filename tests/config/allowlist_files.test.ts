// `[allowlist] files`, with real files.

import assert from "node:assert/strict";
import { parseConfig } from "../../src/config/config.ts";
import { readConfig } from "../../src/config/read_config.ts";
import { filesBeside } from "../../src/config/files_beside.ts";
import { ExitCode, Failure } from "../../src/failure.ts";
import { failingConditions, ruleName } from "../../src/session/allowlist.ts";
import { parseAddress } from "../../src/session/address.ts";
import { faultsIn } from "../helpers/config_faults.ts";
import { loginFor } from "../../src/admin/explain.ts";
import { ROOT } from "../../.ci/checkout.ts";
import { displaysOf } from "../helpers/mdoc.ts";

const NOTIFICATION = `[notification]\nservice = "stdout"\n`;
const SHARED = `ips = ["192.0.2.0/24"]\n[[rules]]\nreason = "monitoring"\nusers = ["monitor"]\n`;

/** A directory for a configuration, with the files of an allowlist. */
async function withFolder(
  files: Readonly<Record<string, string>>,
  test: (folder: { readonly path: string; readonly parse: (text: string) => ReturnType<typeof parseConfig> }) => void,
): Promise<void> {
  const path = await Deno.makeTempDir({ prefix: "ssh-session-notifier-" });
  const parse = (text: string) =>
    parseConfig(text.replaceAll("DIR", path) + NOTIFICATION, {
      hostName: () => "h",
      directory: path,
      readBeside: filesBeside(path),
    });
  try {
    await Deno.mkdir(`${path}/allowlist.d`);
    for (const [name, text] of Object.entries(files)) await Deno.writeTextFile(`${path}/allowlist.d/${name}`, text);
    test({ path, parse });
  } finally {
    await Deno.remove(path, { recursive: true });
  }
}

Deno.test("[allowlist] files: their rules come after those of the configuration, in the order of the files", async () => {
  const own = `[allowlist]\nips = ["10.0.0.1"]\nfiles = ["DIR/allowlist.d/b.toml", "DIR/allowlist.d/a.toml"]\n`;
  await withFolder({ "a.toml": SHARED, "b.toml": `ips = ["10.0.0.2"]\n`, "unused.toml": "x" }, ({ path, parse }) => {
    const { allowlist, files } = parse(own);
    assert.deepEqual(allowlist.map(ruleName), [
      "allowlist.ips",
      `${path}/allowlist.d/b.toml: ips`,
      `${path}/allowlist.d/a.toml: ips`,
      `${path}/allowlist.d/a.toml: rules.0 ("monitoring")`,
    ]);
    assert.deepEqual(files, [`${path}/allowlist.d/b.toml`, `${path}/allowlist.d/a.toml`], "check looks at these");
    const nowMs = Date.UTC(2026, 10, 23);
    const allows = (user: string, ip: string) => {
      assert.ok(parseAddress(ip) !== undefined);
      const login = loginFor({ user, ip, service: "sshd" }, nowMs);
      return allowlist.some((rule) => failingConditions(rule, { login, nowMs }).length === 0);
    };
    assert.deepEqual(
      [["x", "10.0.0.1"], ["x", "10.0.0.2"], ["x", "192.0.2.9"], ["monitor", "10.9.9.9"], ["x", "10.9.9.9"]]
        .map(([user = "", ip = ""]) => allows(user, ip)),
      [true, true, true, true, false],
    );
  });
});

Deno.test("[allowlist] files: an empty file has no rules", async () => {
  await withFolder({ "a.toml": "# nothing yet\n" }, ({ parse }) => {
    assert.deepEqual(parse(`[allowlist]\nfiles = ["DIR/allowlist.d/a.toml"]\n`).allowlist, []);
  });
});

Deno.test("[allowlist] files: one fault for each mistake in each file, with the file and the key", async () => {
  const files = {
    "keys.toml": `ip = ["10.0.0.1"]\nfiles = ["x"]\n[[rules]]\nreason = "r"\nuser = ["a"]\nusers = ["a"]\n`,
    "values.toml": `ips = ["10.0.0.1/8", "10.0.0.2"]\n[[rules]]\nreason = "r"\n`,
    "syntax.toml": `ips = [\n[[rules]]\n`,
    "section.toml": `[allowlist]\nips = []\n`,
  };
  const names = [...Object.keys(files), "missing.toml"].map((name) => `"DIR/allowlist.d/${name}"`);
  await withFolder(files, ({ path, parse }) => {
    const text = `[host]\nnam = "x"\n[allowlist]\nfiles = [${names.join(", ")}, "/etc/passwd", "a.toml"]\n`;
    const inFile = (index: number, name: string) => `allowlist.files.${index}: ${path}/allowlist.d/${name}:`;
    assert.deepEqual(faultsIn(() => parse(text)).map((fault) => fault.replace(/column \d+.*/, "")), [
      'config.unknown-key host.nam "name"',
      `config.unknown-key ${inFile(0, "keys.toml")} rules.0.user "users"`,
      `config.unknown-key ${inFile(0, "keys.toml")} ip "ips"`,
      `config.unknown-key ${inFile(0, "keys.toml")} files "rules"`,
      `config.wrong-value ${inFile(1, "values.toml")} ips.0 "10.0.0.1/8" "10.0.0.0/8"`,
      `config.wrong-value ${inFile(1, "values.toml")} rules.0`,
      `config.syntax ${inFile(2, "syntax.toml")} line 2, `,
      `config.unknown-key ${inFile(3, "section.toml")} allowlist`,
      "config.file-unusable allowlist.files.4",
      "config.file-unusable allowlist.files.5",
      "config.file-unusable allowlist.files.6",
    ]);
  });
});

Deno.test("[allowlist] files: the number and the size of the files are bounded", async () => {
  await withFolder({ "large.toml": `${"#".repeat(300_000)}\n` }, ({ parse }) => {
    const table: [files: string, fault: string][] = [
      [`"DIR/allowlist.d/large.toml"`, "config.file-unusable allowlist.files.0 262144"],
      [`"x", `.repeat(17), "config.wrong-value allowlist.files 16"],
      ["1", "config.wrong-type allowlist.files.0"],
    ];
    for (const [files, fault] of table) {
      assert.deepEqual(faultsIn(() => parse(`[allowlist]\nfiles = [${files}]\n`)), [fault]);
    }
  });
});

Deno.test("readConfig() names the configuration, the file and the key, and exits with 78", async () => {
  await withFolder({ "a.toml": `ips = ["x"]\n` }, ({ path }) => {
    const config = `${path}/config.toml`;
    Deno.writeTextFileSync(config, `[allowlist]\nfiles = ["${path}/allowlist.d/a.toml"]\n${NOTIFICATION}`);
    assert.throws(() => readConfig(config), (error) => {
      assert.ok(error instanceof Failure);
      assert.equal(error.exitCode, ExitCode.config);
      assert.ok(error.message.startsWith(`${config}: allowlist.files.0: ${path}/allowlist.d/a.toml: ips.0: `));
      return true;
    });
  });
});

Deno.test("each allowlist file in the manual, and the one of the Ansible example, is one", async () => {
  const pages = ["ssh-session-notifier.toml.5", "ssh-session-notifier.8"].map((page) => `${ROOT}/src/man/${page}`);
  const displays = (await Promise.all(pages.map((page) => Deno.readTextFile(page)))).flatMap(displaysOf);
  const files = [
    ...displays.filter((text) => text.includes("\n[[rules]]")),
    await Deno.readTextFile(`${ROOT}/.github/ansible/files/shared.toml`),
  ];
  assert.equal(files.length, 3);
  for (const text of files) {
    await withFolder({ "a.toml": text }, ({ parse }) => {
      assert.ok(parse(`[allowlist]\nfiles = ["DIR/allowlist.d/a.toml"]\n`).allowlist.length > 0);
    });
  }
});
