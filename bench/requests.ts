import { Agent } from "node:http";
import { ask } from "./ask.ts";
import { claimOverHttp, demandAllDistinct, tokensOf } from "./claim-over-http.ts";
import { startDaemonProcess } from "./daemon.ts";
import type { Bench } from "./environment.ts";
import { quantile, ratioOf, spreadOf } from "./measure.ts";
import { type Row, short, type Table, target } from "./report.ts";
import { steadily } from "./steadily.ts";
import { loadWorld, restoreWorld, type WorldSize } from "./world.ts";

const TARGETS = { p50: 10, p99: 50 } as const;
/** For how long requests are sent in each round before those that count. */
const WARM_UP_SECONDS = 2;

/**
 * How long a request for a workspace takes from outside, with a real daemon: requests leave at a steady rate, whether or
 * not those before are answered, and each is measured from the moment at which it was to leave.
 */
export async function benchRequests(
  bench: Bench,
  options: { size: WorldSize; rounds: number; seconds: number; perSecond: number },
): Promise<Table> {
  const { pool } = bench.context;
  const world = await loadWorld(bench.context, options.size);
  const measured = { idle: [] as number[], claim: [] as number[] };
  const all: number[] = [];
  for (let round = 0; round < options.rounds; round += 1) {
    await using stack = new AsyncDisposableStack();
    const url = await startDaemonProcess(stack, bench.url);
    const agent = new Agent({ keepAlive: true, maxSockets: 256 });
    stack.defer(() => agent.destroy());
    const [token = ""] = await tokensOf(pool, world, 1);
    const asking = { agent, url, token };
    const rate = { perSecond: options.perSecond, calls: options.perSecond * options.seconds };
    const idle = await timesOf(rate, () =>
      ask({ ...asking, method: "GET", path: "/api/v2/buildinfo", json: undefined }),
    );
    const claimed: string[] = [];
    const claim = async (index: number) => {
      claimed.push(await claimOverHttp(asking, world.presets[index % world.presets.length]));
    };
    await timesOf({ ...rate, calls: options.perSecond * Math.min(WARM_UP_SECONDS, options.seconds) }, claim);
    const claims = await timesOf(rate, claim);
    demandAllDistinct(claimed);
    measured.idle.push(quantile(idle, 0.5));
    measured.claim.push(quantile(claims, 0.5));
    all.push(...claims);
    await stack.disposeAsync();
    await restoreWorld(bench.context);
  }
  const row = (name: string, part: number, most: number | undefined): Row => ({
    name,
    unit: "ms",
    value: spreadOf([quantile(all, part)]),
    ...(most === undefined ? {} : { target: target(name, quantile(all, part), { most }) }),
  });
  return {
    subject: "requests",
    title: `POST …/workspaces at ${options.perSecond} per second, ${options.size.name}`,
    baseline: "GET /buildinfo from the same daemon at the same rate, median",
    rows: [
      { name: "GET /buildinfo, median", unit: "ms", value: spreadOf(measured.idle) },
      {
        name: "claim, median of each round",
        unit: "ms",
        value: spreadOf(measured.claim),
        ratio: ratioOf(measured.claim, measured.idle),
        details: `${all.length} claims, none lost, none double; p90/p99.9/max ${[0.9, 0.999, 1].map((part) => short(quantile(all, part))).join(" / ")} ms`,
      },
      row("p50", 0.5, TARGETS.p50),
      row("p99", 0.99, TARGETS.p99),
    ],
  };
}

/** How long each request took from the moment at which it was to leave, in milliseconds. */
async function timesOf(
  rate: { perSecond: number; calls: number },
  send: (index: number) => Promise<unknown>,
): Promise<number[]> {
  const times: number[] = [];
  await steadily(rate, async (index, at) => {
    await send(index);
    times.push(performance.now() - at);
  });
  return times;
}
