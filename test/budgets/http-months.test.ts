import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { it } from "node:test";
import { promisify } from "node:util";
import { startTestServer } from "../http/server.ts";
import {
  bodyOf,
  givenGroup,
  givenReplica,
  groupsSpend,
  keepTokens,
  membersSpend,
  putGroup,
  report,
  spendOf,
} from "./http-support.ts";

const run = promisify(execFile);

/** Moments in order, with the month that each is in; everything is spent by one user. */
const MOMENTS: readonly (readonly [at: string, start: string, end: string])[] = [
  ["2027-11-30T23:59:59.999Z", "2027-11-01", "2027-12-01"],
  ["2027-12-01T00:00:00.000Z", "2027-12-01", "2028-01-01"],
  ["2027-12-31T23:59:59.999Z", "2027-12-01", "2028-01-01"],
  ["2028-01-01T00:00:00.000Z", "2028-01-01", "2028-02-01"],
  ["2028-01-31T10:00:00.000Z", "2028-01-01", "2028-02-01"],
  ["2028-02-01T09:59:59.999Z", "2028-02-01", "2028-03-01"],
  ["2028-02-28T23:59:59.999Z", "2028-02-01", "2028-03-01"],
  ["2028-02-29T00:00:00.000Z", "2028-02-01", "2028-03-01"],
  ["2028-02-29T23:59:59.999Z", "2028-02-01", "2028-03-01"],
  ["2028-03-01T00:00:00.000Z", "2028-03-01", "2028-04-01"],
  ["2028-03-12T10:00:00.000Z", "2028-03-01", "2028-04-01"],
];

/** What has been spent in the month when the amounts 1, 10, 100 ... are spent at the moments, one after the other. */
function spentAt(index: number): number {
  const [, month] = MOMENTS[index] ?? [];
  return MOMENTS.slice(0, index + 1).reduce((sum, [, start], n) => sum + (start === month ? 10 ** n : 0), 0);
}

const inUtc = (day: string) => `${day}T00:00:00.000Z`;

it("what was spent counts from the first moment of a calendar month in UTC until the first of the next", async (t) => {
  const server = await startTestServer(t);
  await keepTokens(server);
  const group = await givenGroup(server, [server.alice]);
  bodyOf(await putGroup(server, group, 5 * 10 ** 10));
  const tell = async (at: string, start: string, end: string, added: number, spent: number) => {
    const replica = await givenReplica(t, server, at);
    const told = bodyOf(await report(replica, "alice", added));
    const period = { period_start: inUtc(start), period_end: inUtc(end) };
    assert.deepEqual(told, { ...told, ...period, current_spend_micros: spent }, at);
    assert.equal(told.remaining_micros, 5 * 10 ** 10 - spent, at);
    const { remaining_micros: _left, limit_reached: _reached, ...rest } = told;
    assert.deepEqual(await spendOf(replica, "alice"), rest, at);
    for (const path of [groupsSpend(`group_ids=${group}`), membersSpend(group, `user_ids=${server.alice.id}`)]) {
      const { groups, members, ...within } = bodyOf(await replica.send("GET", path, { as: server.admin }));
      assert.deepEqual(within, period, at);
      assert.equal((groups ?? members)[0].current_spend_micros, spent, at);
    }
  };
  for (const [index, [at, start, end]] of MOMENTS.entries()) await tell(at, start, end, 10 ** index, spentAt(index));
  // Once more, when something has been spent in the months after, too.
  for (const [at, start, end] of MOMENTS.slice(0, 4)) {
    await tell(at, start, end, 0, spentAt(MOMENTS.findLastIndex(([, month]) => month === start)));
  }
});

it("a limit that was reached is not in the next month, and what is repeated then adds nothing to it", async (t) => {
  const server = await startTestServer(t);
  await keepTokens(server);
  bodyOf(await putGroup(server, server.defaultOrganizationId, 100));
  const before = await givenReplica(t, server, "2027-12-31T23:59:59.999Z");
  const after = await givenReplica(t, server, "2028-01-01T00:00:00.000Z");
  const december = bodyOf(await report(before, "alice", 150, "r1"));
  assert.deepEqual([december.current_spend_micros, december.remaining_micros, december.limit_reached], [150, 0, true]);
  const january = bodyOf(await report(after, "alice", 150, "r1"));
  assert.deepEqual([january.current_spend_micros, january.remaining_micros, january.limit_reached], [0, 100, false]);
  const again = bodyOf(await report(before, "alice", 150, "r1"));
  assert.deepEqual(again, december);
});

/** Spends at the moments, in a process whose local time is another one, and prints what came of it. */
const PROGRAM = `
  const { openPool, createSpendRecorder, createLogger } = Object.assign(
    {}, ...await Promise.all(["db/connection", "budgets/record", "log"].map((file) => import(process.argv[1] + file + ".ts"))));
  const [, , url, userId, moments] = process.argv;
  const pool = openPool(url, createLogger("silent", process.stderr));
  const seen = [];
  for (const [index, [at]] of JSON.parse(moments).entries()) {
    const record = createSpendRecorder({ pool, clock: { now: () => new Date(at) }, aiBudgetPolicy: "highest" });
    const { spending, period } = await record({ userId, requestId: "r" + index, micros: 10 ** index });
    seen.push([period.start, period.end, spending.spentMicros]);
  }
  const { rows: [{ zone }] } = await pool.query("select current_setting('TimeZone') as zone");
  await pool.end();
  console.log(JSON.stringify({ seen, zone, offset: new Date(Date.UTC(2028, 0, 1)).getTimezoneOffset() }));
`;

it("the month is that of UTC whatever the local time of the daemon and of the database is", async (t) => {
  const server = await startTestServer(t);
  const { rows } = await server.pool.query("select current_database() as name");
  const source = new URL("../../src/", import.meta.url).href;
  for (const [zone, offset, user] of [
    ["America/New_York", 300, server.alice],
    ["Pacific/Kiritimati", -840, server.bob],
  ] as const) {
    await server.pool.query(`alter database ${rows[0].name} set timezone to '${zone}'`);
    const args = [source, server.databaseUrl, user.id, JSON.stringify(MOMENTS)];
    const env = { PATH: process.env["PATH"], TZ: zone };
    const { stdout } = await run(process.execPath, ["--input-type=module", "-e", PROGRAM, ...args], { env });
    const seen = MOMENTS.map(([, start, end], index) => [start, end, spentAt(index)]);
    assert.deepEqual(JSON.parse(stdout), { seen, zone, offset });
    const { rows: days } = await server.pool.query(
      "select day::text, spend_micros::float8 as micros from ai_user_daily_spend where user_id = $1 order by 2",
      [user.id],
    );
    assert.deepEqual(
      Map.groupBy(days, ({ day }) => day).size,
      new Set(MOMENTS.map(([at]) => at.slice(0, 10))).size,
      "each day in UTC has a row of its own",
    );
  }
});
