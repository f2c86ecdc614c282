import type pg from "pg";
import { quantile, timed } from "./measure.ts";

const UPDATES = 20;

/** The least that a durable change costs here: one row, found by its key, committed; the middle of several, in ms. */
export async function updateByKey(pool: pg.Pool): Promise<number> {
  const times: number[] = [];
  for (let update = 0; update < UPDATES; update += 1) {
    const key = 1 + Math.floor(Math.random() * 1_000);
    const { ms } = await timed(() => pool.query("update bench.keyed set value = value + 1 where id = $1", [key]));
    times.push(ms);
  }
  return quantile(times, 0.5);
}
