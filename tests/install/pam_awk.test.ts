// Compares `pam-edit` with the awk programs in install.sh: the same bytes and the same refusals. To be deleted together
// with them. PAM_FILES=10000 sets the number of generated files.

import assert from "node:assert/strict";
import fc from "npm:fast-check@4.10.2";
import { ROOT } from "../../.ci/checkout.ts";
import { addHook, includesOf, removeHook, withoutUserEnvironment } from "../../src/pam/edit.ts";
import { FIRST_LINES, LAST_LINES } from "../../src/pam/blocks.ts";
import { LIKE_OURS, OUR_LINES, pamFile } from "../helpers/pam_files.ts";

/** What becomes of a file; undefined if it is refused. */
interface Result {
  readonly refusal: string;
  readonly added: string | undefined;
  readonly removed: string | undefined;
  readonly fixed: string;
  readonly includes: string;
}

const installer = await Deno.readTextFile(`${ROOT}/install.sh`);

function part(pattern: RegExp): string {
  const [, found] = pattern.exec(installer) ?? [];
  assert.ok(found !== undefined, String(pattern));
  return found;
}

/** Runs the functions of install.sh for each file in the working directory. */
const SCRIPT = `
set -eu
export LC_ALL=C
${part(/^(NAME=[^]*?)^usage\(\)/m)}
ROOT=''
${part(/^(say\(\) .*)$/m)}
${part(/^# --- PAM -+$([^]*?)^# --- main -+$/m)}
work=$PWD/work
mkdir "$work"
for file in in.*; do
  path=$PWD/$file
  not_understood "$path" >"refusal.$file"
  if ! [ -s "refusal.$file" ]; then
    with_hook "$path" >"added.$file"
    without_hook "$path" >"removed.$file"
  fi
  file=$path
  ${part(/^ +(sed -E -e :again .*) >"\$work\/edited"$/m)} >"$PWD/fixed.\${path##*/}"
  ${part(/included=\$\((awk [^]*?"\$ROOT\$path") \|/)} >"$PWD/includes.\${path##*/}"
done
`;

const decode = (bytes: Uint8Array) => Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
const encode = (text: string) => Uint8Array.from(text, (character) => character.charCodeAt(0));

