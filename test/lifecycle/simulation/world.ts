import { randomUUID } from "node:crypto";
import type { TestContext } from "node:test";
import type { Context } from "../../../src/context.ts";
import { buildServer } from "../../../src/http/server.ts";
import { createExecutor, type Executor } from "../../../src/lifecycle/executor.ts";
import { ensureDefaultOrganization } from "../../../src/organizations/store.ts";
import { createRandom, type Random } from "../../../src/prebuilds/world-events.fixture.ts";
import { reportWorker } from "../../../src/provisioner/daemon-store.ts";
import { WORK } from "../../../src/provisioner/queue.ts";
import { createBuildRunner } from "../../../src/provisioner/runner.ts";
import { ensureAdmin } from "../../../src/users/store.ts";
import { createToken } from "../../../src/users/tokens/create.ts";
import { givenContext } from "../../support/given.ts";
import { handClock } from "../support.ts";
import { createCalendar, DAY } from "./calendar.ts";
import type { Model } from "./model.ts";
import { givenOwners, givenWorkspaces } from "./people.ts";
import { createOracle, type Oracle } from "./rules.ts";
import { givenTemplates } from "./templates.ts";

/** A deployment on a real database, and what it must be like by the model. */
export type World = {
  readonly context: Context;
  readonly model: Model;
  readonly oracle: Oracle;
  readonly random: Random;
  readonly organizationId: string;
  /** Lets time go by, for the deployment and for the model. */
  goOnTo(instant: number): void;
  /** Sends a request as the site owner; the answer is its status and body. */
  send(method: "PUT" | "POST" | "PATCH", path: string, json?: unknown): Promise<{ status: number; body: unknown }>;
  /** Runs all builds that wait to their ends. */
  endBuilds(): Promise<void>;
  tick: Executor["tick"];
};

/** How much there is, and what chance depends on. */
type WorldSize = {
  readonly seed: number;
  readonly startsAt: number;
  readonly people: number;
  readonly workspaces: number;
  /** In each of the pools. */
  readonly prebuilds: number;
};

const CONCURRENCY = 8;
const HEALTH = { live: { ok: true, problems: [] }, ready: { ok: true, problems: [] } };

/** Makes a world with people, whose workspaces are stopped, and with templates, whose pools are empty. */
export async function givenWorld(t: TestContext, size: WorldSize): Promise<World> {
  const { seed, startsAt } = size;
  const random = createRandom(seed);
  const clock = handClock(new Date(startsAt));
  const context = await givenContext(t, { clock, poolSettings: { failureHardLimit: 1_000 } });
  const { id: organizationId } = await ensureDefaultOrganization(context.pool);
  const templates = await givenTemplates(context, size.prebuilds);
  const owners = await givenOwners(context.pool, random, { count: size.people, organizationId });
  const made = { count: size.workspaces, owners, templates, organizationId, now: startsAt };
  const workspaces = await givenWorkspaces(context.pool, random, made);
  const model: Model = {
    now: startsAt,
    templates,
    owners,
    workspaces: new Map(workspaces.map((workspace) => [workspace.id, workspace])),
    made: { total: workspaces.length, claimed: 0 },
    counts: new Map(),
  };
  // Two weeks longer than the week, for the stops of every second week; and a day that nobody asks for.
  const oracle = createOracle(model, createCalendar(startsAt - 2 * DAY, startsAt + 23 * DAY));
  const executor = createExecutor(context, clock.monotonicMs);
  return {
    ...{ context, model, oracle, random, organizationId },
    goOnTo(instant) {
      clock.at(new Date(instant));
      model.now = instant;
    },
    send: await givenSender(t, context),
    endBuilds: givenWorkerOf(context, { model, oracle, seed }),
    async tick(signal) {
      await reportWorker(context.pool, WORKER);
      return executor.tick(signal);
    },
  };
}

const WORKER = { id: randomUUID(), hostname: "here", provisioners: ["command"] };

async function givenSender(t: TestContext, context: Context): Promise<World["send"]> {
  const admin = await ensureAdmin(context.pool);
  const token = await createToken(context.pool, { userId: admin.id, name: "simulation" });
  const app = await buildServer(context, {
    health: () => HEALTH,
    metrics: async () => ({ contentType: "", body: "" }),
  });
  t.after(() => app.close());
  return async (method, path, json) => {
    const authorization = `Bearer ${token}`;
    const payload = json === undefined ? {} : { payload: json as object };
    const answer = await app.inject({ method, url: `/api/v2${path}`, headers: { authorization }, ...payload });
    return { status: answer.statusCode, body: answer.body === "" ? null : answer.json() };
  };
}

/** What a worker does with all that waits. Whether a build fails depends on nothing but the seed. */
function givenWorkerOf(
  context: Context,
  { model, oracle, seed }: Pick<World, "model" | "oracle"> & { readonly seed: number },
): World["endBuilds"] {
  let ofPrebuilds = 0;
  const succeeds = (workspaceId: string): boolean => {
    const workspace = model.workspaces.get(workspaceId);
    if (!workspace) return ++ofPrebuilds % 40 !== 0;
    const { n, latest, template } = workspace;
    const success = createRandom(seed + n * 1_009 + latest.number * 9_176_263)() >= template.failureShare;
    oracle.end(workspace, success);
    return success;
  };
  const runner = createBuildRunner(context, {
    drivers: {
      command: {
        async build({ workspace, transition }) {
          if (!succeeds(workspace.id)) return { ok: false, state: null, error: "no room" };
          return { ok: true, state: null, agents: transition === "start" ? [{ name: "main", ready: true }] : [] };
        },
        isReady: async () => true,
      },
    },
    sourceOf: async () => "/nonexistent",
    workspacesDir: "/nonexistent",
    workerId: WORKER.id,
  });
  const { signal } = new AbortController();
  return async () => {
    for (;;) {
      const items = await context.queue.take(WORK.build, 1_000);
      if (items.length === 0) return;
      const waiting = items.values();
      await Promise.all(
        Array.from({ length: CONCURRENCY }, async () => {
          for (const item of waiting) await runner.run(item, signal);
        }),
      );
    }
  };
}
