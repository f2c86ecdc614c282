import type pg from "pg";
import { PgBoss } from "pg-boss";
import { prepared, type Queryable } from "../db/connection.ts";
import { QUEUE_SCHEMA } from "../db/queue-schema.ts";
import type { Logger } from "../log.ts";
import { PREBUILDS_SYSTEM_USER_ID } from "../system-user.ts";

/** Who goes first: people, then what rules do with their workspaces, then the pools, which make room before filling it. */
export const PRIORITY = { person: 100, lifecycle: 75, prebuildDelete: 50, prebuildCreate: 10 } as const;

/** How urgent it is to ask whether somebody's workspace is ready. */
export const readinessPriority = (ownerId: string): number =>
  ownerId === PREBUILDS_SYSTEM_USER_ID ? PRIORITY.prebuildCreate : PRIORITY.person;

/** The kinds of work that are queued; the item's id is what the work is about. */
export const WORK = {
  /** A provisioner job of a build. */
  build: "prebuildd.build",
  /** A build that killed every worker that took it. */
  deadBuild: "prebuildd.build.dead",
  /** A provisioner job that reads a pushed source; workers of releases that know no imports never take it. */
  import: "prebuildd.import",
  /** An import that killed every worker that took it. */
  deadImport: "prebuildd.import.dead",
  /** An agent whose readiness is asked for until it is there. */
  readiness: "prebuildd.readiness",
  /** An agent whose readiness killed every worker that asked for it. */
  deadReadiness: "prebuildd.readiness.dead",
  /** Something that has happened, of which people are to be told. */
  notice: "prebuildd.notice",
  /** Something that nobody could be told of. */
  deadNotice: "prebuildd.notice.dead",
  /** A message for the webhook. */
  webhook: "prebuildd.webhook",
  /** A message that the webhook did not take. */
  deadWebhook: "prebuildd.webhook.dead",
  /** A message that is to be mailed. */
  email: "prebuildd.email",
  /** A message that could not be mailed. */
  deadEmail: "prebuildd.email.dead",
} as const;
export type WorkKind = (typeof WORK)[keyof typeof WORK];

/** All kinds, each dead letter before what goes there. */
const KINDS = [
  WORK.deadBuild,
  WORK.deadImport,
  WORK.deadReadiness,
  WORK.deadNotice,
  WORK.deadWebhook,
  WORK.deadEmail,
  WORK.build,
  WORK.import,
  WORK.readiness,
  WORK.notice,
  WORK.webhook,
  WORK.email,
] as const;

/** A table of its own has fewer indexes to keep, which every claim and every filling of a pool feels. */
const OWN_TABLE: ReadonlySet<WorkKind> = new Set([WORK.build, WORK.readiness, WORK.deadBuild, WORK.deadReadiness]);

/** Where work goes that killed every worker that took it. */
const DEAD_LETTER: Readonly<Partial<Record<WorkKind, WorkKind>>> = {
  [WORK.build]: WORK.deadBuild,
  [WORK.import]: WORK.deadImport,
  [WORK.readiness]: WORK.deadReadiness,
  [WORK.notice]: WORK.deadNotice,
  [WORK.webhook]: WORK.deadWebhook,
  [WORK.email]: WORK.deadEmail,
};

/**
 * A piece of work that this process has taken. `id` and `retryCount` tell one taking of it from the next; they change
 * when the process takes again what it still runs, after it seemed dead for a while or the queue had lost the item.
 */
export type WorkItem = { id: string; readonly subjectId: string; retryCount: number };

/** A worker that is silent for this long has lost its work to another one. */
const HEARTBEAT_SECONDS = 15;
const SUPERVISE_SECONDS = 5;
const DAY_SECONDS = 86_400;

/** How much of one kind and urgency there is in the queue. */
export type QueueSample = {
  /** The kind without its prefix, such as `build`. */
  readonly kind: string;
  readonly priority: "people" | "lifecycle" | "deletions" | "creations" | "other";
  readonly waiting: number;
  readonly running: number;
  /** What killed every worker that took it and is still to be given up. */
  readonly dead: number;
  /** How long what could be taken has waited, in seconds; null when nothing waits. */
  readonly oldestSeconds: number | null;
};

