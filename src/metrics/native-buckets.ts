/** Each power of two is divided into 2^SCHEMA buckets, so that a quantile is at most 5 % off. */
export const SCHEMA = 3;
/** What is not longer than this lies in the zero bucket, which has no index. */
export const ZERO_THRESHOLD = 2 ** -128;

const PER_POWER = 2 ** SCHEMA;
const limit = (index: number): number => 2 ** (index / PER_POWER);

/**
 * The index of the exponential bucket of a Prometheus native histogram that a value lies in: the least i with
 * value <= 2^(i / 2^SCHEMA); undefined for the zero bucket.
 */
export function nativeBucket(value: number): number | undefined {
  if (value <= ZERO_THRESHOLD) return undefined;
  const index = Math.ceil(Math.log2(value) * PER_POWER);
  // The logarithm is rounded, which matters for a value at a limit.
  if (value <= limit(index - 1)) return index - 1;
  return value > limit(index) ? index + 1 : index;
}

/** How many observations there are by the index of their bucket; buckets that are left out have none. */
export type NativeBuckets = Readonly<Record<string, number>>;

/** Buckets in a row, and how far the first is from the last of the span before; for the first span, its index. */
type Span = { readonly offset: number; readonly length: number };

/** The buckets as the exposition has them: where they are, and how the count of each differs from the one before. */
export function spansOf(buckets: NativeBuckets): {
  readonly spans: readonly Span[];
  readonly deltas: readonly number[];
} {
  const spans: { offset: number; length: number }[] = [];
  const deltas: number[] = [];
  let next = 0;
  let before = 0;
  const filled = Object.entries(buckets).map(([index, count]) => ({ index: Number(index), count }));
  for (const { index, count } of filled.sort((a, b) => a.index - b.index)) {
    const span = spans.at(-1);
    if (span && index === next) span.length += 1;
    else spans.push({ offset: index - next, length: 1 });
    deltas.push(count - before);
    next = index + 1;
    before = count;
  }
  return { spans, deltas };
}
