import { Agent } from "node:http";
import { createSpendRecorder } from "../src/budgets/record.ts";
import { createToken } from "../src/users/tokens/create.ts";
import { ask } from "./ask.ts";
import { startDaemonProcess } from "./daemon.ts";
import { type Bench, openClients, uniqueName } from "./environment.ts";
import { interleave, ratioOf, spreadOf } from "./measure.ts";
import { type Row, type Table, target } from "./report.ts";
import { loadSpenders } from "./spenders.ts";

/** The target holds for what a gateway sees, at as many clients as it takes to keep everything busy. */
const TARGET_CLIENTS = 128;
const LEAST = 0.5;
const CONNECTIONS = 10;
const NAMES = { upsert: "bare upsert", record: "adding spend", request: "POST …/ai/spend" } as const;

const UPSERT = `insert into bench.spend as s (user_id, day, micros) values ($1, current_date, $2)
  on conflict (user_id, day) do update set micros = s.micros + excluded.micros`;

/** How many spends are added in a second, against an upsert of one row that knows nothing of requests and budgets. */
export async function benchSpend(
  bench: Bench,
  options: { users: number; rounds: number; clients: readonly number[]; spends: (clients: number) => number },
): Promise<Table> {
  await using stack = new AsyncDisposableStack();
  const { userIds, ownerId } = await loadSpenders(bench.context.pool, options.users);
  const pool = openClients(stack, bench.url, CONNECTIONS);
  const record = createSpendRecorder({ ...bench.context, pool });
  const url = await startDaemonProcess(stack, bench.url);
  const agent = new Agent({ keepAlive: true });
  stack.defer(() => agent.destroy());
  const token = await createToken(bench.context.pool, { userId: ownerId, name: uniqueName() });

  const ways: Record<keyof typeof NAMES, (userId: string) => Promise<unknown>> = {
    upsert: (userId) => pool.query({ name: "bare upsert", text: UPSERT, values: [userId, 1] }),
    record: (userId) => record({ userId, requestId: uniqueName(), micros: 1 }),
    request: async (userId) => {
      const json = { request_id: uniqueName(), spend_micros: 1 };
      const path = `/api/v2/users/${userId}/ai/spend`;
      const { status, body } = await ask({ agent, url, token, method: "POST", path, json });
      if (status !== 200) throw new Error(`not added: ${status} ${body}`);
    },
  };
  const rows: Row[] = [];
  for (const clients of options.clients) {
    const run = (way: keyof typeof NAMES) => () => perSecond(userIds, options.spends(clients), clients, ways[way]);
    const measured = await interleave(options.rounds, {
      upsert: run("upsert"),
      record: run("record"),
      request: run("request"),
    });
    for (const way of ["upsert", "record", "request"] as const) {
      const ratio = way === "upsert" ? undefined : ratioOf(measured[way], measured.upsert);
      const isTarget = clients === TARGET_CLIENTS && way === "request";
      rows.push({
        name: `${NAMES[way]}, ${clients} client${clients === 1 ? "" : "s"}`,
        unit: "per s",
        value: spreadOf(measured[way]),
        ...(ratio && { ratio }),
        ...(ratio && isTarget && { target: target("ratio", ratio.median, { least: LEAST }) }),
      });
    }
  }
  return {
    subject: "spend",
    title: `AI spend of ${options.users} users, each in five groups with a budget and with a month of spend`,
    baseline: "the bare upsert, on ten connections",
    rows,
  };
}

/** Lets each client add one spend after the other, of users in turn, until all are added. */
async function perSecond(
  userIds: readonly string[],
  spends: number,
  clients: number,
  add: (userId: string) => Promise<unknown>,
): Promise<number> {
  let next = 0;
  const startedAt = performance.now();
  await Promise.all(
    Array.from({ length: clients }, async () => {
      while (next < spends) {
        next += 1;
        await add(userIds[next % userIds.length] ?? "");
      }
    }),
  );
  return (1_000 * spends) / (performance.now() - startedAt);
}