/** The queue of work. It carries ids only; what is true stands in our own tables. */
export type BuildQueue = AsyncDisposable & {
  /** Must have ended before the queue is used; the queue's tables must have been installed by the migrations. */
  start(): Promise<void>;
  /** Adds work in the caller's transaction; it can be taken once that commits, or from a later time on. */
  add(client: Queryable, kind: WorkKind, subjectIds: readonly string[], priority: number, from?: Date): Promise<void>;
  /**
   * What `add` does, as a part of a `with` list: it adds an item with the priority for each subject id that `from`, a
   * query with one column `subject_id`, gives. So work can be added in the very statement that makes it.
   */
  addition(kind: WorkKind, from: string, priority: number): Promise<string>;
  /**
   * Which of these subjects have no item of this kind that waits or runs, neither a living nor a dead one, in the order
   * given. The answer holds for as long as the caller's transaction keeps others from adding and ending such work.
   */
  missing(client: Queryable, kind: WorkKind, subjectIds: readonly string[]): Promise<string[]>;
  /** Counts what waits and what runs; what ended is not looked at. */
  measure(client: Queryable): Promise<QueueSample[]>;
  /** Takes up to `limit` items, those with the highest priority first, then the oldest. */
  take(kind: WorkKind, limit: number): Promise<WorkItem[]>;
  /** Says that the work goes on; false means that somebody else may take it or has taken it. */
  keep(kind: WorkKind, item: WorkItem): Promise<boolean>;
  /** Marks the work as done in the caller's transaction. */
  done(client: Queryable, kind: WorkKind, item: WorkItem): Promise<void>;
  /** Hands the work back so that another worker can take it at once. */
  handBack(kind: WorkKind, item: WorkItem, reason: string): Promise<void>;
};

const executor = (client: Queryable) => ({
  executeSql: (text: string, values?: unknown[]) => client.query(text, values),
});

/** For the library's statements that run with every build; they are the same each time. */
const preparing = (client: Queryable) => ({
  executeSql: (text: string, values: unknown[] = []) => client.query(prepared(text, values)),
});

const OPTIONS = {
  heartbeatSeconds: HEARTBEAT_SECONDS,
  expireInSeconds: DAY_SECONDS,
  deleteAfterSeconds: 3_600,
  // What waits must never vanish while its job waits, even when no worker runs for months.
  retentionSeconds: 365 * DAY_SECONDS,
  // The first retry comes after about a second; what fails again and again waits for up to a minute.
  retryLimit: 10,
  retryDelay: 1,
  retryBackoff: true,
  retryDelayMax: 60,
};

/** The states before `completed` are those of items that wait or run; `retry` and `created` come before `active`. */
const MEASURE = `
  select regexp_replace(name, '^prebuildd[.]|[.]dead$', '', 'g') as kind,
    case priority when ${PRIORITY.person} then 'people' when ${PRIORITY.lifecycle} then 'lifecycle'
      when ${PRIORITY.prebuildDelete} then 'deletions' when ${PRIORITY.prebuildCreate} then 'creations'
      else 'other' end as priority,
    count(*) filter (where state < 'active' and name !~ '[.]dead$')::int as waiting,
    count(*) filter (where state = 'active' and name !~ '[.]dead$')::int as running,
    count(*) filter (where name ~ '[.]dead$')::int as dead,
    extract(epoch from now() - min(greatest(created_on, start_after))
      filter (where state < 'active' and name !~ '[.]dead$' and start_after <= now()))::float8 as "oldestSeconds"
  from ${QUEUE_SCHEMA}.job
  where name = any($1::text[]) and state < 'completed'
  group by 1, 2 order by 1, 2`;

