import assert from "node:assert/strict";
import fc from "npm:fast-check@4.10.2";
import { createLog, formatEntry, type LogFormat, type LogSurroundings, oneLine, type Severity } from "../src/log.ts";
import { HOSTILE_TEXTS } from "./helpers/fixtures.ts";

/** Any sequence of UTF-16 code units, including lone surrogates. */
const anyText = fc.oneof(
  fc.string({ unit: fc.nat(0xffff).map((unit) => String.fromCharCode(unit)) }),
  fc.string({ unit: fc.constantFrom("\n", "\r", "\x1b", "\u2028", "\u2029", "\u0085", "\u202e", "\ud800", "a") }),
  fc.constantFrom(...HOSTILE_TEXTS),
);

/** Code points that end a line, control a terminal, change the direction of text or are invisible. */
const DANGEROUS: readonly (readonly [name: string, first: number, last: number])[] = [
  ["C0 controls", 0x00, 0x1f],
  ["delete and C1 controls", 0x7f, 0x9f],
  ["soft hyphen", 0xad, 0xad],
  ["Arabic letter mark", 0x61c, 0x61c],
  ["zero width, direction marks", 0x200b, 0x200f],
  ["line and paragraph separator", 0x2028, 0x2029],
  ["embeddings and overrides", 0x202a, 0x202e],
  ["isolates", 0x2066, 0x2069],
  ["halves of surrogate pairs", 0xd800, 0xdfff],
  ["byte order mark", 0xfeff, 0xfeff],
  ["interlinear annotations", 0xfff9, 0xfffb],
  ["tags", 0xe0020, 0xe007f],
  ["combining grapheme joiner", 0x34f, 0x34f],
  ["Hangul fillers", 0x115f, 0x1160],
  ["Hangul filler", 0x3164, 0x3164],
  ["halfwidth Hangul filler", 0xffa0, 0xffa0],
  ["variation selectors", 0xfe00, 0xfe0f],
];

for (const [name, first, last] of DANGEROUS) {
  Deno.test(`oneLine() escapes dangerous or invisible characters: ${name}`, () => {
    for (let codePoint = first; codePoint <= last; codePoint++) {
      assert.equal(oneLine(`a${String.fromCodePoint(codePoint)}b`), `a\\u{${codePoint.toString(16)}}b`);
    }
  });
}

Deno.test("oneLine() does not change visible text", () => {
  const seen = "Cannot read \"/etc/x\": naïve Ωμέγα 日本語 😀 'x' \\ <3> 100 %";
  assert.equal(oneLine(seen), seen);
});

Deno.test("formatEntry() adds a priority for the journal, a colour for a terminal, and plain words otherwise", () => {
  const table: [Severity, LogFormat, string][] = [
    ["error", "journal", "<3>a\\u{a}b"],
    ["warning", "journal", "<4>a\\u{a}b"],
    ["hint", "journal", "<3>hint: a\\u{a}b"],
    ["info", "journal", "<6>a\\u{a}b"],
    ["error", "terminal", "\x1b[31merror: a\\u{a}b\x1b[0m"],
    ["warning", "terminal", "\x1b[33mwarning: a\\u{a}b\x1b[0m"],
    ["hint", "terminal", "hint: a\\u{a}b"],
    ["info", "terminal", "a\\u{a}b"],
    ["error", "plain", "error: a\\u{a}b"],
    ["warning", "plain", "warning: a\\u{a}b"],
    ["hint", "plain", "hint: a\\u{a}b"],
    ["info", "plain", "a\\u{a}b"],
  ];
  for (const [severity, format, expected] of table) {
    assert.equal(formatEntry(severity, "a\nb", format), expected, `${severity}, ${format}`);
  }
});

/** A stderr that records each write. */
function fakeSurroundings(
  { env = {}, terminal = false }: { env?: Record<string, string>; terminal?: boolean } = {},
): { surroundings: LogSurroundings; written: string[] } {
  const written: string[] = [];
  const surroundings: LogSurroundings = {
    env: { get: (name) => env[name] },
    stderr: {
      isTerminal: () => terminal,
      writeSync: (bytes) => {
        written.push(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
        return bytes.length;
      },
    },
  };
  return { surroundings, written };
}

Deno.test("createLog() writes any entry as one line", () => {
  const environments = fc.constantFrom<Record<string, string>>({}, { JOURNAL_STREAM: "8:1" }, { NO_COLOR: "1" });
  const severities = fc.constantFrom<Severity>("error", "warning", "info");
  fc.assert(fc.property(anyText, severities, environments, fc.boolean(), (message, severity, env, terminal) => {
    const { surroundings, written } = fakeSurroundings({ env, terminal });
    createLog({ verbose: true }, surroundings)(severity, message);
    const output = written.join("");
    assert.match(output, /^[^\n\r\v\f\x85\u2028\u2029]*\n$/);
    // The only escape sequences are our own colours, at both ends.
    // deno-lint-ignore no-control-regex -- the test is that these are absent
    assert.doesNotMatch(output.replace(/^\x1b\[3[13]m(.*)\x1b\[0m\n$/, "$1"), /\x1b/);
  }));
});

Deno.test("createLog() chooses the format from its surroundings", () => {
  const table: [string, Parameters<typeof fakeSurroundings>[0], string][] = [
    ["systemd", { env: { JOURNAL_STREAM: "8:1" } }, "<3>x\n"],
    ["systemd with a terminal", { env: { JOURNAL_STREAM: "8:1" }, terminal: true }, "<3>x\n"],
    ["a terminal", { terminal: true }, "\x1b[31merror: x\x1b[0m\n"],
    ["a terminal, NO_COLOR", { terminal: true, env: { NO_COLOR: "1" } }, "error: x\n"],
    [
      "a terminal with an empty NO_COLOR, which does not count (no-color.org)",
      { terminal: true, env: { NO_COLOR: "" } },
      "\x1b[31merror: x\x1b[0m\n",
    ],
    ["a file", {}, "error: x\n"],
  ];
  for (const [where, options, expected] of table) {
    const { surroundings, written } = fakeSurroundings(options);
    createLog({}, surroundings)("error", "x");
    assert.deepEqual(written, [expected], where);
  }
});

Deno.test("createLog() writes info only if verbose", () => {
  for (const [options, expected] of [[{}, 2], [{ verbose: false }, 2], [{ verbose: true }, 3]] as const) {
    const { surroundings, written } = fakeSurroundings();
    const log = createLog(options, surroundings);
    log("info", "x");
    log("warning", "x");
    log("error", "x");
    assert.equal(written.length, expected, JSON.stringify(options));
  }
});

Deno.test("createLog() survives a stderr that cannot be written", () => {
  const { surroundings } = fakeSurroundings();
  const closed = {
    isTerminal: () => false,
    writeSync: () => {
      throw new Deno.errors.BrokenPipe("closed");
    },
  };
  createLog({}, { ...surroundings, stderr: closed })("error", "x");
});

Deno.test("createLog() survives an environment that is not valid UTF-8, which a user can set for the hook", () => {
  for (const hostile of ["JOURNAL_STREAM", "NO_COLOR"]) {
    const { surroundings, written } = fakeSurroundings({ terminal: true });
    const get = (name: string) => {
      if (name === hostile) throw new Deno.errors.InvalidData("environment variable was not valid unicode");
      return undefined;
    };
    createLog({}, { ...surroundings, env: { get } })("error", "x");
    assert.equal(written.length, 1, hostile);
  }
});
