import { type Batcher, createBatcher } from "../batch.ts";
import type { Context } from "../context.ts";
import { databaseErrorOf, ProblemError } from "../errors.ts";
import { notFound } from "../http/authorize.ts";
import { MAX_MICROS } from "./amount.ts";
import { type Period, periodOf } from "./period.ts";
import { addSpend, findSpends, readSpendFacts, type Spend } from "./spend-store.ts";
import { type Spending, spendingOf } from "./spending.ts";

/** Two batches are on their way at the same time: while one waits for the disk, the other one computes. */
const BATCHES = { lanes: 2, largest: 200 } as const;

/** Somebody's spend with all that has been added, and the period that it is for. */
export type RecordedSpend = { readonly spending: Spending; readonly period: Period };

/** Adds to somebody's spend, once for each of their request ids. */
export type RecordSpend = Batcher<Spend, RecordedSpend>;

type Recorder = Pick<Context, "pool" | "clock" | "aiBudgetPolicy">;

/** A day's sum that is too large, a user who is just gone and deadlocks come from an item; a lost database does not. */
const isItemsFault = (error: unknown) => /^(22|23|40)/.test(databaseErrorOf(error)?.code ?? "");

/**
 * Makes the one way to add to what users have spent. Spends that arrive together share their statements: one reads what
 * decides which group each counts for, and one adds all of them. When a request id is used again nothing is added, and
 * the answer is what has been spent by now.
 *
 * Rejects with a ProblemError when there is no such user, when the request id was used for another amount, and when the
 * month's sum would be more than can be said exactly.
 */
export function createSpendRecorder(recorder: Recorder): RecordSpend {
  const record = createBatcher<Spend, RecordedSpend>({
    ...BATCHES,
    isItemsFault,
    work: (spends) => recordAll(recorder, spends),
  });
  return (spend, signal) => record(spend, signal).catch((error: unknown) => Promise.reject(problemOf(error) ?? error));
}

async function recordAll(
  { pool, clock, aiBudgetPolicy }: Recorder,
  spends: readonly Spend[],
): Promise<(RecordedSpend | Error)[]> {
  const now = clock.now();
  const period = periodOf(now);
  const read = async (some: readonly Spend[]): Promise<ReadonlyMap<string, Spending>> => {
    const facts = await readSpendFacts(pool, [...new Set(some.map(({ userId }) => userId))], period);
    return new Map(facts.map((one) => [one.userId, spendingOf(aiBudgetPolicy, one)]));
  };

  const before = await read(spends);
  const fits = (spend: Spend) => (before.get(spend.userId)?.spentMicros ?? Infinity) + spend.micros <= MAX_MICROS;
  const first = new Map(
    spends
      .filter(fits)
      .reverse()
      .map((spend) => [keyOf(spend), spend]),
  );
  const attributed = Array.from(first.values(), (spend) => ({ ...spend, groupId: groupOf(before.get(spend.userId)) }));
  const added = new Map((await addSpend(pool, attributed, period, now)).map((one) => [keyOf(one), one.totalMicros]));
  const totalOf = (spend: Spend) => (first.get(keyOf(spend)) === spend ? added.get(keyOf(spend)) : undefined);

  const others = spends.filter((spend) => totalOf(spend) === undefined);
  const earlier = new Map((await findSpends(pool, others)).map((one) => [keyOf(one), one.micros]));
  const after = await read(others);
  return spends.map((spend) => {
    const known = before.get(spend.userId);
    if (!known) return notFound();
    const total = totalOf(spend);
    if (total !== undefined) return { spending: { ...known, spentMicros: total }, period };
    const used = earlier.get(keyOf(spend));
    if (used === spend.micros) return { spending: after.get(spend.userId) ?? known, period };
    return used === undefined && !fits(spend) ? tooMuch() : alreadyUsed(spend, used);
  });
}

const keyOf = ({ userId, requestId }: Pick<Spend, "userId" | "requestId">): string => `${userId} ${requestId}`;
const groupOf = (spending: Spending | undefined): string | null => spending?.budget.groupId ?? null;

function problemOf(error: unknown): ProblemError | undefined {
  const code = databaseErrorOf(error)?.code;
  if (code === "23503") return notFound();
  return code === "23514" || code === "22003" ? tooMuch() : undefined;
}

function tooMuch(): ProblemError {
  const detail = `would make the month's sum more than ${MAX_MICROS} micros, which is the most that can be said exactly`;
  return new ProblemError("invalid", "the request is not valid", { validations: [{ field: "spend_micros", detail }] });
}

function alreadyUsed({ requestId }: Spend, micros: number | undefined): ProblemError {
  const before = micros === undefined ? "a moment ago" : `for ${micros} micros`;
  return new ProblemError(
    "conflict",
    `the request id ${JSON.stringify(requestId)} was used ${before}; send what is spent anew under an id of its own`,
  );
}
