import type { NotificationData } from "./event.ts";

/** Of many claims in one digest, how many of the newest are kept. */
const CLAIMS_KEPT = 20;

/** What a digest says, and how many events it stands for. */
export type Digested = { readonly data: NotificationData; readonly occurrences: number };

/** A digest of one event. Of an empty pool each request counts, however they were put together on the way. */
export function digestOf(data: NotificationData): Digested {
  return { data, occurrences: data.misses ?? 1 };
}

/** What a digest says once a newer one of equal events has become part of it. */
export function merged(older: Digested, newer: Digested): Digested {
  const { claims, misses } = newer.data;
  const data = {
    ...newer.data,
    ...(claims && { claims: [...(older.data.claims ?? []), ...claims].sort(byTime).slice(-CLAIMS_KEPT) }),
    ...(misses !== undefined && { misses: (older.data.misses ?? 0) + misses }),
  };
  return { data, occurrences: older.occurrences + newer.occurrences };
}

/** Events may be put together in another order than they have happened in. */
const byTime = (a: { readonly at: string }, b: { readonly at: string }): number => Date.parse(a.at) - Date.parse(b.at);
