import { join, resolve } from "node:path";
import { createAnnouncer } from "./announce.ts";
import { applyDocument } from "./apply/execute.ts";
import { loadApplyFile } from "./apply/load.ts";
import { COMMAND_LINE } from "./audit/entry.ts";
import { systemClock } from "./clock.ts";
import type { Config } from "./config.ts";
import type { Context } from "./context.ts";
import { abstainFromLeadership } from "./db/abstention.ts";
import { openPool } from "./db/connection.ts";
import { startEmbeddedPostgres } from "./db/embedded/server.ts";
import { competeForLeadership } from "./db/leadership.ts";
import { listen } from "./db/listen.ts";
import { migrateUp } from "./db/migrate.ts";
import { createHealth } from "./health.ts";
import { assertPortFree, listenOn } from "./http/listen.ts";
import { buildMetricsServer, buildServer } from "./http/server.ts";
import { createLeader, LIFECYCLE_MS } from "./leader.ts";
import { provideLocalAccess } from "./local-access.ts";
import type { Logger } from "./log.ts";
import { startLoop } from "./loop.ts";
import { createMetrics } from "./metrics.ts";
import { channelsOf, startDelivery } from "./notifications/deliver.ts";
import { createMissWatch } from "./notifications/miss-watch.ts";
import { reconcileSystemRoles } from "./organizations/reconcile.ts";
import { ensureDefaultOrganization } from "./organizations/store.ts";
import { createClaimer } from "./prebuilds/claim.ts";
import { finishClaims } from "./prebuilds/finish-claims.ts";
import { findDrivers } from "./provisioner/drivers.ts";
import { createBuildQueue } from "./provisioner/queue.ts";
import { startWorker } from "./provisioner/worker.ts";
import { observeForPage } from "./status-page/observe.ts";
import { createSourceCache } from "./templates/sources.ts";
import { startTracing } from "./tracing.ts";
import { ensureAdmin } from "./users/store.ts";
import { CHANNELS, createWake } from "./wake.ts";

export type Daemon = AsyncDisposable & {
  /** Where the API answers; of a replica that runs builds only, the probes and the metrics. */
  readonly url: string;
  /** Resolves when the daemon cannot go on, because its embedded database has ended. */
  readonly failed: Promise<Error>;
};

export type DaemonOptions = {
  readonly log: Logger;
  /** An apply file to be applied before the daemon is ready. */
  readonly applyFile?: string | undefined;
  /** Aborted when it is to stop before it has started; what waits for somebody else then gives up. */
  readonly signal?: AbortSignal | undefined;
};

/** With a very short interval an ordinary pause of the process must not look like a stall. */
const SHORTEST_STALL_MS = 1_000;
/** A database that is away for a while makes loops slow, and is no reason to restart this process. */
const SLOW_DATABASE_MS = 60_000;
/** The database is tried twice a second; after this long without an answer requests would fail too. */
const UNREADY_MS = 3_000;
/** How often claims that were made in SQL are looked for although no notification came. */
const CLAIMS_MS = 2_000;
/** How often people are told of requests that found nothing: of many at once. */
const MISSES_MS = 1_000;
/** How the shutdown timeout is spent: on builds that may still end, then on stopping the others, then on the rest. */
const SHUTDOWN_SHARES = { finishing: 0.5, stopping: 0.3, tracing: 0.1 } as const;

/**
 * Starts everything in order and returns once the daemon is ready. Disposing it stops everything in reverse: first it
 * is no longer ready, then it gives up leadership, then builds end or are handed back, then the connections close.
 */
