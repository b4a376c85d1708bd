// Which of many points a sweep tries, such as the system calls at which it kills the program: by default an eighth, the
// first and the last one included; all with KILL_POINTS=all, as the nightly run does.
//
// The choice depends on the commit, so a run can be repeated, and later commits try the other points. KILL_SEED=TEXT
// chooses another one, or that of an earlier failure, which names it.

import { execute } from "../../.ci/checkout.ts";
import { randomFrom } from "./kill_send.ts";

/** Whether all points are tried. */
export const ALL_POINTS = Deno.env.get("KILL_POINTS") === "all";

const SEED = Deno.env.get("KILL_SEED") ?? await commit();

/** The ID of the commit; constant without one, as in a copy of the sources. */
async function commit(): Promise<string> {
  const { success, stdout } = await execute(["git", "rev-parse", "--short=12", "HEAD"]).catch(() => ({
    success: false,
    stdout: "",
  }));
  return success ? stdout.trim() : "none";
}

/** A number from the seed and a name, so that different sweeps try different points. */
export function seedFor(name: string): number {
  let hash = 0;
  for (const unit of `${SEED} ${name}`) hash = (Math.imul(hash, 31) + (unit.codePointAt(0) ?? 0)) >>> 0;
  return hash;
}

/**
 * Chooses the points to try.
 *
 * @param options.name of the sweep
 * @param options.share the share to try, unless all points are
 */
export function sampleOf<T>(
  points: readonly T[],
  { name, share = 1 / 8 }: { readonly name: string; readonly share?: number },
): T[] {
  if (ALL_POINTS) return [...points];
  const random = randomFrom(seedFor(name));
  // The first numbers of similar seeds are similar.
  for (let count = 0; count < 10; count++) random();
  return points.filter((_, index) => {
    const isChosen = random() < share;
    return isChosen || index === 0 || index === points.length - 1;
  });
}

/** Runs a sweep. If it fails, the error says how to try the same points again. */
export async function sweep<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    const again = ALL_POINTS ? "KILL_POINTS=all" : `KILL_SEED=${SEED}`;
    throw new Error(`${cause instanceof Error ? cause.message : cause}\n(try the same points again: ${again})`, {
      cause,
    });
  }
}
