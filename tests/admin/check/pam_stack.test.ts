import assert from "node:assert/strict";
import fc from "npm:fast-check@4.10.2";
import { jumpsOver, type PamModule, readPamStack } from "../../../src/admin/check/pam_stack.ts";

/** Reads a stack from files in memory. */
function stackOf(files: Readonly<Record<string, string>>) {
  return readPamStack("sshd", (name) => {
    const text = Object.hasOwn(files, name) ? files[name] : undefined;
    return text === undefined ? undefined : { path: `/etc/pam.d/${name}`, text };
  });
}

function shown({ phase, control, name, args, place }: PamModule): string {
  return [place.replace("/etc/pam.d/", ""), phase, control, name, ...args].join(" ");
}

Deno.test("readPamStack() reads lines as PAM does: comments, brackets, continuations, a dash, any case", () => {
  const { modules, missing } = stackOf({
    sshd: [
      "#%PAM-1.0",
      "# session required pam_no.so",
      "session  required\tpam_one.so  a=b   c # session required pam_no.so",
      "-Session optional /usr/lib/security/pam_two.so",
      "session [success=1 default=ignore] pam_three.so [one argument] two",
      "session optional \\",
      "  pam_four.so \\",
      "  last",
      "auth required pam_five.so",
      "nonsense",
      "sessions required pam_six.so",
      "session required",
      "password required pam_seven.so",
      "",
    ].join("\n"),
  });
  assert.deepEqual(missing, []);
  assert.deepEqual(modules.map(shown), [
    "sshd:3 session required pam_one.so a=b c",
    "sshd:4 session optional pam_two.so",
    "sshd:5 session success=1 default=ignore pam_three.so one argument two",
    "sshd:6 session optional pam_four.so last",
    "sshd:9 auth required pam_five.so",
    "sshd:13 password required pam_seven.so",
  ]);
});

Deno.test("readPamStack() follows @include for all phases, include and substack for their own phase", () => {
  const { modules, missing } = stackOf({
    sshd: "@include common\nsession include other\nauth substack other\nsession include gone",
    common: "session required pam_common.so\naccount required pam_account.so",
    other: "session required pam_other.so\nauth required pam_auth.so\nauth include deeper",
    deeper: "auth required pam_deeper.so",
  });
  assert.deepEqual(missing, ["gone"]);
  assert.deepEqual(modules.map((module) => [shown(module), module.inSubstack]), [
    ["common:1 session required pam_common.so", false],
    ["common:2 account required pam_account.so", false],
    ["other:1 session required pam_other.so", false],
    ["other:2 auth required pam_auth.so", true],
    ["deeper:1 auth required pam_deeper.so", true],
  ]);
});

Deno.test("readPamStack() ends if files include each other", () => {
  const { modules, missing } = stackOf({ sshd: "session include sshd\nsession required pam_one.so" });
  assert.deepEqual(missing, ["sshd"]);
  assert.ok(modules.length > 0);
});

Deno.test("readPamStack() accepts any text", () => {
  fc.assert(fc.property(fc.array(fc.string()), (lines) => {
    const { modules } = stackOf({ sshd: [...lines, "session required pam_last.so"].join("\n\n") });
    // The empty line keeps a backslash at the end of the text before from continuing into this line.
    assert.equal(modules.at(-1)?.name, "pam_last.so");
  }));
});

Deno.test("jumpsOver() tells how many modules a control can skip", () => {
  const table: [control: string, inSubstack: boolean, expected: number][] = [
    ["required", false, 0],
    ["requisite", false, 0],
    ["optional", false, 0],
    ["sufficient", false, Infinity],
    ["sufficient", true, 0],
    ["success=done default=ignore", false, Infinity],
    ["success=done default=ignore", true, 0],
    ["success=2 default=1", false, 2],
    ["success=ok new_authtok_reqd=ok ignore=ignore default=bad", false, 0],
    ["default=die", false, 0],
  ];
  for (const [control, inSubstack, expected] of table) {
    const module = { phase: "session", control, name: "pam_x.so", args: [], place: "sshd:1", inSubstack };
    assert.equal(jumpsOver(module), expected, control);
  }
});
