import assert from "node:assert/strict";
import { ConfigError } from "../../src/config/config_error.ts";
import { parseSyntax } from "../../src/config/syntax.ts";

function faultOf(text: string): string {
  try {
    parseSyntax(text);
  } catch (error) {
    if (error instanceof ConfigError) {
      return error.faults.map(({ place, message }) => `${place}: ${message}`).join("\n");
    }
    throw error;
  }
  return "";
}

Deno.test("parseSyntax() explains common mistakes, and quotes no secret", () => {
  const table: [text: string, says: RegExp][] = [
    ["[notification]\nservice = s3cr3t\n", /^line 2, column 11: invalid value: text needs quotes: "…"$/],
    ["url = https://s3cr3t.example/x # y", /: text needs quotes/],
    ['ips = ["10.0.0.1", s3cr3t]', /: text needs quotes/],
    ["ips = [10.0.0.1]", /: illegal character in numeric literal: text needs quotes/],
    ["token = 12s3cr3t", /: text needs quotes/],
    ["service = “s3cr3t”", /: these are curly quotes; use straight ones/],
    ["service = ‘s3cr3t’", /: these are curly quotes/],
    ['service = "s3cr3t”', /: these are curly quotes/],
    ["“service” = 1", /: these are curly quotes/],
    ['reason = "Bob’s s3cr3t" x', /^line 1, column \d+: each key-value declaration must be [a-z -]+$/],
    ["service: s3cr3t", /: a key is followed by =, not by :$/],
    ["service s3cr3t", /: there is no = after the key$/],
    ["service =", /: there is no value after the =$/],
    ["service = # s3cr3t", /: there is no value after the =$/],
    ["a = True", /: true and false are written in lower case$/],
    ['a = "C:\\Users\\s3cr3t"', /: in "…" a backslash begins an escape/],
  ];
  for (const [text, says] of table) {
    assert.match(faultOf(text), says, text);
    assert.doesNotMatch(faultOf(text), /s3cr3t/);
  }
});

Deno.test("parseSyntax() accepts tabs and line ends as on Windows", () => {
  const toml = parseSyntax('\tservice\t=\t"x"\r\n[a]\r\n');
  assert.equal(JSON.stringify(toml), '{"service":"x","a":{}}');
});
