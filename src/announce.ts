import { relative } from "node:path";
import { localFiles } from "./local-access.ts";
import type { Logger } from "./log.ts";
import { createNews, type Telling } from "./news.ts";
import { poolFields, poolName } from "./prebuilds/name.ts";
import { createProgress } from "./prebuilds/progress.ts";
import type { PassResult } from "./prebuilds/reconcile.ts";
import { schedulingProblem } from "./prebuilds/schedule.ts";
import { isActive } from "./prebuilds/snapshot.ts";
import type { Pool } from "./prebuilds/store.ts";

/** More pools than this changing at once are told in one line. */
const TELL_EACH = 10;

/** Tells a person what passes do: each pool as it fills, and once that all are full and how to claim one. */
export function createAnnouncer(log: Logger, access: { readonly url: string; readonly dataDir: string | undefined }) {
  const progress = createProgress();
  const backoffs = createNews<Telling & { readonly pool: Pool }>();
  const badSchedules = createNews<Telling & { readonly pool: Pool }>();
  let paused = false;
  let greeted = false;

  return {
    pass(result: PassResult, seconds: number): void {
      const touched = result.results.reduce((sum, { done }) => sum + done, 0);
      const ms = Math.round(seconds * 1_000);
      if (touched > 0 || result.failures > 0) {
        const text = `pass over ${result.pools.length} pools: ${touched} prebuilds touched in ${ms} ms`;
        log.info({ pass: result.pass, pools: result.pools.length, touched, failures: result.failures, ms }, text);
      } else {
        log.debug(
          { pass: result.pass, pools: result.pools.length, ms },
          `pass over ${result.pools.length} pools: nothing to do`,
        );
      }
      const changed = progress(result.pools);
      if (changed.length > TELL_EACH) log.info({ pools: changed.length }, `${changed.length} pools changed`);
      else {
        for (const { pool, wanted, building, ready } of changed) {
          const text = `pool ${pool}: ${ready} of ${wanted} ready${building > 0 ? `, ${building} building` : ""}`;
          log.info({ pool, wanted, building, ready }, text);
        }
      }
      tellPause(result);
      tellBackoffs(result);
      tellBadSchedules(result);
      greet(result);
    },
  };

  function tellPause({ pause }: PassResult): void {
    if (pause !== null && !paused) {
      const since = pause.at.toISOString();
      log.warn({ by: pause.by, since }, `all pools are paused since ${since}: nothing is created, deleted or canceled`);
    }
    if (pause === null && paused) log.info("the pools are no longer paused");
    paused = pause !== null;
  }

  /** A pool that backs off does so in every pass; it is told when that begins and when it is prolonged. */
  function tellBackoffs({ results }: PassResult): void {
    const current = results.flatMap(({ pool, action }) =>
      action.kind === "backoff" ? [{ about: pool.id, says: action.until.toISOString(), pool }] : [],
    );
    for (const { pool, says: until } of backoffs(current)) {
      const text = `pool ${poolName(pool)}: no creations until ${until}, because builds failed`;
      log.warn({ ...poolFields(pool), until }, text);
    }
  }

  function tellBadSchedules({ pools }: PassResult): void {
    const current = pools.flatMap(({ pool }) => {
      const problem = pool.scheduling && isActive(pool) ? schedulingProblem(pool.scheduling) : undefined;
      return problem === undefined ? [] : [{ about: pool.id, says: problem, pool }];
    });
    for (const { pool, says: problem } of badSchedules(current)) {
      const text = `pool ${poolName(pool)}: its schedule is not used, because ${problem}; it keeps its base size`;
      log.error(poolFields(pool), text);
    }
  }

  function greet({ pools }: PassResult): void {
    const full = pools.filter(({ plan }) => plan.state.desired > 0);
    if (greeted || full.length === 0 || full.some(({ plan }) => plan.state.eligible < plan.state.desired)) return;
    greeted = true;
    const first = full[0];
    if (!first) return;
    log.info({ url: access.url }, `all pools are full; the status page is at ${access.url}/`);
    if (access.dataDir === undefined) return;
    const setting = access.dataDir === ".prebuildd" ? "" : `PREBUILDD_DATA_DIR=${access.dataDir} `;
    const { templateName, presetName } = first.pool;
    log.info(`the token is in ${relative(process.cwd(), localFiles(access.dataDir).token)}`);
    log.info(
      `claim a workspace:  ${setting}npx prebuildd claim --template ${templateName} --preset ${presetName} --name my-workspace`,
    );
  }
}