async function resultsOfAwk(texts: readonly string[]): Promise<readonly Result[]> {
  const directory = await Deno.makeTempDir();
  try {
    for (const [index, text] of texts.entries()) await Deno.writeFile(`${directory}/in.${index}`, encode(text));
    await Deno.writeTextFile(`${directory}/script`, SCRIPT);
    const { code, stderr } = await new Deno.Command("sh", { args: ["script"], cwd: directory }).output();
    assert.deepEqual([code, new TextDecoder().decode(stderr)], [0, ""]);
    const read = async (name: string) => decode(await Deno.readFile(`${directory}/${name}`));
    return await Promise.all(texts.map(async (_text, index) => {
      const refusal = (await read(`refusal.in.${index}`)).trimEnd();
      return {
        refusal,
        added: refusal === "" ? await read(`added.in.${index}`) : undefined,
        removed: refusal === "" ? await read(`removed.in.${index}`) : undefined,
        fixed: await read(`fixed.in.${index}`),
        includes: await read(`includes.in.${index}`),
      };
    }));
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

function resultOfFilter(text: string): Result {
  const [added, removed] = [addHook(text), removeHook(text)];
  const common = {
    fixed: withoutUserEnvironment(text),
    includes: includesOf(text).map((name) => `${name}\n`).join(""),
  };
  if ("refusal" in added) {
    // A file without our lines is never refused for their removal.
    if ("refusal" in removed) assert.equal(removed.refusal, added.refusal);
    else assert.equal(removed.text, text);
    return { refusal: added.refusal, added: undefined, removed: undefined, ...common };
  }
  assert.ok("text" in removed);
  return { refusal: "", added: added.text, removed: removed.text, ...common };
}

/** Files of which awk makes something else, because it does not read lines as PAM does. */
const DIFFERENCES: readonly (readonly [name: string, text: string, awk: Partial<Result>, filter: Partial<Result>])[] = [
  [
    "awk does not see a jump without brackets",
    "session required a.so\nsession success=1 b.so\n",
    { refusal: "" },
    { refusal: "the jump in line 2 crosses the lines of the hook" },
  ],
  [
    "awk ends a control at an escaped bracket",
    "session required a.so\nsession [a=b \\] default=1] b.so\n",
    { refusal: "" },
    { refusal: "the jump in line 2 crosses the lines of the hook" },
  ],
  [
    "awk removes a line whose module is another one",
    "session required b.so\nsession optional pam_x.so /lib/pam_exec.so /usr/sbin/ssh-session-notifier\n",
    { removed: "session required b.so\n" },
    { removed: "session required b.so\nsession optional pam_x.so /lib/pam_exec.so /usr/sbin/ssh-session-notifier\n" },
  ],
  [
    "awk keeps a hook in brackets",
    "session optional pam_exec.so [/usr/sbin/ssh-session-notifier] queue\nsession required b.so\n",
    { removed: "session optional pam_exec.so [/usr/sbin/ssh-session-notifier] queue\nsession required b.so\n" },
    { removed: "session required b.so\n" },
  ],
  [
    "awk takes a comment for a session line",
    "auth required a.so\nsession # none\n",
    { refusal: "" },
    { refusal: "it has no session line" },
  ],
  [
    "awk takes another module for pam_selinux",
    "session optional my_pam_selinux.so close\nsession required b.so\n",
    { refusal: "" },
    { added: file(FIRST_LINES, "session optional my_pam_selinux.so close", "session required b.so", LAST_LINES) },
  ],
  [
    "awk does not turn off user_readenv in a continuation line",
    "session required pam_env.so \\\n user_readenv=1\n",
    { fixed: "session required pam_env.so \\\n user_readenv=1\n" },
    { fixed: "session required pam_env.so \\\n user_readenv=0\n" },
  ],
  [
    "awk ends a bracket that is not closed",
    "session required pam_env.so [a user_readenv=1\n",
    { fixed: "session required pam_env.so [a user_readenv=0\n" },
    { fixed: "session required pam_env.so [a user_readenv=1\n" },
  ],
  [
    "awk changes part of another word",
    "session required pam_env.so envfile=/x/user_readenv=1\n",
    { fixed: "session required pam_env.so envfile=/x/user_readenv=0\n" },
    { fixed: "session required pam_env.so envfile=/x/user_readenv=1\n" },
  ],
];

function file(...lines: readonly (string | readonly string[])[]): string {
  return `${lines.flat().join("\n")}\n`;
}

Deno.test("pam-edit differs from awk only where awk is wrong", async () => {
  const results = await resultsOfAwk(DIFFERENCES.map(([, text]) => text));
  for (const [index, [name, text, awk, filter]] of DIFFERENCES.entries()) {
    const found = results[index];
    assert.deepEqual({ ...found, ...awk }, found, name);
    assert.deepEqual({ ...resultOfFilter(text), ...filter }, resultOfFilter(text), name);
    assert.notDeepEqual(resultOfFilter(text), found, name);
  }
});

/** The same without what is known to differ. */
function comparable(text: string, result: Result): Partial<Result> {
  const { fixed, includes, removed, ...rest } = result;
  return {
    ...rest,
    // awk ends the last line with a newline even if the file has no lines of ours.
    removed: removed === `${text}\n` ? text : removed,
    // awk does not join continuation lines.
    .../\\[ \t]*$/m.test(text) ? {} : { fixed, includes },
  };
}

async function compare(texts: readonly string[]): Promise<readonly Result[]> {
  const results = await resultsOfAwk(texts);
  for (const [index, text] of texts.entries()) {
    const awk = results[index];
    assert.ok(awk !== undefined);
    assert.deepEqual(comparable(text, resultOfFilter(text)), comparable(text, awk), JSON.stringify(text));
  }
  return results;
}

Deno.test("pam-edit and awk give the same bytes for all PAM files of the tests", async () => {
  const texts: string[] = [];
  const directory = `${ROOT}/tests/testdata/pam`;
  for await (const { name, isDirectory } of Deno.readDir(directory)) {
    if (!isDirectory) continue;
    for await (const file of Deno.readDir(`${directory}/${name}`)) {
      texts.push(await Deno.readTextFile(`${directory}/${name}/${file.name}`));
    }
  }
  assert.ok(texts.length >= 6);
  // Text in the tests that may be a PAM file, and text that cannot.
  for (const test of ["install/pam", "install/files", "install/killed", "admin/check/pam", "admin/check/pam_stack"]) {
    const source = await Deno.readTextFile(`${ROOT}/tests/${test}.test.ts`);
    const literals = source.matchAll(/"((?:[^"\\\n]|\\.)*session(?:[^"\\\n]|\\.)*)"/g);
    texts.push(...[...literals].map(([, text]) => JSON.parse(`"${text?.replaceAll("\\xe9", "\\u00e9")}"`)));
    texts.push(
      ...[...source.matchAll(/= `([^`$]*session[^`$]*)`/g)].map(([, text = ""]) => text.replaceAll("\\n", "\n")),
    );
  }
  assert.ok(texts.length > 100);
  const latin = texts.filter((text) => /^[\0-\xff]*$/.test(text));
  // Each line that is, or looks like, a line of ours also stands in a file of its own.
  const lines = [...OUR_LINES, ...LIKE_OURS].map((line) => `auth required a.so\n${line}\nsession required b.so\n`);
  await compare([...latin, ...latin.map((text) => `${text}\nsession required b.so\n`), ...lines]);
});

Deno.test("pam-edit and awk give the same bytes for generated PAM files", async () => {
  const numRuns = Number(Deno.env.get("PAM_FILES") ?? 300);
  const results = await compare(fc.sample(pamFile, { seed: Number(Deno.env.get("PAM_SEED") ?? 17), numRuns }));
  const count = (reason: RegExp) => results.filter(({ refusal }) => reason.test(refusal)).length;
  const counts = [/^$/, /Windows/, /continuation/, /no session/, /jump/].map(count);
  assert.ok(counts.every((number) => number > 0), String(counts));
  if (Deno.env.has("PAM_FILES")) await Deno.stderr.write(new TextEncoder().encode(`${counts}\n`));
});
