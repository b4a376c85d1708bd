import assert from "node:assert/strict";
import fc from "npm:fast-check@4.10.2";
import { FIRST_LINES, LAST_LINES } from "../../src/pam/blocks.ts";
import { addHook, type Edited, includesOf, removeHook, withoutUserEnvironment } from "../../src/pam/edit.ts";
import { FIRST, HOOKED, LAST, SELINUX, STACK } from "../helpers/fake_root.ts";
import { LIKE_OURS, OUR_LINES, pamFile } from "../helpers/pam_files.ts";

const FILES = `${import.meta.dirname}/../testdata/pam`;

function textOf(edited: Edited): string {
  assert.ok("text" in edited, JSON.stringify(edited));
  return edited.text;
}

const added = (text: string) => textOf(addHook(text));
const removed = (text: string) => textOf(removeHook(text));

Deno.test("the blocks are the lines that the tests of install.sh expect", () => {
  assert.deepEqual([FIRST_LINES, LAST_LINES].map((lines) => `${lines.join("\n")}\n`), [FIRST, LAST]);
});

/** What stands before and after the first block in each distribution's file. */
const PLACES: Readonly<Record<string, readonly [before: string, after: string]>> = {
  debian: [SELINUX, ""],
  ubuntu: [SELINUX, ""],
  fedora: ["session    required     pam_selinux.so close\n", ""],
  arch: ["", "session   include   system-remote-login\n"],
  opensuse: ["", "session  required  pam_loginuid.so\n"],
};

for (const [distribution, [before, after]] of Object.entries(PLACES)) {
  Deno.test(`addHook() and removeHook() edit ${distribution}'s file`, async () => {
    const text = await Deno.readTextFile(`${FILES}/${distribution}/sshd`);
    assert.equal(added(text), `${text.replace(before + after, before + FIRST + after)}${LAST}`);
    assert.equal(removed(added(text)), text);
  });
}

const SHAPES: readonly (readonly [name: string, text: string, edited: string])[] = [
  ["a last line without a newline", "session required b.so", `${FIRST}session required b.so\n${LAST}`],
  ["a dash, tabs and capitals", "\t-Session\tx\tb.so\n", `${FIRST}\t-Session\tx\tb.so\n${LAST}`],
  ["a comment at the start", "#%PAM-1.0\nsession x b.so\n", `#%PAM-1.0\n${FIRST}session x b.so\n${LAST}`],
  [
    "an include of other phases",
    "@include common-auth\n@include /x/common-account\nsession x b.so\n",
    `@include common-auth\n@include /x/common-account\n${FIRST}session x b.so\n${LAST}`,
  ],
  [
    "an include that may have session lines",
    "@include local\nauth x a.so\n@include common-session\n",
    `${FIRST}@include local\nauth x a.so\n@include common-session\n${LAST}`,
  ],
  [
    "session lines first",
    "session substack x\nauth [success=9] a.so\n",
    `${FIRST}session substack x\nauth [success=9] a.so\n${LAST}`,
  ],
  [
    "pam_selinux close",
    `auth x a.so\n${SELINUX}session x b.so\n`,
    `auth x a.so\n${SELINUX}${FIRST}session x b.so\n${LAST}`,
  ],
  [
    "pam_selinux close as the only line",
    "session x pam_selinux.so close",
    `session x pam_selinux.so close\n${FIRST}${LAST}`,
  ],
  ["pam_selinux open", "session x pam_selinux.so open\n", `${FIRST}session x pam_selinux.so open\n${LAST}`],
  [
    "pam_selinux close that jumps",
    "session [a=1] pam_selinux.so close\nsession x b.so\n",
    `${FIRST}session [a=1] pam_selinux.so close\nsession x b.so\n${LAST}`,
  ],
  [
    "a later pam_selinux close",
    "session x b.so\nsession x pam_selinux.so close\n",
    `${FIRST}session x b.so\nsession x pam_selinux.so close\n${LAST}`,
  ],
  [
    "jumps that end inside",
    "session [a=1 b=2] a.so\nsession x b.so\n\nauth x y\nsession x c.so\n",
    `${FIRST}session [a=1 b=2] a.so\nsession x b.so\n\nauth x y\nsession x c.so\n${LAST}`,
  ],
  [
    "a jump across an include, which is not followed",
    "session [a=9] a.so\nsession include x\nsession x b.so\n",
    `${FIRST}session [a=9] a.so\nsession include x\nsession x b.so\n${LAST}`,
  ],
  ["bytes that are not UTF-8", "# \xe9\xff\x80\nsession x b.so\n", `# \xe9\xff\x80\n${FIRST}session x b.so\n${LAST}`],
  ["a comment that ends in a backslash", "# x \\\nsession x b.so\n", `# x \\\n${FIRST}session x b.so\n${LAST}`],
  ["empty lines at the end", "session x b.so\n\n\n", `${FIRST}session x b.so\n\n\n${LAST}`],
];

