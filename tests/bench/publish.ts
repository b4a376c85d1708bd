// Writes the results of a bench into the documentation: both READMEs, and the picture in one of them.

import { ROOT } from "../../.ci/checkout.ts";
import { withParts } from "../helpers/mdoc.ts";
import { pictureOf } from "./chart.ts";
import { figureText, markdownTable, type Report, reportLines } from "./report.ts";

/** The picture in the README. Only this folder and the files at the top may be added to. */
export const PICTURE = ".github/cost.svg";

const COMMENT = ["<!-- ", " -->"] as const;
const BY = "deno task bench --write";

/** The figures in the README: their words there, the row, and the key of the figure. */
const COSTS: readonly (readonly [what: string, row: string, key: string])[] = [
  ["CPU of the hook, over an empty program", "hook-cpu", "ratio"],
  ["CPU of a `send` with nothing to do, over an empty program", "send-idle", "cpu"],
  ["`send` of 10,000 logins of 200 users", "send-burst", "usualSeconds"],
  ["1,000 logins at Discord's rate limits", "send-limited", "seconds"],
];

/** The columns of the comparison `login-delay` that the README shows. */
const DELAY_COLUMNS = [0, 2, 3, 5];

/** Draws the charts of all comparisons in a report. */
export function picture({ comparisons }: Pick<Report, "comparisons">): string {
  const charts = comparisons.flatMap(({ measured }) => "result" in measured ? measured.result.chart ?? [] : []);
  return pictureOf("What ssh-session-notifier costs", charts);
}

/** The table of the most important figures, and that of the delays, in Markdown. */
export function costLines({ rows, comparisons }: Pick<Report, "rows" | "comparisons">): string[] {
  const lines = COSTS.map(([what, name, key]) => {
    const { row, measured } = rows.find(({ row }) => row.name === name) ?? {};
    const [budget, figure] = [
      row?.budgets[key],
      measured !== undefined && "result" in measured && measured.result[key],
    ];
    return [what, budget && figure ? figureText(budget, figure) : "not measured"];
  });
  const delays = comparisons.find(({ comparison }) => comparison.name === "login-delay")?.measured;
  const { titles, lines: services } = delays !== undefined && "result" in delays
    ? delays.result
    : { titles: [], lines: [] };
  const shown = (cells: readonly string[]) => DELAY_COLUMNS.map((column) => cells[column] ?? "");
  return [
    ...markdownTable(["delay of a login; the service", ...shown(titles).slice(1)], services.map(shown)),
    "",
    ...markdownTable(["what", "measured"], lines),
    "",
  ];
}

/** Writes all of it, formatted. */
export async function publish(report: Report): Promise<void> {
  const parts = {
    "README.md": { cost: costLines(report) },
    "tests/bench/README.md": { bench: ["", ...reportLines(report, { isMarkdown: true }), ""] },
  };
  for (const [file, part] of Object.entries(parts)) {
    const text = await Deno.readTextFile(`${ROOT}/${file}`);
    await Deno.writeTextFile(`${ROOT}/${file}`, withParts(text, { parts: part, comment: COMMENT, by: BY }));
  }
  await Deno.writeTextFile(`${ROOT}/${PICTURE}`, picture(report));
  const args = ["fmt", "--quiet", ...Object.keys(parts), PICTURE];
  const { success, stderr } = await new Deno.Command(Deno.execPath(), { args, cwd: ROOT }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
}
