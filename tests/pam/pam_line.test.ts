import assert from "node:assert/strict";
import fc from "npm:fast-check@4.10.2";
import {
  closesContext,
  isHook,
  isInclude,
  jumpOf,
  type PamLine,
  parsePam,
  readsUserEnvironment,
} from "../../src/pam/pam_line.ts";
import { pamFile } from "../helpers/pam_files.ts";

function lineOf(text: string): PamLine {
  const [line, ...more] = parsePam(text);
  assert.ok(line !== undefined && more.length === 0, text);
  return line;
}

Deno.test("parsePam() reads a line as PAM does", () => {
  const table: [text: string, phase: string, control: string, path: string, args: string[]][] = [
    ["session required a.so", "session", "required", "a.so", []],
    [" \t-Session\tOptional  /lib/a.so\tb  c=d # e", "session", "optional", "/lib/a.so", ["b", "c=d"]],
    ["auth [Success=1 default = ignore ] a.so", "auth", "success=1 default = ignore", "a.so", []],
    ["auth required a.so [b c] d[e f] [g \\] h]i", "auth", "required", "a.so", ["b c", "d[e", "f]", "g \\] h", "i"]],
    ["auth required a.so [b c", "auth", "required", "a.so", ["b c"]],
    ["@include common", "@include", "include", "common", []],
    ["@Include /x/common ignored", "@include", "include", "/x/common", []],
    ["-@include common", "-@include", "common", "", []],
    ["auth required a.so#b", "auth", "required", "a.so", []],
    ["# session required a.so", "", "", "", []],
    ["", "", "", "", []],
    // Only spaces and tabs separate words.
    ["session\xa0required a.so", "session\xa0required", "a.so", "", []],
    ["session", "session", "", "", []],
  ];
  for (const [text, ...expected] of table) {
    const { phase, control, path, args } = lineOf(text);
    assert.deepEqual([phase, control, path, args], expected, text);
  }
  assert.deepEqual([lineOf("auth required /lib/a.so").name, lineOf("auth required $ISA/a.so").name], ["a.so", "a.so"]);
});

Deno.test("parsePam() joins continuation lines, but not after a comment", () => {
  const text = "auth required \\\n a.so \\ \n b\nsession x y # c \\\nsession z \\";
  const lines = parsePam(text).map(({ number, raw, path, args }) => [number, raw, path, ...args]);
  assert.deepEqual(lines, [
    [1, "auth required \\\n a.so \\ \n b", "a.so", "b"],
    [4, "session x y # c \\", "y"],
    [5, "session z \\", ""],
  ]);
});

Deno.test("parsePam() loses no character", () => {
  fc.assert(fc.property(fc.oneof(pamFile, fc.string()), (text) => {
    assert.equal(parsePam(text).map(({ raw }) => raw).join("\n"), text);
  }));
});

Deno.test("jumpOf() finds the most modules that a control can skip", () => {
  const table: [control: string, expected: number][] = [
    ["required", 0],
    ["[success=1 default=ignore]", 1],
    ["[success=2 default=12 ignore=3]", 12],
    ["[success = \t 3]", 3],
    ["success=4", 4],
    ["[success=ok default=0]", 0],
    ["[a=1x]", 1],
    [`[${"a=1 ".repeat(300_000)}b=2]`, 2],
  ];
  for (const [control, expected] of table) {
    assert.equal(jumpOf(lineOf(`session ${control} a.so`)), expected, control.slice(0, 40));
  }
});

Deno.test("predicates recognize modules by their name and whole arguments", () => {
  const yes: [predicate: (line: PamLine) => boolean, texts: string[]][] = [
    [isInclude, ["session include x", "auth SubStack x", "@include x"]],
    [isHook, [
      "session optional pam_exec.so /x/ssh-session-notifier",
      "- - /l/pam_exec.so a [/ssh-session-notifier] b",
    ]],
    [closesContext, ["session x pam_selinux.so close", "session x /l/pam_selinux.so nottys close"]],
    [readsUserEnvironment, ["auth x pam_env.so user_readenv=1", "auth x pam_env.so a user_readenv=007"]],
  ];
  const no = [
    "session optional pam_exec.so.1 /x/ssh-session-notifier",
    "session optional pam_exec.so log=/x/ssh-session-notifier",
    "session optional pam_exec.so ssh-session-notifier",
    "session required pam_selinux.so open # close",
    "session required pam_selinux.so closed",
    "session required pam_env.so user_readenv=0",
    "session required pam_env.so user_readenv=x1",
    "session required pam_other.so user_readenv=1 close",
  ];
  for (const [predicate, texts] of yes) {
    for (const text of texts) assert.ok(predicate(lineOf(text)), text);
    for (const text of no) assert.ok(!predicate(lineOf(text)), `${predicate.name}: ${text}`);
  }
});

Deno.test("parsePam() takes no longer than the file is long", () => {
  // Each would take minutes if the time grew with the square of the length.
  for (const part of ["[ ", "\\\n", "\\ ", "[\\", "[", "a=1 ", "\n", "#"]) {
    const text = `session [${part.repeat(500_000 / part.length)}`;
    assert.equal(parsePam(text).map(({ raw }) => raw).join("\n").length, text.length);
  }
});
