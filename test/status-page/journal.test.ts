import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { systemClock } from "../../src/clock.ts";
import { createLogger } from "../../src/log.ts";
import { runPass } from "../../src/prebuilds/reconcile.ts";
import { createJournal } from "../../src/status-page/journal.ts";
import { readPasses, readRequests } from "../../src/status-page/store.ts";
import { givenContext, givenPool } from "../support/given.ts";
import { waitFor } from "../support/wait-for.ts";

const never = new AbortController().signal;

describe("the journal", () => {
  it("keeps what passes did and how requests ended; of quiet passes between two writings the last one is enough", async (t) => {
    const context = await givenContext(t);
    const { presetId } = await givenPool(context, { desired: 2 });
    const busy = await runPass(context, never);
    const quiet = await runPass(context, never);
    {
      await using journal = createJournal({ ...context, replica: "one" });
      journal.pass(0.25, busy);
      for (let times = 0; times < 5; times += 1) journal.pass(0.01, quiet);
      journal.pass(3, "failed");
      journal.request(0.005, null, presetId);
      journal.request(0.1, "pool_empty", presetId);
      journal.request(0.2, "no_preset", null);
    }
    const passes = await readPasses(context.pool, 10);
    assert.deepEqual(
      passes.map(({ replica, durationMs, pools, actions, failures }) => [
        replica,
        durationMs,
        pools,
        actions,
        failures,
      ]),
      [
        ["one", 3_000, 0, [], 1],
        ["one", 250, 1, [{ kind: "create", reason: "below_target", count: 2 }], 0],
      ],
    );
    const { rows } = await context.pool.query("select from recent_passes");
    assert.equal(rows.length, 3);
    const requests = await readRequests(context.pool, 10);
    assert.deepEqual(
      requests.map(({ result, durationMs, pool }) => [result, durationMs, pool?.preset_name]),
      [
        ["no_preset", 200, undefined],
        ["pool_empty", 100, "small"],
        ["claimed", 5, "small"],
      ],
    );
  });

  it("writes later what it could not write, without waiting and up to a limit, and forgets what is old", async (t) => {
    const context = await givenContext(t);
    await context.pool.query("alter table recent_requests rename to away");
    const warnings: string[] = [];
    const log = createLogger("warn", { write: (line) => void warnings.push(line) });
    await using journal = createJournal({ pool: context.pool, clock: systemClock, log });
    for (let number = 0; number < 1_500; number += 1) journal.request(number / 1_000, "pool_empty", null);
    await waitFor("an attempt to write", () => warnings.some((line) => line.includes("could not note")));
    await context.pool.query("alter table away rename to recent_requests");
    const stored = async () => (await context.pool.query("select duration_ms from recent_requests order by id")).rows;
    await waitFor("what was noted", async () => (await stored()).length > 0);
    const kept = await stored();
    assert.deepEqual([kept.length, kept[0].duration_ms, kept.at(-1).duration_ms], [1_000, 500, 1_499]);
    await journal.forget(new Date(Date.now() + 1_000));
    assert.deepEqual(await stored(), []);
  });
});
