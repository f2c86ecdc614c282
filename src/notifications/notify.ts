import type pg from "pg";
import type { Context } from "../context.ts";
import { WORK } from "../provisioner/queue.ts";
import type { Notice, NotificationChannel, NotificationData } from "./event.ts";
import { aboutOf } from "./payload.ts";
import { writeMessages } from "./store.ts";

/** What costs nothing to deliver goes before what may be slow. */
const PRIORITY: Readonly<Record<NotificationChannel, number>> = { inbox: 2, webhook: 1, email: 0 };

/**
 * Tells those concerned what has happened, through every channel that is set up: in the caller's transaction, so that
 * they are told if and only if it has happened. It had better be the last thing there: of two that tell of the same
 * pool, the second waits for the commit of the first. Who tells of several pools in one transaction does so in the order
 * of their presets' ids, or two might wait for each other.
 */
export async function notify(
  { queue, clock, notifications, log }: Pick<Context, "queue" | "clock" | "notifications" | "log">,
  client: pg.PoolClient,
  notice: Notice,
): Promise<void> {
  const { event, pool } = notice;
  const { windowMs, channels } = notifications;
  const now = clock.now();
  const sendAfter = windowMs > 0 ? new Date(now.getTime() + windowMs) : null;
  const about = aboutOf(pool);
  const written = await writeMessages(client, { event, about, data: dataOf(notice), channels, now, sendAfter });
  if (written.length === 0) {
    const { organization, template, preset } = pool;
    const text = "there is nobody to be told: no user has the role template-admin, and no webhook is set up";
    log.warn({ event, organization, template, preset }, text);
  }
  const added = written.filter(({ isNew }) => isNew);
  for (const [channel, messages] of Map.groupBy(added, (message) => message.channel)) {
    const ids = messages.map(({ id }) => id);
    await queue.add(client, WORK.notification, ids, PRIORITY[channel], sendAfter ?? undefined);
  }
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
