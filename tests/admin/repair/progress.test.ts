import assert from "node:assert/strict";
import { Progress } from "../../../src/admin/repair/progress.ts";

function watch({ isTerminal = true, isShown = true } = {}) {
  let nowMs = 0;
  let text = "";
  const output = {
    isTerminal: () => isTerminal,
    writeSync: (bytes: Uint8Array) => {
      text += new TextDecoder().decode(bytes);
      return bytes.length;
    },
  };
  const progress = new Progress({ isShown, output, nowMs: () => nowMs });
  return { progress, at: (ms: number) => void (nowMs = ms), text: () => text };
}

Deno.test("Progress shows long work on a terminal, and takes it away at the end", () => {
  const { progress, at, text } = watch();
  progress.report(() => "1 %");
  assert.equal(text(), "");
  at(800);
  progress.report(() => "2 %");
  progress.report(() => "3 %");
  assert.equal(text(), "\r\x1b[K2 %");
  progress[Symbol.dispose]();
  assert.equal(text(), "\r\x1b[K2 %\r\x1b[K");
});

Deno.test("Progress shows nothing of short work, off a terminal, or where it would be in the way", () => {
  for (const [options, ms] of [[{}, 100], [{ isTerminal: false }, 9_000], [{ isShown: false }, 9_000]] as const) {
    const { progress, at, text } = watch(options);
    at(ms);
    progress.report(() => "1 %");
    progress[Symbol.dispose]();
    assert.equal(text(), "");
  }
});
