// Medians, and pairs that alternate, since machines are shared and noisy. Pure but for what is measured.

/** What alternating measurements gave, in the order in which they were made. */
export type Samples<Name extends string> = Readonly<Record<Name, readonly number[]>>;

/**
 * Measures several things in turn, again and again, each round in the other order, so that whatever slows the machine
 * down slows all of them. Each is done once before, uncounted.
 *
 * @param options.report told how many rounds are done
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

/** Of each round, what one measurement was over another. */
export function ratios(subject: readonly number[], base: readonly number[]): number[] {
  return subject.map((value, index) => value / (base[index] ?? NaN));
}

/** Of each round, what one measurement was more than another. */
export function differences(subject: readonly number[], base: readonly number[]): number[] {
  return subject.map((value, index) => value - (base[index] ?? NaN));
}

/** The value in the middle; between the two in the middle, where there are two. NaN of nothing. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  return ((sorted[Math.ceil(middle) - 1] ?? NaN) + (sorted[Math.floor(middle)] ?? NaN)) / 2;
}

/**
 * The least value that such a share of all does not exceed.
 *
 * @param share above 0, at most 1
 */
export function quantile(values: readonly number[], share: number): number {
  return values.toSorted((a, b) => a - b)[Math.ceil(share * values.length) - 1] ?? NaN;
}
