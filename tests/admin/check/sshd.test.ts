import assert from "node:assert/strict";
import fc from "npm:fast-check@4.10.2";
import { type Finding, Findings } from "../../../src/admin/check/finding.ts";
import { inspectSshd } from "../../../src/admin/check/sshd.ts";
import { parseSshdConfig } from "../../../src/admin/check/sshd_config.ts";
import { glob, SSHD_FILES } from "../../../src/admin/check/sshd_files.ts";
import { execute, isFile, MUST_RUN } from "../../../.ci/checkout.ts";
import { assertAllFound, type LevelAndId } from "../../helpers/findings.ts";

const MAIN = "/etc/ssh/sshd_config";

/** A finding, and values that it contains. */
type Expected = [LevelAndId, ...string[]];

/** Files by path; undefined for a file that `check` may not read. */
type Layout = Readonly<Record<string, string | undefined>>;

function found(files: Layout): readonly Finding[] {
  const findings = new Findings();
  const match = (pattern: string) => {
    const paths = glob(pattern, {
      list: (folder) =>
        Object.keys(files).filter((path) => path.startsWith(`${folder}/`)).map((path) =>
          path.slice(folder.length + 1).replace(/\/.*/, "")
        ),
      isThere: (path) => path in files,
    });
    return paths.some((path) => files[path] === undefined) ? undefined : paths;
  };
  inspectSshd({ read: (path) => files[path], match }, findings);
  return findings.all;
}

Deno.test("inspectSshd() requires PAM, under the service name that has the hook", () => {
  const table: [string, ...Expected][] = [
    ["UsePAM yes", "pass sshd.use-pam"],
    ["  usepam=Yes\nUsePAM no", "pass sshd.use-pam"],
    ["UsePAM 'yes'", "pass sshd.use-pam"],
    ['"UsePAM" yes', "pass sshd.use-pam"],
    ["UsePAM no\nUsePAM yes", "fault sshd.use-pam", MAIN, '"UsePAM no"'],
    ["#UsePAM yes", "fault sshd.use-pam", MAIN, " no UsePAM"],
    ["Match User alice\nUsePAM yes", "fault sshd.use-pam", " no UsePAM"],
    ["UsePAM yes\nPAMServiceName other", "fault sshd.pam-service", '"PAMServiceName other"'],
    ["UsePAM yes\nPAMServiceName sshd\nPAMServiceName other", "pass sshd.use-pam"],
    ["UsePAM yes\nMatch User alice\nPAMServiceName other", "fault sshd.pam-service", '"PAMServiceName other"'],
    ["UsePAM yes\nPAMServiceName sshd", "pass sshd.use-pam"],
  ];
  for (const [text, ...expected] of table) assertAllFound(found({ [MAIN]: text }), [expected], text);
});

Deno.test("inspectSshd() follows an Include at its position, and reports one that it may not read", () => {
  const dropIn = "/etc/ssh/sshd_config.d/50-cloud.conf";
  const include = "Include /etc/ssh/sshd_config.d/*.conf\n";
  const table: [Layout, ...Expected[]][] = [
    // The first value counts, in any file.
    [{ [MAIN]: `UsePAM no\n${include}`, [dropIn]: "UsePAM yes" }, ["fault sshd.use-pam", '"UsePAM no"']],
    [{ [MAIN]: `${include}UsePAM no`, [dropIn]: "UsePAM yes" }, ["pass sshd.use-pam"]],
    [{ [MAIN]: "", [dropIn]: "UsePAM yes" }, ["fault sshd.use-pam", " no UsePAM"]],
    [{ [MAIN]: "Include sshd_config.d/*.conf", [dropIn]: "UsePAM yes" }, ["pass sshd.use-pam"]],
    [{ [MAIN]: "Include /none/*.conf extra.conf", "/etc/ssh/extra.conf": "UsePAM yes" }, ["pass sshd.use-pam"]],
    [{ "/usr/etc/ssh/sshd_config": "UsePAM yes" }, ["pass sshd.use-pam"]],
    [{ [MAIN]: "UsePAM no", "/usr/etc/ssh/sshd_config": "UsePAM yes" }, ["fault sshd.use-pam", MAIN]],
    [{}, ["fault sshd.config-missing", MAIN]],
    // A file that check may not read can set anything.
    [
      { [MAIN]: "Include /etc/ssh/extra/*.conf\nUsePAM yes", "/etc/ssh/extra/a.conf": undefined },
      ["warning sshd.include-unread", " /etc/ssh/extra/*.conf,"],
      ["pass sshd.use-pam"],
    ],
    [{ [MAIN]: "Include x\n", "/etc/ssh/x": undefined }, ["warning sshd.include-unread", " /etc/ssh/x,"]],
    [{ [MAIN]: "UsePAM yes\nInclude x\n", "/etc/ssh/x": undefined }, ["pass sshd.use-pam"]],
  ];
  for (const [files, ...expected] of table) assertAllFound(found(files), expected, JSON.stringify(files));
});

