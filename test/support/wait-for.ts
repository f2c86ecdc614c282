import { setTimeout as delay } from "node:timers/promises";

/**
 * Waits until `probe` returns something truthy and resolves with it; a probe that throws fails the wait at once.
 * The only way for a test to wait: it says what it waits for, and it is as fast as the thing that it waits for.
 */
export async function waitFor<T>(
  what: string,
  probe: () => T | undefined | Promise<T | undefined>,
  options: { readonly timeoutMs?: number; readonly intervalMs?: number } = {},
): Promise<T> {
  const { timeoutMs = 10_000, intervalMs = 25 } = options;
  const startedAt = performance.now();
  for (;;) {
    const found = await probe();
    if (found) return found;
    if (performance.now() - startedAt >= timeoutMs) {
      const error = new Error(`waited ${timeoutMs} ms for ${what}`);
      Error.captureStackTrace(error, waitFor);
      throw error;
    }
    await delay(intervalMs);
  }
}
