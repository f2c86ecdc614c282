import type pg from "pg";
import type { Context } from "../context.ts";
import { withSavepoint } from "../db/connection.ts";
import { notify } from "../notifications/notify.ts";
import { readNotifiedPool } from "../notifications/store.ts";

/** Pools whose creations have stopped until somebody does something. */
type Stopped = {
  readonly event: "preset_hard_limited" | "preset_validation_failed";
  readonly presetIds: readonly string[];
  readonly reason: string;
};

/** Tells the template administrators of pools that have stopped, in the transaction that stores that they have. */
export async function tellStopped(
  context: Context,
  client: pg.PoolClient,
  { event, presetIds, reason }: Stopped,
): Promise<void> {
  for (const presetId of presetIds) {
    const err = await withSavepoint(client, async () => {
      const pool = await readNotifiedPool(client, presetId);
      if (pool) await notify(context, client, { event, pool, reason });
    });
    if (err) context.log.error({ err, preset: presetId }, "nobody could be told that a pool creates no more");
  }
}
