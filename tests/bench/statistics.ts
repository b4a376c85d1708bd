// Medians and alternating measurements, because machines are shared and noisy. Pure, except for the measurements.

/** The results of alternating measurements, in order. */
export type Samples<Name extends string> = Readonly<Record<Name, readonly number[]>>;

/**
 * Measures several subjects in turn, and reverses the order in each round, so that a slow phase of the machine affects
 * all of them. First runs each once without measuring it.
 *
 * @param options.report called with the number of finished rounds
 */
export async function alternating<Name extends string>(
  subjects: Readonly<Record<Name, () => Promise<number>>>,
  { rounds, report = () => {}, warmUp = true }: {
    rounds: number;
    report?: (text: string) => void;
    warmUp?: boolean;
  },
): Promise<Samples<Name>> {
  const names = Object.keys(subjects) as Name[];
  if (warmUp) { for (const name of names) await subjects[name](); }
  const samples = Object.fromEntries(names.map((name) => [name, []])) as unknown as Record<Name, number[]>;
  for (let round = 0; round < rounds; round++) {
    report(`round ${round + 1} of ${rounds}`);
    for (const name of round % 2 === 0 ? names : names.toReversed()) samples[name].push(await subjects[name]());
  }
  return samples;
}

/** The ratio of two measurements in each round. */
export function ratios(subject: readonly number[], base: readonly number[]): number[] {
  return subject.map((value, index) => value / (base[index] ?? NaN));
}

/** The difference of two measurements in each round. */
export function differences(subject: readonly number[], base: readonly number[]): number[] {
  return subject.map((value, index) => value - (base[index] ?? NaN));
}

/** The middle value, or the mean of the two middle values. NaN if there are no values. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  return ((sorted[Math.ceil(middle) - 1] ?? NaN) + (sorted[Math.floor(middle)] ?? NaN)) / 2;
}

/**
 * The smallest value that is not exceeded by the given share of all values.
 *
 * @param share above 0, at most 1
 */
export function quantile(values: readonly number[], share: number): number {
  return values.toSorted((a, b) => a - b)[Math.ceil(share * values.length) - 1] ?? NaN;
}