for (const [name, text, edited] of SHAPES) {
  Deno.test(`addHook() handles ${name}, and removeHook() restores the file`, () => {
    assert.equal(added(text), edited);
    assert.equal(removed(edited), text.replace(/\n?$/, "\n"));
  });
}

const HOOK = "session optional pam_exec.so quiet /usr/sbin/ssh-session-notifier queue";
const REFUSED: readonly (readonly [name: string, text: string, refusal: string])[] = [
  ["no lines", "", "it has no session line"],
  ["no session line", "auth x a.so\n@include common-auth\n@include local\n# session x y\n", "it has no session line"],
  ["no session line of others", `auth x a.so\n${HOOK}\n`, "it has no session line"],
  ["Windows line endings", "auth x a.so\r\nsession x b.so\r\n", "it has Windows line endings"],
  ["continuation lines", "session x \\\n b.so\n", "it has continuation lines"],
  ["continuation lines with spaces", "session x b.so\nauth x \\ \t\n a.so\n", "it has continuation lines"],
  // PAM ends this line at the comment; the refusal is only cautious.
  ["a backslash after a comment", "session x b.so # c \\\nauth x a.so\n", "it has continuation lines"],
  [
    "a jump of two past one line",
    `session [a=2] b.so\n# c\nsession x c.so\nauth x a.so\n${HOOK}\n`,
    "the jump in line 1 crosses the lines of the hook",
  ],
  [
    "a jump of three past two lines",
    "session [a=3] b.so\nsession [a=2] c.so\nsession x d.so\n",
    "the jump in line 1 crosses the lines of the hook",
  ],
  [
    "a jump after others that end inside",
    "session [a=1] b.so\nsession x c.so\nsession x d.so\nsession [a=2] e.so\nsession x f.so\n",
    "the jump in line 4 crosses the lines of the hook",
  ],
  ["a jump past the end", "session x b.so\nsession [a=1] c.so\n", "the jump in line 2 crosses the lines of the hook"],
  [
    "a jump over a hook",
    `session [a=1] b.so\n${HOOK}\nsession x c.so\n`,
    "the jump in line 1 crosses the lines of the hook",
  ],
  [
    "a jump over the last lines",
    `${FIRST}session [success=1] b.so\n${LAST}session x c.so\n`,
    "the jump in line 9 crosses the lines of the hook",
  ],
];

for (const [name, text, refusal] of REFUSED) {
  Deno.test(`addHook() and removeHook() refuse ${name}`, () => {
    assert.deepEqual(addHook(text), { refusal });
    const isOurs = text.includes("ssh-session-notifier");
    assert.deepEqual(removeHook(text), isOurs ? { refusal } : { text });
  });
}

Deno.test("addHook() replaces and removeHook() removes each line of every release, and those written by hand", () => {
  for (const line of OUR_LINES) {
    const text = `auth required pam_unix.so\n${line}\nsession required pam_unix.so\n`;
    assert.equal(removed(text), STACK, line);
    assert.equal(added(text), HOOKED, line);
  }
  const all = STACK.replace("session", `${OUR_LINES.join("\n")}\nsession`);
  assert.deepEqual([added(all), removed(all)], [HOOKED, STACK]);
});