export async function startDaemon(config: Config, { log, applyFile, signal }: DaemonOptions): Promise<Daemon> {
  await using stack = new AsyncDisposableStack();
  const document = applyFile === undefined ? undefined : await loadApplyFile(applyFile);
  await assertPortFree(config.listen);

  const dataDir = resolve(config.dataDir);
  const flushMs = config.shutdownTimeoutMs * SHUTDOWN_SHARES.tracing;
  stack.use(await startTracing(config.tracing, { log, flushMs }));
  const killGraceMs = config.shutdownTimeoutMs * SHUTDOWN_SHARES.stopping;
  const drivers = await findDrivers(config, { dataDir, killGraceMs, log });
  const embedded =
    config.databaseUrl === undefined ? stack.use(await startEmbeddedPostgres({ dataDir, log })) : undefined;
  const databaseUrl = embedded?.url ?? config.databaseUrl ?? "";
  const directUrl = embedded?.url ?? config.databaseDirectUrl ?? databaseUrl;
  const throughPooler = embedded === undefined && directUrl !== databaseUrl;
  const pool = stack.adopt(openPool(databaseUrl, log, { throughPooler }), (opened) => opened.end());

  const wake = createWake(pool, log);
  stack.defer(() => wake.settled());
  const queue = stack.use(createBuildQueue(pool, log));
  const metrics = createMetrics({ pool, queue, wake, clock: systemClock, poolSettings: config }, config);
  const notifications = { windowMs: config.notificationWindowMs, channels: channelsOf(config) };
  const page = stack.use(observeForPage({ pool, clock: systemClock, log }, metrics.passes));
  const misses = createMissWatch({ pool, queue, clock: systemClock });
  const context: Context = {
    pool,
    queue,
    wake,
    clock: systemClock,
    log,
    poolSettings: config,
    workspaceSharingDisabled: config.workspaceSharingDisabled,
    claimPrebuild: createClaimer({ pool, queue }),
    aiBudgetPolicy: config.aiBudgetPolicy,
    ...page.hooks,
    notifications,
    onMiss(presetId) {
      misses.onMiss(presetId);
      metrics.misses.observeMiss(presetId);
    },
  };

  const health = createHealth();
  const sources = { health: health.report, metrics: metrics.scrape, poolsChanged: page.poolsChanged };
  const server = config.workersOnly ? buildMetricsServer(log, sources) : buildServer(context, sources);
  const url = await listenOn(stack, await server, config.listen);
  if (config.metricsListen) await listenOn(stack, await buildMetricsServer(log, sources), config.metricsListen);

  health.starting("migrating the database");
  const migrations = await migrateUp(directUrl);
  log.debug({ migrations: migrations.migrations.length }, "the database schema is current");
  health.starting("preparing the queue");
  await queue.start();
  // Who answers nobody has no use for the roles, and many come and go, perhaps of an older version.
  if (!config.workersOnly) {
    health.starting("reconciling the organization roles");
    await reconcileSystemRoles(context, { signal });
    await ensureDefaultOrganization(pool);
  }
  const admin = embedded ? await ensureAdmin(pool) : undefined;
  if (admin) stack.use(await provideLocalAccess({ pool, dataDir, url, userId: admin.id, clock: context.clock }));
  if (document) {
    health.starting("applying the given file");
    const initiatorId = (admin ?? (await ensureAdmin(pool))).id;
    const by = { initiatorId, actor: COMMAND_LINE };
    await applyDocument(context, document.document, by).catch((error: unknown) => {
      throw document.placed(error);
    });
    log.info({ file: applyFile }, `applied ${applyFile}`);
  }

  const worker = startWorker(context, {
    drivers,
    sourceOf: createSourceCache({ pool, dir: join(dataDir, "sources") }).directoryOf,
    workspacesDir: join(dataDir, "workspaces"),
    concurrency: config.provisioners,
  });
  stack.defer(() => worker.drain(config.shutdownTimeoutMs * SHUTDOWN_SHARES.finishing));

  const readMetrics = { name: "reading the metrics", intervalMs: config.metricsIntervalMs, log };
  // Values from the first moment on; without them the daemon is of use all the same.
  await metrics.refresh().catch((err: unknown) => log.warn({ err }, "the metrics could not be read; trying again"));
  const refreshing = stack.use(startLoop({ ...readMetrics, work: metrics.refresh }));

  stack.use(startDelivery(context, config));
  stack.use(startLoop({ name: "telling of empty pools", intervalMs: MISSES_MS, log, work: misses.flush }));

  const finish = (signal: AbortSignal) => finishClaims(context, signal);
  const claims = stack.use(
    startLoop({ name: "finishing the claims made in SQL", intervalMs: CLAIMS_MS, log, work: finish }),
  );

  const announce = createAnnouncer(log, { url, dataDir: embedded && config.dataDir });
  const leader = createLeader(context, {
    reconciliationIntervalMs: config.reconciliationIntervalMs,
    lifecycleMetrics: metrics.lifecycle,
    onPass(seconds, result) {
      page.observePass(seconds, result);
      if (result !== "failed") announce.pass(result, seconds);
    },
    forgetOld: page.forgetOld,
  });
  stack.use(
    listen({
      url: directUrl,
      channels: Object.values(CHANNELS),
      log,
      onNotification(channel, payload) {
        if (channel === CHANNELS.pools) leader.pokePools();
        if (channel === CHANNELS.pools) page.announceChange();
        if (channel === CHANNELS.jobs) worker.poke();
        if (channel === CHANNELS.cancel) worker.cancel(payload);
        if (channel === CHANNELS.claims) claims.poke();
        if (channel === CHANNELS.roles) leader.pokeRoles();
        if (channel === CHANNELS.metrics) refreshing.poke();
      },
      onSubscribed() {
        leader.pokePools();
        worker.poke();
        claims.poke();
        leader.pokeRoles();
        refreshing.poke();
      },
    }),
  );

  const lead = (signal: AbortSignal) => {
    metrics.passes.lead();
    return leader.lead(signal);
  };
  const leadership = stack.use(
    config.workersOnly
      ? abstainFromLeadership(pool, log)
      : competeForLeadership({ url: directUrl, lockName: "prebuildd:leader", log, lead }),
  );
  metrics.observeProcess({
    isLeader: () => leadership.isLeader,
    isReady: () => health.report().ready.ok,
    isDatabaseUp: () => leadership.idleMs() < UNREADY_MS,
    runningBuilds: () => worker.running,
    provisioners: config.provisioners,
  });
  const stallMs = Math.max(3 * config.reconciliationIntervalMs, SHORTEST_STALL_MS);
  health.restartWhenIdle("the pass over the pools", leader.idleMs.pools, stallMs);
  // When very much is due at once it takes its time, and a restart would only make it begin again.
  health.restartWhenIdle("the rules of the lifecycle", leader.idleMs.lifecycle, 10 * LIFECYCLE_MS);
  health.restartWhenIdle("looking for work", worker.idleMs, Math.max(stallMs, SLOW_DATABASE_MS));
  health.unreadyWhenIdle("the database does not answer", leadership.idleMs, UNREADY_MS);

  health.ready();
  stack.defer(() => health.stopping());
  const what = config.workersOnly ? "this replica runs builds only; probes and metrics answer" : "the API answers";
  log.info({ url }, `ready: ${what} at ${url}`);
  const running = stack.move();
  return {
    url,
    failed: embedded?.failed ?? new Promise(() => {}),
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}
