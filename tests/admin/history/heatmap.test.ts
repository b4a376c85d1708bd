import assert from "node:assert/strict";
import { heatmapLines } from "../../../src/admin/history/heatmap.ts";
import { type Display, displayOf } from "../../../src/admin/history/terminal.ts";
import { textWidth } from "../../../src/admin/history/text_width.ts";
import { HOSTILE_TEXTS } from "../../helpers/fixtures.ts";

const PLAIN: Display = { columns: undefined, hasColours: false, hasBlocks: false };
const HOURS: readonly number[] = [...Array(168).keys()].map((hour) =>
  hour === 3 ? 1_000 : hour % 24 === 9 ? 10 : hour === 20 ? 1 : 0
);

function draw(display: Display, groups = [{ name: "alice", logins: 1_071, unexpected: 2 }]): string[] {
  return heatmapLines({ hours: HOURS, groups, timezone: "Etc/UTC" }, display);
}

Deno.test("heatmapLines() is plain ASCII if required, with each hour in its column", () => {
  const lines = draw(PLAIN);
  assert.ok(lines.every((line) => /^[ -~]*$/.test(line)));
  assert.equal(lines[0], "1071 logins, by weekday and hour (Etc/UTC)");
  assert.equal(lines[2], `    ${[...Array(24).keys()].map((hour) => String(hour).padStart(2, "0")).join(" ")}`);
  const cells = lines.slice(3, 10).map((line) => [line.slice(0, 3), line.slice(4).split(" ")] as const);
  assert.deepEqual(cells.map(([day]) => day), ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]);
  assert.deepEqual(cells[0]?.[1].flatMap((cell, hour) => cell === ".." ? [] : [[hour, cell]]), [[3, "@@"], [9, "++"], [
    20,
    "--",
  ]]);
  assert.deepEqual(cells[6]?.[1].flatMap((cell, hour) => cell === ".." ? [] : [[hour, cell]]), [[9, "++"]]);
  assert.ok(lines.includes(". 0   - 1   + 10   @ 1000"));
  assert.match(lines.at(-1) ?? "", /^alice {2}#+ 1071, 2 unexpected$/);
});

Deno.test("heatmapLines() fits the display, whatever the names of users", () => {
  const users = HOSTILE_TEXTS.map((name, index) => ({ name, logins: 1_000 - index, unexpected: index }));
  for (const columns of [40, 60, 80, 140, 300]) {
    for (const hasBlocks of [false, true]) {
      for (const line of draw({ columns, hasColours: false, hasBlocks }, users)) {
        assert.ok(textWidth(line) <= columns, `${columns}: ${line}`);
        assert.doesNotMatch(line, /[\p{Cc}\p{Cf}]/u);
      }
    }
  }
  const many = [...Array(30).keys()].map((index) => ({ name: `user${index}`, logins: 1, unexpected: 0 }));
  assert.equal(draw(PLAIN, many).at(-1), "and 10 more with 10 logins");
});

Deno.test("displayOf() has colours and blocks only on a terminal, and neither with NO_COLOR", () => {
  const display = (isTerminal: boolean, env: Record<string, string>) =>
    displayOf({
      env: { get: (name) => env[name] },
      stdout: { isTerminal: () => isTerminal },
      consoleSize: () => ({ columns: 100 }),
    });
  const utf8 = { LANG: "C.UTF-8" };
  assert.deepEqual(display(true, utf8), { columns: 100, hasColours: true, hasBlocks: true });
  assert.deepEqual(display(true, {}), { columns: 100, hasColours: true, hasBlocks: false });
  assert.deepEqual(display(true, { ...utf8, LC_ALL: "C" }), { columns: 100, hasColours: true, hasBlocks: false });
  for (const env of [{ ...utf8, NO_COLOR: "1" }, { ...utf8, TERM: "dumb" }]) {
    assert.deepEqual(display(true, env), { columns: 100, hasColours: false, hasBlocks: false });
  }
  assert.deepEqual(display(false, utf8), PLAIN);
  assert.deepEqual(display(false, { COLUMNS: "70" }), { ...PLAIN, columns: 70 });
  assert.deepEqual(display(false, { COLUMNS: "-1" }), PLAIN);
});
