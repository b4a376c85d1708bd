// What the bench is made of: rows with a budget, and comparisons without one. Pure.

/** What a measurement is given. */
export interface Context {
  /** A folder of its own, on the disk of the checkout; it is taken away at the end. */
  readonly scratch: string;
  /** What decides all that is random. */
  readonly seed: number;
  /** Says how far it is. */
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
  /** How many digits are shown after the point; 0 by default. */
  readonly digits?: number;
}

/** What was measured. */
export interface Figure {
  readonly value: number;
  /** What it was made of. */
  readonly detail?: string;
}

/** Something that has a budget, or several that are measured together. */
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
}

/** Something that is shown side by side, without a budget. */
export interface Comparison {
  /** Names it on the command line. */
  readonly name: string;
  readonly needs: readonly Need[];
  /** What is compared, and how: a sentence in Markdown. */
  readonly what: string;
  readonly measure: (context: Context) => Promise<Table>;
}

/** How a measurement ended: with figures, or with the reason why there are none. */
export type Measured<Result> = { readonly result: Result } | { readonly failure: string };

/** Whether a figure keeps its budget. What is no number keeps none. */
export function isKept({ limit }: Budget, { value }: Figure): boolean {
  return "atMost" in limit ? value <= limit.atMost : value >= limit.atLeast;
}

/** Whether all figures of a row are there and keep their budgets. */
export function isRowKept({ budgets }: Row, measured: Measured<Readonly<Record<string, Figure>>>): boolean {
  if (!("result" in measured)) return false;
  return Object.entries(budgets).every(([key, budget]) => {
    const figure = measured.result[key];
    return figure !== undefined && isKept(budget, figure);
  });
}

/** A number with its unit, as it is shown. */
export function numberText(value: number, { unit = "", digits = 0 }: Pick<Budget, "unit" | "digits">): string {
  const text = value.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });
  return unit === "" ? text : `${text} ${unit}`;
}
