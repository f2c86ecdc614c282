import type pg from "pg";
import type { Context } from "../context.ts";
import { BEGIN, withTransaction } from "../db/connection.ts";
import { messageOf as textOf } from "../errors.ts";
import { WORK, type WorkItem } from "../provisioner/queue.ts";
import { digestOf, merged } from "./digest.ts";
import {
  type AddedMessage,
  addMessages,
  closeOver,
  dropEvent,
  type EventKind,
  openDigest,
  readEventKinds,
  takeEvents,
  updateDigest,
} from "./digest-store.ts";
import type { NotifiedPool } from "./event.ts";

const BATCH = 100;
/** After this long the queue is told that a batch is still worked on; it gives up what it hears nothing of for 15 s. */
const SILENT_MS = 4_000;
/** How often at most the log says that nobody is told of a pool. */
const REMINDED_MS = 60_000;
const PRIORITY = 0;

/** A digest that has just been made, and the messages that tell of it. */
type Made = EventKind & { readonly pool: NotifiedPool; readonly messages: readonly AddedMessage[] };

/**
 * Makes what tells people of the events that wait: it puts each into the digest of its kind, or makes that and its
 * messages. It does so in a transaction for each digest, far from where the events have happened: what holds it up holds
 * up nobody else, and what fails is repeated by the queue, for some minutes in all. An event is told once: its row goes
 * in the transaction that tells of it.
 * @returns what tells; its answer says whether there was anything
 */
export function createTeller({
  pool,
  queue,
  clock,
  notifications,
  log,
}: Pick<Context, "pool" | "queue" | "clock" | "notifications" | "log">): (signal: AbortSignal) => Promise<boolean> {
  const { windowMs, channels } = notifications;
  const remindedAt = new Map<string, number>();

  async function tell(signal: AbortSignal): Promise<boolean> {
    let hasTold = false;
    while (!signal.aborted) {
      const items = await queue.take(WORK.notice, BATCH);
      if (items.length === 0) break;
      hasTold = true;
      await tellAll(items);
    }
    await giveUp();
    return hasTold;
  }

  async function tellAll(items: readonly WorkItem[]): Promise<void> {
    const takenAt = performance.now();
    const kinds = await readEventKinds(
      pool,
      items.map(({ subjectId }) => subjectId),
    );
    const kindOf = new Map(kinds.map((kind) => [kind.id, kind]));
    const groups = Map.groupBy(items, ({ subjectId }) => groupOf(kindOf.get(subjectId)));
    for (const group of groups.values()) {
      const isLong = performance.now() - takenAt > SILENT_MS;
      await tellGroup(kindOf.get(group[0]?.subjectId ?? ""), isLong ? await kept(group) : group);
    }
  }

  /** What is put together; of the events that are gone, which have been told, only the items are left. */
  function groupOf(kind: (EventKind & { readonly id: string }) | undefined): string {
    if (!kind) return "";
    return windowMs > 0 ? `${kind.event} ${kind.about}` : kind.id;
  }

  async function kept(items: readonly WorkItem[]): Promise<WorkItem[]> {
    const ours: WorkItem[] = [];
    for (const item of items) if (await queue.keep(WORK.notice, item)) ours.push(item);
    return ours;
  }

  async function tellGroup(kind: EventKind | undefined, items: readonly WorkItem[]): Promise<void> {
    try {
      const made = await withTransaction(pool, BEGIN.brief, async (client) => {
        for (const item of items) await queue.done(client, WORK.notice, item);
        return kind && write(client, kind, items);
      });
      if (made) remind(made);
    } catch (error) {
      const reason = textOf(error);
      log.debug({ ...kind, events: items.length, reason }, "people could not be told; it is tried again");
      for (const item of items) await queue.handBack(WORK.notice, item, reason);
    }
  }

  async function write(client: pg.PoolClient, kind: EventKind, items: readonly WorkItem[]): Promise<Made | undefined> {
    const ids = items.map(({ subjectId }) => subjectId);
    const [first, ...others] = (await takeEvents(client, ids)).map(digestOf);
    if (!first) return undefined;
    const digested = others.reduce(merged, first);
    const now = clock.now();
    await closeOver(client, kind, now);
    const sendAfter = windowMs > 0 ? new Date(now.getTime() + windowMs) : null;
    const { id, before } = await openDigest(client, kind, digested, { now, sendAfter });
    if (before) {
      await updateDigest(client, id, merged(before, digested));
      return undefined;
    }
    const { pool: about } = digested.data;
    const messages = await addMessages(client, id, { organizationId: about.organizationId, channels, now });
    for (const channel of ["webhook", "email"] as const) {
      const ids = messages.filter((message) => message.channel === channel).map((message) => message.id);
      await queue.add(client, WORK[channel], ids, PRIORITY, sendAfter ?? undefined);
    }
    return { ...kind, pool: about, messages };
  }

  function remind({ event, about, pool: { organization, template, preset }, messages }: Made): void {
    if (messages.some(({ channel }) => channel !== "webhook")) return;
    const now = performance.now();
    for (const [key, at] of remindedAt) if (now - at >= REMINDED_MS) remindedAt.delete(key);
    if (remindedAt.has(about)) return;
    remindedAt.set(about, now);
    const why = "no user has the role template-admin or organization-template-admin";
    const text =
      messages.length === 0
        ? `there is nobody to be told: ${why}, and no webhook is set up`
        : `only the webhook is told, and no person: ${why}`;
    log.warn({ event, organization, template, preset }, text);
  }

  async function giveUp(): Promise<void> {
    for (const item of await queue.take(WORK.deadNotice, BATCH)) {
      const given = await withTransaction(pool, BEGIN.brief, async (client) => {
        await queue.done(client, WORK.deadNotice, item);
        return dropEvent(client, item.subjectId);
      });
      if (given) log.error(given, "nobody could be told of something that has happened, and it is given up");
    }
  }

  return tell;
}
