import { setTimeout as delay } from "node:timers/promises";

/**
 * Calls `send` at a steady rate, whether or not the calls before have ended, and returns when all have.
 * @param rate.calls how many there are; without it they go on until the signal is aborted
 * @param send is given the moment at which the call was to be made, by `performance.now()`
 */
export async function steadily(
  rate: { readonly perSecond: number; readonly calls?: number; readonly signal?: AbortSignal },
  send: (index: number, at: number) => Promise<void>,
): Promise<void> {
  const startedAt = performance.now();
  const open = new Set<Promise<void>>();
  for (let index = 0; index < (rate.calls ?? Number.POSITIVE_INFINITY); index += 1) {
    const at = startedAt + (1_000 * index) / rate.perSecond;
    const early = at - performance.now();
    if (early > 0) await delay(early, undefined, rate).catch(() => {}); // aborted
    if (rate.signal?.aborted) break;
    const call = send(index, at).finally(() => open.delete(call));
    open.add(call);
  }
  await Promise.all(open);
}
