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

Deno.test("parseSyntax() explains common mistakes without quoting secrets", () => {
  const table: [text: string, says: RegExp][] = [
    ["[notification]\nservice = s3cr3t\n", /^line 2, column 11: invalid value: strings need quotes: "…"$/],
    ["url = https://s3cr3t.example/x # y", /: strings need quotes/],
    ['ips = ["10.0.0.1", s3cr3t]', /: strings need quotes/],
    ["ips = [10.0.0.1]", /: illegal character in numeric literal: strings need quotes/],
    ["token = 12s3cr3t", /: strings need quotes/],
    ["thread_id = 123456789012345678", /: the number is too large; put an ID in quotes$/],
    ["service = “s3cr3t”", /: replace the curly quotes with straight quotes/],
    ["service = ‘s3cr3t’", /: replace the curly quotes/],
    ['service = "s3cr3t”', /: replace the curly quotes/],
    ["“service” = 1", /: replace the curly quotes/],
    ['reason = "Bob’s s3cr3t" x', /^line 1, column \d+: each key-value declaration must be [a-z -]+$/],
    ["service: s3cr3t", /: use = after the key instead of :$/],
    ["service s3cr3t", /: the = after the key is missing$/],
    ["service =", /: the value after the = is missing$/],
    ["service = # s3cr3t", /: the value after the = is missing$/],
    ["a = True", /: write true and false in lower case$/],
    ['a = "C:\\Users\\s3cr3t"', /: a backslash in "…" starts an escape/],
  ];
  for (const [text, says] of table) {
    assert.match(faultOf(text), says, text);
    assert.doesNotMatch(faultOf(text), /s3cr3t/);
  }
});

Deno.test("parseSyntax() accepts tabs and CRLF line endings", () => {
  const toml = parseSyntax('\tservice\t=\t"x"\r\n[a]\r\n');
  assert.equal(JSON.stringify(toml), '{"service":"x","a":{}}');
});
