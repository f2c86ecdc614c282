/** Several measurements of one thing: the middle one, and how far they lie apart. */
export type Spread = { readonly median: number; readonly min: number; readonly max: number };

/** The value below which the given part of all values lies. */
export function quantile(values: readonly number[], part: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  const value = sorted[Math.min(Math.floor(part * sorted.length), sorted.length - 1)];
  if (value === undefined) throw new Error("nothing was measured");
  return value;
}

/** Sums several measurements up. */
export function spreadOf(values: readonly number[]): Spread {
  return { median: quantile(values, 0.5), min: Math.min(...values), max: Math.max(...values) };
}

/** Each measurement in relation to the baseline that was measured right before it. */
export function ratioOf(values: readonly number[], baselines: readonly number[]): Spread {
  return spreadOf(values.map((value, round) => value / (baselines[round] ?? Number.NaN)));
}

/** How long the work took, in milliseconds, and what came of it. */
export async function timed<T>(work: () => Promise<T>): Promise<{ ms: number; result: T }> {
  const startedAt = performance.now();
  const result = await work();
  return { ms: performance.now() - startedAt, result };
}

/**
 * Runs all works in turn, round by round, so that a machine whose speed changes changes all of them alike. The first
 * round only warms up and is left out.
 * @returns for each work what it returned in each round
 */
export async function interleave<K extends string, T>(
  rounds: number,
  works: Readonly<Record<K, () => Promise<T>>>,
): Promise<Record<K, T[]>> {
  const names = Object.keys(works) as K[];
  const results = Object.fromEntries(names.map((name) => [name, []])) as unknown as Record<K, T[]>;
  for (let round = 0; round <= rounds; round += 1) {
    for (const name of names) {
      const result = await works[name]();
      if (round > 0) results[name].push(result);
    }
  }
  return results;
}
