import { type Batcher, createBatcher } from "../batch.ts";
import type { Context } from "../context.ts";
import { databaseErrorOf, errorOf, isLockTimeout, ProblemError } from "../errors.ts";
import { notFound } from "../http/authorize.ts";
import { MAX_MICROS } from "./amount.ts";
import { effectiveBudget } from "./effective.ts";
import { type Period, periodOf } from "./period.ts";
import { addSpend, findSpends, readBudgetFacts, readSpendFacts, type Spend } from "./spend-store.ts";
import { type Spending, spendingOf } from "./spending.ts";

/** Two batches are on their way at the same time: while one waits for the database, the other one computes. */
export const BATCHES = { lanes: 2, largest: 200 } as const;

/** Somebody's spend with all that has been added, and the period that it is for. */
type RecordedSpend = { readonly spending: Spending; readonly period: Period };

/** Adds to somebody's spend, once for each of their request ids. */
export type RecordSpend = Batcher<Spend, RecordedSpend>;

type Recorder = Pick<Context, "pool" | "clock" | "aiBudgetPolicy">;

/** A sum that is too large, a user who is just gone, locks: what is wrong with some of several spends, not with all. */
const isItemsFault = (error: unknown) => /^(22|23|40|55P03)/.test(databaseErrorOf(error)?.code ?? "");

/**
 * Makes the one way to add to what users have spent. Spends that arrive together share their statements: one reads what
 * decides which group each counts for, and one adds all of them. When a request id is used again nothing is added, and
 * the answer is what has been spent by now.
 *
 * Rejects with a ProblemError when there is no such user, when the request id was used for another amount, when the
 * month's sum would be more than can be said exactly, and when somebody keeps what the user has spent locked.
 */
export function createSpendRecorder(recorder: Recorder): RecordSpend {
  return createBatcher<Spend, RecordedSpend>({
    ...BATCHES,
    isItemsFault: () => false, // they are found here, where it is known which of them wait for the same row
    work: (spends) => recordInParts(recorder, spends),
  });
}

/** Records the spends together; when that fails because of some of them, those that may be worked on without these. */
async function recordInParts(recorder: Recorder, spends: readonly Spend[]): Promise<(RecordedSpend | Error)[]> {
  try {
    return await recordAll(recorder, spends);
  } catch (error) {
    const byUser = Map.groupBy(spends, ({ userId }) => userId);
    // A row that is locked is waited for once, however many of its user's spends there are.
    const parts = isLockTimeout(error) ? [...byUser.values()] : spends.map((spend) => [spend]);
    if (!isItemsFault(error) || parts.length === 1) {
      const problem = problemOf(error) ?? errorOf(error);
      return spends.map(() => problem);
    }
    const results = new Map<Spend, RecordedSpend | Error>();
    for (const part of parts) {
      for (const [index, result] of (await recordInParts(recorder, part)).entries()) {
        const spend = part[index];
        if (spend) results.set(spend, result);
      }
    }
    return spends.map((spend) => results.get(spend) ?? errorOf(error));
  }
}

async function recordAll(
  { pool, clock, aiBudgetPolicy }: Recorder,
  spends: readonly Spend[],
): Promise<(RecordedSpend | Error)[]> {
  const now = clock.now();
  const period = periodOf(now);
  const usersOf = (some: readonly Spend[]) => [...new Set(some.map(({ userId }) => userId))];
  const facts = await readBudgetFacts(pool, usersOf(spends));
  const budgets = new Map(facts.map((one) => [one.userId, effectiveBudget(aiBudgetPolicy, one)]));

  const first = new Map(spends.toReversed().map((spend) => [keyOf(spend), spend]));
  const attributed = Array.from(first.values()).flatMap((spend) => {
    const budget = budgets.get(spend.userId);
    return budget ? { ...spend, groupId: budget.groupId } : [];
  });
  const added = new Map((await addSpend(pool, attributed, period, now)).map((one) => [keyOf(one), one.totalMicros]));
  const totalOf = (spend: Spend) => (first.get(keyOf(spend)) === spend ? added.get(keyOf(spend)) : undefined);

  const repeated = spends.filter((spend) => budgets.has(spend.userId) && totalOf(spend) === undefined);
  const earlier = new Map((await findSpends(pool, repeated)).map((one) => [keyOf(one), one.micros]));
  const current = new Map((await readSpendFacts(pool, usersOf(repeated), period)).map((one) => [one.userId, one]));
  return spends.map((spend) => {
    const { userId, micros } = spend;
    const budget = budgets.get(userId);
    if (!budget) return notFound();
    const total = totalOf(spend);
    if (total !== undefined) return { spending: { userId, budget, spentMicros: total }, period };
    if (earlier.get(keyOf(spend)) !== micros) return alreadyUsed(spend, earlier.get(keyOf(spend)));
    const known = current.get(userId);
    return known ? { spending: spendingOf(aiBudgetPolicy, known), period } : notFound();
  });
}

const keyOf = ({ userId, requestId }: Pick<Spend, "userId" | "requestId">): string => `${userId} ${requestId}`;

function problemOf(error: unknown): ProblemError | undefined {
  const code = databaseErrorOf(error)?.code;
  if (code === "23503") return notFound();
  if (code === "23514") return tooMuch();
  if (code !== "55P03" && code !== "40P01") return undefined;
  const message = "somebody keeps what the user has spent locked, so nothing was added; send it again in a moment";
  return new ProblemError("unavailable", message, { cause: error });
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