Deno.test("removeHook() does not need the comments around the lines", () => {
  const lines = HOOKED.split("\n");
  for (const comment of lines.filter((line) => line.startsWith("#"))) {
    assert.equal(removed(HOOKED.replace(`${comment}\n`, "")), STACK);
  }
  // A missing end comment costs no line of others.
  const torn = `${FIRST_LINES[0]}\nsession required pam_unix.so\n`;
  assert.equal(removed(torn), "session required pam_unix.so\n");
});

Deno.test("addHook() and removeHook() keep lines that only look like those of this program", () => {
  const text = `${STACK}${LIKE_OURS.join("\n")}\n`;
  assert.equal(removed(text), text);
  assert.equal(added(text), HOOKED.replace(LAST, `${LIKE_OURS.join("\n")}\n${LAST}`));
});

Deno.test("addHook() and removeHook() change no line of others, and undo each other", () => {
  let edits = 0;
  fc.assert(
    fc.property(pamFile, (text) => {
      const once = addHook(text);
      if ("refusal" in once) return;
      edits++;
      assert.equal(added(once.text), once.text);
      const bare = removed(text);
      const whole = bare.replace(/(?<=[^\n])$/, "\n");
      assert.deepEqual([removed(once.text), removed(bare), added(bare)], [whole, bare, once.text]);
      // The lines of others are those of the file, in order.
      const lines = text.split("\n");
      for (const line of whole.split("\n").slice(0, -1)) {
        const at = lines.indexOf(line);
        assert.notEqual(at, -1, line);
        for (const gone of lines.splice(0, at + 1).slice(0, -1)) assert.match(gone, /ssh-session-notifier/);
      }
    }),
    { numRuns: 1000 },
  );
  assert.ok(edits > 200, String(edits));
});

Deno.test("addHook() and removeHook() accept any text", () => {
  const text = fc.string({ unit: fc.constantFrom(..."session include#[]=\\ \t\n1\r\xe9@-") });
  fc.assert(fc.property(text, (text) => {
    for (const edited of [addHook(text), removeHook(text)]) assert.ok("text" in edited || edited.refusal !== "");
    assert.equal(withoutUserEnvironment(text), text);
    includesOf(text);
  }));
});

Deno.test("withoutUserEnvironment() turns user_readenv off in pam_env lines of any phase, and changes nothing else", () => {
  const table: [text: string, edited: string][] = [
    ["session x pam_env.so user_readenv=1", "session x pam_env.so user_readenv=0"],
    ["auth x /lib/pam_env.so a user_readenv=0120 b", "auth x /lib/pam_env.so a user_readenv=0 b"],
    ["- x pam_env.so [user_readenv=1] user_readenv=01\n", "- x pam_env.so [user_readenv=0] user_readenv=0\n"],
    ["a x pam_env.so \\\nuser_readenv=1 # user_readenv=1\n", "a x pam_env.so \\\nuser_readenv=0 # user_readenv=1\n"],
    ["a x pam_env.so user_readenv=1 # user_readenv=1\r\n", "a x pam_env.so user_readenv=0 # user_readenv=1\r\n"],
  ];
  for (const [text, edited] of table) {
    assert.equal(withoutUserEnvironment(text), edited);
    assert.equal(withoutUserEnvironment(edited), edited);
  }
  for (
    const same of [
      "",
      "# session required pam_env.so user_readenv=1\n",
      "session required pam_env.so user_readenv=0",
      "session required pam_env.so readenv=1 # user_readenv=1\n",
      "session required pam_other.so user_readenv=1\n",
      "session required pam_env.so envfile=/user_readenv=1\n\n",
    ]
  ) assert.equal(withoutUserEnvironment(same), same);
});

Deno.test("includesOf() lists the included files of all phases", () => {
  const text = "@include a\nsession include /b/c # d\n-AUTH SubStack e\n@include\nsession include\n# @include f\n" +
    "session x include\naccount \\\n include g\n";
  assert.deepEqual(includesOf(text), ["a", "/b/c", "e", "g"]);
});
