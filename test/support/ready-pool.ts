import type { TestContext } from "node:test";
import type { Context } from "../../src/context.ts";
import { runPass } from "../../src/prebuilds/reconcile.ts";
import { type GivenPool, givenPool, givenWorker, settled } from "./given.ts";

/** A pool whose prebuilds are all built and ready; no worker runs any more. */
export async function givenReadyPool(
  t: TestContext,
  context: Context,
  given: Parameters<typeof givenPool>[1] = {},
): Promise<GivenPool> {
  const pool = await givenPool(context, given);
  await runPass(context, new AbortController().signal);
  const worker = givenWorker(t, context, { concurrency: 16 });
  await settled(context);
  await worker.drain(5_000);
  return pool;
}