/** Makes the queue on the process's own pool; nothing happens before it is started. */
export function createBuildQueue(pool: pg.Pool, log: Logger): BuildQueue {
  const boss = new PgBoss({
    db: executor(pool),
    schema: QUEUE_SCHEMA,
    migrate: false,
    schedule: false,
    // Traces say what our jobs do; every look into the queue would be a trace of its own.
    openTelemetry: { enabled: false },
    superviseIntervalSeconds: SUPERVISE_SECONDS,
    monitorIntervalSeconds: SUPERVISE_SECONDS,
  });
  boss.on("error", (err) => log.warn({ err }, "the queue's upkeep failed; it is tried again"));
  boss.on("warning", ({ message }) => log.debug({ warning: message }, "the queue warns"));
  let started = false;

  return {
    async start() {
      await boss.start();
      started = true;
      const known = new Map((await boss.getQueues()).map((queue) => [queue.name, new Map(Object.entries(queue))]));
      for (const kind of KINDS) {
        const deadLetter = DEAD_LETTER[kind];
        const options = deadLetter === undefined ? OPTIONS : { ...OPTIONS, deadLetter };
        const queue = known.get(kind);
        if (queue === undefined) await boss.createQueue(kind, { ...options, partition: OWN_TABLE.has(kind) });
        // A queue that is there already keeps the options of the version that made it.
        if (Object.entries(options).some(([name, value]) => queue?.get(name) !== value))
          await boss.updateQueue(kind, options);
      }
    },
    async add(client, kind, subjectIds, priority, from) {
      if (subjectIds.length === 0) return;
      const startAfter = from === undefined ? {} : { startAfter: from };
      const jobs = subjectIds.map((subjectId) => ({ data: { subjectId }, priority, ...startAfter }));
      await boss.insert(kind, jobs, { db: preparing(client) });
    },
    async addition(kind, from, priority) {
      let statement = "";
      const capture = {
        async executeSql(text: string) {
          statement = text;
          return { rows: [] };
        },
      };
      await boss.insert(kind, [{ data: {} }], { db: capture });
      // The library's own statement, whose items come from a query instead of from its only parameter.
      const parts = statement.split("$1");
      if (parts.length !== 2) throw new Error("the queue's statement is not as expected: it has not one parameter");
      return parts.join(`(select coalesce(json_agg(json_build_object('priority', ${priority}, 'data',
        json_build_object('subjectId', subject_id))), '[]') from (${from}) subjects)`);
    },
    async missing(client, kind, subjectIds) {
      if (subjectIds.length === 0) return [];
      const deadLetter = DEAD_LETTER[kind];
      const kinds = deadLetter === undefined ? [kind] : [kind, deadLetter];
      // The library looks for one subject at a time. The states before this one are those of items that wait or run.
      const { rows } = await client.query<{ subject_id: string }>(
        `select data->>'subjectId' as subject_id from ${QUEUE_SCHEMA}.job
         where name = any($1::text[]) and state < 'completed' and data->>'subjectId' = any($2::text[])`,
        [kinds, subjectIds],
      );
      const present = new Set(rows.map((row) => row.subject_id));
      return subjectIds.filter((subjectId) => !present.has(subjectId));
    },
    async measure(client) {
      const { rows } = await client.query<QueueSample>(MEASURE, [KINDS]);
      return rows;
    },
    async take(kind, limit) {
      const jobs = await boss.fetch<{ subjectId: string }>(kind, { batchSize: limit });
      return jobs.map(({ id, retryCount, data }) => ({ id, retryCount, subjectId: data.subjectId }));
    },
    async keep(kind, item) {
      // The published types leave out what every command answers: how many items it found.
      const answer: { affected?: number } = await boss.touch(kind, attemptOf(item));
      return answer.affected !== 0;
    },
    async done(client, kind, item) {
      await boss.complete(kind, attemptOf(item), null, { db: preparing(client) });
    },
    async handBack(kind, item, reason) {
      await boss.fail(kind, attemptOf(item), { reason });
    },
    async [Symbol.asyncDispose]() {
      if (started) await boss.stop({ graceful: false });
    },
  };
}

const attemptOf = ({ id, retryCount }: WorkItem) => ({ id, retryCount });
