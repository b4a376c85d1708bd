// The parts of the bench: rows with a budget, and comparisons without one. Pure.

/** The input of a measurement. */
export interface Context {
  /** A folder for this measurement, on the disk of the checkout; deleted at the end. */
  readonly scratch: string;
  /** The seed of the random numbers. */
  readonly seed: number;
  /** Reports the progress. */
  readonly report: (text: string) => void;
}

/** What a machine may lack. */
export type Need = "test host" | "curl";

/** A limit of one figure. */
export interface Budget {
  /** What is measured, in Markdown. */
  readonly what: string;
  readonly limit: { readonly atMost: number } | { readonly atLeast: number };
  /** Empty for a count or a ratio. */
  readonly unit?: string;
  /** The number of digits after the decimal point; 0 by default. */
  readonly digits?: number;
}

/** A measured value. */
export interface Figure {
  readonly value: number;
  /** What it was calculated from. */
  readonly detail?: string;
}

/** A measurement with one or more budgets. */
export interface Row<Key extends string = string> {
  /** Names it on the command line. */
  readonly name: string;
  readonly needs: readonly Need[];
  readonly budgets: Readonly<Record<Key, Budget>>;
  readonly measure: (context: Context) => Promise<Readonly<Record<Key, Figure>>>;
}

/** A table, its cells in Markdown. */
export interface Table {
  readonly titles: readonly string[];
  readonly lines: readonly (readonly string[])[];
  /** The same figures as a chart. */
  readonly chart?: Chart;
}

/** A bar chart of durations. Bars with the same label are next to each other. */
export interface Chart {
  readonly title: string;
  readonly bars: readonly Bar[];
}

/** One bar. */
export interface Bar {
  readonly label: string;
  /** What the bars of one colour have in common. */
  readonly series: string;
  /** `Infinity`: longer than the axis. */
  readonly ms: number;
  /** The duration as it is shown. */
  readonly text: string;
}

/** A comparison without a budget. */
export interface Comparison {
  /** Names it on the command line. */
  readonly name: string;
  readonly needs: readonly Need[];
  /** What is compared, and how: a sentence in Markdown. */
  readonly what: string;
  readonly measure: (context: Context) => Promise<Table>;
}

/** The end of a measurement: its figures, or the reason why it failed. */
export type Measured<Result> = { readonly result: Result } | { readonly failure: string };

/** Whether a figure keeps its budget. NaN never does. */
export function isKept({ limit }: Budget, { value }: Figure): boolean {
  return "atMost" in limit ? value <= limit.atMost : value >= limit.atLeast;
}

/** Whether all figures of a row were measured and keep their budgets. */
export function isRowKept({ budgets }: Row, measured: Measured<Readonly<Record<string, Figure>>>): boolean {
  if (!("result" in measured)) return false;
  return Object.entries(budgets).every(([key, budget]) => {
    const figure = measured.result[key];
    return figure !== undefined && isKept(budget, figure);
  });
}

/** Formats a number with its unit. */
export function numberText(value: number, { unit = "", digits = 0 }: Pick<Budget, "unit" | "digits">): string {
  const text = value.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });
  return unit === "" ? text : `${text} ${unit}`;
}
