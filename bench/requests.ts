import { Agent } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import { createToken } from "../src/users/tokens/create.ts";
import { type Answer, ask } from "./ask.ts";
import { startDaemonProcess } from "./daemon.ts";
import { type Bench, uniqueName } from "./environment.ts";
import { quantile, ratioOf, spreadOf } from "./measure.ts";
import { type Row, short, type Table, target } from "./report.ts";
import { loadWorld, restoreWorld, type World, type WorldSize } from "./world.ts";

const TARGETS = { p50: 10, p99: 50 } as const;
/** For how long requests are sent in each round before those that count. */
const WARM_UP_SECONDS = 2;

type Sent = { readonly ms: number; readonly answer: Answer };

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
    const token = await createToken(pool, { userId: world.userIds[0] ?? "", name: uniqueName() });
    const send = (method: string, path: string, json?: unknown) => ask({ agent, url, token, method, path, json });
    const rate = { perSecond: options.perSecond, seconds: options.seconds };
    const idle = await sendSteadily(rate, () => send("GET", "/api/v2/buildinfo"));
    await sendSteadily({ ...rate, seconds: Math.min(WARM_UP_SECONDS, rate.seconds) }, (index) =>
      claim(send, world, index),
    );
    const claims = await sendSteadily(rate, (index) => claim(send, world, index));
    demandAllDistinct(claims);
    measured.idle.push(quantile(times(idle), 0.5));
    measured.claim.push(quantile(times(claims), 0.5));
    all.push(...times(claims));
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

const times = (sent: readonly Sent[]): number[] => sent.map(({ ms }) => ms);

async function sendSteadily(
  { perSecond, seconds }: { perSecond: number; seconds: number },
  send: (index: number) => Promise<Answer>,
): Promise<Sent[]> {
  const startedAt = performance.now();
  const sent: Promise<Sent>[] = [];
  for (let index = 0; index < perSecond * seconds; index += 1) {
    const at = startedAt + (1_000 * index) / perSecond;
    const early = at - performance.now();
    if (early > 0) await delay(early);
    sent.push(send(index).then((answer) => ({ ms: performance.now() - at, answer })));
  }
  return Promise.all(sent);
}

function claim(
  send: (method: string, path: string, json: unknown) => Promise<Answer>,
  world: World,
  index: number,
): Promise<Answer> {
  const preset = world.presets[index % world.presets.length];
  return send("POST", "/api/v2/organizations/default/members/me/workspaces", {
    name: uniqueName(),
    template_id: preset?.templateId,
    template_version_preset_id: preset?.id,
  });
}

function demandAllDistinct(claims: readonly Sent[]): void {
  const ids = claims.map(({ answer }) => {
    const body = JSON.parse(answer.body) as { id?: string; claimed?: boolean };
    if (answer.status !== 201 || body.claimed !== true) throw new Error(`not claimed: ${answer.status} ${answer.body}`);
    return body.id;
  });
  if (new Set(ids).size !== ids.length) throw new Error("a prebuild was given out twice");
}
