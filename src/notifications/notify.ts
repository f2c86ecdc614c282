import type pg from "pg";
import type { Context } from "../context.ts";
import { WORK } from "../provisioner/queue.ts";
import { addEvent } from "./digest-store.ts";
import type { Notice, NotificationData } from "./event.ts";
import { aboutOf } from "./payload.ts";

/** All are equally urgent. */
const PRIORITY = 0;

/**
 * Has people told of what has happened, in the caller's transaction, so that they are told if and only if it has. That
 * only adds rows, which nobody else has: it waits for nobody, and nobody for the caller.
 */
export async function notify(
  { queue, clock }: Pick<Context, "queue" | "clock">,
  client: pg.PoolClient,
  notice: Notice,
): Promise<void> {
  const { event, pool } = notice;
  const id = await addEvent(client, { event, about: aboutOf(pool), data: dataOf(notice), now: clock.now() });
  await queue.add(client, WORK.notice, [id], PRIORITY);
}

function dataOf(notice: Notice): NotificationData {
  const { pool } = notice;
  switch (notice.event) {
    case "resource_replaced":
      return { pool, claims: [notice.claim] };
    case "pool_empty":
      return { pool, misses: notice.misses };
    case "preset_hard_limited":
    case "preset_validation_failed":
      return { pool, reason: notice.reason };
    default:
      return notice satisfies never;
  }
}