Deno.test("parseSshdConfig() throws if files include each other", () => {
  const files = { match: (pattern: string) => [pattern, pattern], read: () => "Include self self" };
  assert.throws(() => parseSshdConfig("Include self", files), /more than 16 nested Includes/);
});

const WORD = fc.constantFrom("UsePAM", "usepam", "USEPAM", '"UsePAM"', 'Use"PAM"');
const DELIMITER = fc.constantFrom(" ", "\t", " = ", "=", "  ", '" "');
const VALUE = fc.constantFrom("yes", "no", "YES", '"yes"', "'no'", "y'es'", 'n"o"', "yes # no", "no\\", "");
const INDENT = fc.constantFrom("", " ", "\t ");
const END = fc.constantFrom("", " ", "\r", " \f", " #", " # UsePAM no");
const SETTING = fc.tuple(INDENT, WORD, DELIMITER, VALUE, END).map((parts) => parts.join(""));
const OTHER = fc.constantFrom(
  "",
  "# UsePAM no",
  "#",
  "Banner none",
  "Match all",
  "Match User alice",
  "X11Forwarding no",
);
const INCLUDED = fc.constantFrom(
  "a.conf",
  "*.conf",
  "'b.conf'",
  "[ab].conf none",
  "?.conf",
  "dir/*",
  ".*.conf",
  "[!a].*",
);
const KEYWORD = fc.constantFrom("Include ", "include=", ' "Include" ');
const lines = (...kinds: fc.Arbitrary<string>[]) =>
  fc.array(fc.oneof(...kinds), { maxLength: 4 }).map((all) => all.join("\n"));
const LAYOUT = fc.record({
  "main": lines(
    SETTING,
    OTHER,
    fc.tuple(KEYWORD, fc.array(INCLUDED, { minLength: 1, maxLength: 2 })).map(([keyword, names]) =>
      keyword + names.map((name) => name.replace(/^('?)/, "$1@/")).join(" ")
    ),
  ),
  "a.conf": lines(SETTING, OTHER),
  "b.conf": lines(SETTING, OTHER, fc.constant("Include @/dir/c")),
  ".hidden.conf": lines(SETTING),
  "dir/c": lines(SETTING, OTHER),
});

Deno.test({
  name: "parseSshdConfig() finds the same UsePAM as sshd -T, for any configuration",
  ignore: !MUST_RUN && (Deno.uid() !== 0 || !await isFile("/usr/sbin/sshd")),
  fn: async () => {
    const folder = await Deno.makeTempDir({ prefix: "sshd-config-" });
    try {
      const layouts = fc.sample(LAYOUT, 600);
      for (const [index, layout] of layouts.entries()) {
        await Deno.mkdir(`${folder}/${index}/dir`, { recursive: true });
        for (const [name, text] of Object.entries(layout)) {
          await Deno.writeTextFile(`${folder}/${index}/${name}`, text.replaceAll("@/", `${folder}/${index}/`));
        }
      }
      const answers = await askSshd(folder, layouts.length);
      let accepted = 0;
      for (const [index, layout] of layouts.entries()) {
        const answer = answers[index] ?? "";
        if (answer === "") continue; // sshd would not start.
        accepted++;
        const text = await Deno.readTextFile(`${folder}/${index}/main`);
        const { usePam = "no" } = parseSshdConfig(text, SSHD_FILES);
        assert.equal(usePam, answer, JSON.stringify(layout, undefined, 1));
      }
      assert.ok(accepted > layouts.length / 10, `sshd accepts ${accepted} of ${layouts.length}`);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});

/** The UsePAM that sshd itself reads from each configuration: `yes`, `no`, or nothing if it refuses it. */
async function askSshd(folder: string, count: number): Promise<string[]> {
  // sshd needs a folder in /run, which may not exist on this host.
  const script = `mount -t tmpfs tmpfs /run && mkdir -p /run/sshd && ssh-keygen -q -t ed25519 -N '' -f /run/key
    for index in $(seq 0 ${count - 1}); do
      echo "$(/usr/sbin/sshd -T -f ${folder}/$index/main -h /run/key 2>/dev/null | sed -n 's/^usepam //p')"
    done`;
  const { success, stdout, stderr } = await execute(["unshare", "--mount", "sh", "-c", script]);
  assert.ok(success, stderr);
  return stdout.split("\n").slice(0, count);
}
