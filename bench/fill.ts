import { randomUUID } from "node:crypto";
import type pg from "pg";
import { runPass } from "../src/prebuilds/reconcile.ts";
import type { Bench } from "./environment.ts";
import { interleave, ratioOf, spreadOf, timed } from "./measure.ts";
import { short, type Table, target } from "./report.ts";
import { loadWorld, restoreWorld, type World, type WorldSize } from "./world.ts";

const TARGET = 0.25;
/** What one prebuild consists of: workspace, job, build, and the item in the queue; parameters are left out here. */
const ROWS_PER_PREBUILD = 4;

/** How fast one empty pool is filled by one pass, against a plain insert of as many narrow rows. */
export async function benchFill(
  { context }: Bench,
  options: { size: WorldSize; rounds: number; desired: number },
): Promise<Table> {
  const { pool } = context;
  const presetId = await addEmptyPool(pool, await loadWorld(context, options.size));
  const rows = options.desired * ROWS_PER_PREBUILD;
  const setDesired = (desired: number) =>
    pool.query("update template_version_presets set desired_instances = $2 where id = $1", [presetId, desired]);
  const measured = await interleave(options.rounds, {
    baseline: async () => {
      const { ms } = await timed(() => insertPlainly(pool, rows));
      await pool.query("truncate bench.narrow");
      return (1_000 * rows) / ms;
    },
    fill: async () => {
      await setDesired(options.desired);
      const { ms, result } = await timed(() => runPass(context, new AbortController().signal));
      if (result.results[0]?.done !== options.desired) throw new Error("the pass did not fill the pool");
      await setDesired(0);
      await context.wake.settled();
      await restoreWorld(context);
      return (1_000 * rows) / ms;
    },
  });
  const ratio = ratioOf(measured.fill, measured.baseline);
  return {
    subject: "fill",
    title: `Filling one pool of ${options.desired} from empty, at ${options.size.name}`,
    baseline: `a plain multi-row insert of ${rows} narrow rows`,
    rows: [
      { name: "plain insert, rows", unit: "per s", value: spreadOf(measured.baseline) },
      {
        name: "one pass, rows",
        unit: "per s",
        value: spreadOf(measured.fill),
        ratio,
        details: `${short(spreadOf(measured.fill).median / ROWS_PER_PREBUILD)} prebuilds per s`,
        target: target("ratio", ratio.median, { least: TARGET }),
      },
    ],
  };
}

async function addEmptyPool(pool: pg.Pool, world: World): Promise<string> {
  const { rows } = await pool.query<{ id: string }>(
    `insert into template_version_presets (template_version_id, name, desired_instances)
     select active_version_id, 'filled', 0 from templates where id = $1 returning id`,
    [world.presets[0]?.templateId],
  );
  const id = rows[0]?.id;
  if (id === undefined) throw new Error("the world has no template");
  return id;
}

async function insertPlainly(pool: pg.Pool, count: number): Promise<void> {
  const ids = Array.from({ length: count }, () => randomUUID());
  const now = new Date();
  await pool.query(
    `insert into bench.narrow (id, other_id, name, created_at)
     select * from unnest($1::uuid[], $2::uuid[], $3::text[], $4::timestamptz[])`,
    [ids, ids, ids.map((id) => `prebuild-${id.slice(0, 13)}`), ids.map(() => now)],
  );
}
