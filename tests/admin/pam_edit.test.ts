// `pam-edit` as a process: bytes in, bytes out, no permissions.

import assert from "node:assert/strict";
import config from "../../deno.json" with { type: "json" };
import { MAX_PAM_BYTES } from "../../src/admin/pam_edit.ts";
import { ROOT } from "../../.ci/checkout.ts";
import { HOOKED, STACK } from "../helpers/fake_root.ts";

const LATIN = "# \xe9\xff\x80\n";
const bytes = (text: string) => Uint8Array.from(text, (character) => character.charCodeAt(0));

interface Ran {
  readonly code: number;
  readonly stdout: Uint8Array;
  readonly stderr: string;
}

/** Runs the command with a file, or a folder, as its standard input. */
async function edit(action: string, input: Uint8Array | "folder", output = ""): Promise<Ran> {
  const directory = await Deno.makeTempDir();
  try {
    const path = input === "folder" ? directory : `${directory}/pam`;
    if (input !== "folder") await Deno.writeFile(path, input);
    // The binary drops its permissions to those of "help", as for every command without a set of its own.
    const flags = "--quiet --no-prompt --permission-set=help";
    const { code, stdout, stderr } = await new Deno.Command("sh", {
      args: [
        "-c",
        `exec "$1" run ${flags} src/main.ts pam-edit "$2" <"$3" ${output}`,
        "sh",
        Deno.execPath(),
        action,
        path,
      ],
      cwd: ROOT,
      env: { NO_COLOR: "1" },
    }).output();
    return { code, stdout, stderr: new TextDecoder().decode(stderr) };
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

async function edited(action: string, text: string): Promise<string> {
  const { code, stdout, stderr } = await edit(action, bytes(text));
  assert.deepEqual([code, stderr], [0, ""]);
  return Array.from(stdout, (byte) => String.fromCharCode(byte)).join("");
}

Deno.test("pam-edit passes all bytes through", async () => {
  assert.equal(await edited("add", LATIN + STACK), LATIN + HOOKED);
  assert.equal(await edited("remove", LATIN + HOOKED), LATIN + STACK);
  const open = `${LATIN}session required pam_env.so user_readenv=1 #\xe9`;
  assert.equal(await edited("no-user-readenv", open), open.replace("=1", "=0"));
  assert.equal(await edited("includes", `${LATIN}@include \xe9\nauth include b\n`), "\xe9\nb\n");
});

Deno.test("pam-edit remove returns a file without lines of ours as it is", async () => {
  for (const text of ["", "session x \\\n y", "auth x y\r\n"]) assert.equal(await edited("remove", text), text);
});

Deno.test("pam-edit edits a file if the result has at most 1 MiB, so that it can remove the lines again", async () => {
  const padded = (size: number) => `${"#".repeat(size - HOOKED.length - 1)}\n${STACK}`;
  const largest = padded(MAX_PAM_BYTES);
  const output = await edited("add", largest);
  assert.ok(output.length === MAX_PAM_BYTES && output.endsWith(HOOKED));
  assert.equal(await edited("remove", output), largest);
  const { code, stdout, stderr } = await edit("add", bytes(padded(MAX_PAM_BYTES + 1)));
  assert.deepEqual([code, stdout.length], [78, 0]);
  assert.match(stderr, /^error: Cannot edit the PAM file: it would be larger than 1 MiB \[pam\.not-understood\]\n/);
});

Deno.test("pam-edit refuses a file that it does not understand with 78, a reason and a hint, and prints nothing", async () => {
  const byHand = 'add the lines by hand: see "PAM lines by hand" in ssh-session-notifier(8)';
  const remove = "remove the lines with ssh-session-notifier by hand";
  const table: [action: string, input: Uint8Array | "folder", reason: string, hint: string][] = [
    ["add", bytes("session x \\\n y\n"), "it has continuation lines", byHand],
    ["add", bytes(""), "it has no session line", byHand],
    ["remove", bytes(HOOKED.replaceAll("\n", "\r\n").replace("end\r", "end")), "it has Windows line endings", remove],
    ["remove", bytes(`${HOOKED}\0`), "it has NUL bytes", remove],
    ["add", new Uint8Array(MAX_PAM_BYTES + 1).fill(10), "it is larger than 1 MiB", byHand],
    ["no-user-readenv", bytes("\0"), "it has NUL bytes", "set user_readenv=0 by hand"],
    ["includes", bytes("\0"), "it has NUL bytes", "check that this is a PAM file"],
    ["add", "folder", "it cannot be read: Is a directory (os error 21)", byHand],
  ];
  for (const [action, input, reason, hint] of table) {
    const { code, stdout, stderr } = await edit(action, input);
    const expected = `error: Cannot edit the PAM file: ${reason} [pam.not-understood]\nhint: ${hint}\n`;
    assert.deepEqual([code, stdout.length, stderr], [78, 0, expected]);
  }
});

Deno.test("pam-edit fails if it cannot write all of the result", async () => {
  const { code, stderr } = await edit("add", bytes(STACK), ">/dev/full");
  assert.equal(code, 75);
  assert.match(stderr, /^error: Cannot write to standard output: .*\[output\.not-writable\]\n/);
});

Deno.test("pam-edit takes one of four actions", async () => {
  const { code, stdout, stderr } = await edit("install", bytes(STACK));
  assert.deepEqual([code, stdout.length], [64, 0]);
  assert.match(stderr, /'install' is invalid for argument 'action'.*add, remove, no-user-readenv, includes/);
});

Deno.test("pam-edit has no permissions of its own, so it has those of help", () => {
  assert.ok(!Object.hasOwn(config.permissions, "pam-edit"));
  assert.deepEqual(config.permissions.help, { env: true });
});
