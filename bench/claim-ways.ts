import { randomUUID } from "node:crypto";
import type { Context } from "../src/context.ts";
import { BEGIN, withTransaction } from "../src/db/connection.ts";
import { CLAIM, type Claim, claimParameters, claimPrebuild } from "../src/prebuilds/claim-store.ts";
import { oldestFresh } from "../src/prebuilds/state.ts";
import { PRIORITY, WORK } from "../src/provisioner/queue.ts";
import { createWorkspace } from "../src/workspaces/create.ts";
import { uniqueName } from "./environment.ts";
import type { World } from "./world.ts";

/** Claims one prebuild of a preset in some way; its id, if there was one. */
export type ClaimOnce = (
  context: Context,
  world: World,
  preset: World["presets"][number],
) => Promise<string | undefined>;

/** Whether the product sends its claim as a named statement, which the server plans once; the baseline does as it does. */
const PREPARED = false;

const IDEAL_CLAIM = `
  with candidate as (
    select id from bench.ideal_pool where preset_id = $1 and ready
    order by created_at, id limit 1 for update skip locked
  )
  update bench.ideal_pool p set ready = false, owner_id = $2, name = $3, updated_at = $4
  from candidate where p.id = candidate.id returning p.id`;

const CLAIM_ONLY = `with ${CLAIM} select id from claimed`;

const query = (name: string, text: string, values: unknown[]) => ({ text, values, ...(PREPARED ? { name } : {}) });

const ownerOf = (world: World): string => {
  const owner = world.userIds[Math.floor(Math.random() * world.userIds.length)];
  if (owner === undefined) throw new Error("the world has no users");
  return owner;
};

function claimOf(world: World, presetId: string): Claim {
  const owner = ownerOf(world);
  const now = new Date();
  return {
    presetId,
    oldestFresh: oldestFresh({ ttlSeconds: 604_800, lastInvalidatedAt: null }, now),
    ownerId: owner,
    initiatorId: owner,
    name: uniqueName(),
    autostartSchedule: null,
    nextStartAt: null,
    ttl: null,
    automaticUpdates: "never",
    parameters: [{ name: "region", value: "here" }],
    now,
  };
}

const ideal: ClaimOnce = async ({ pool }, world, preset) => {
  const values = [preset.id, ownerOf(world), uniqueName(), new Date()];
  const { rows } = await pool.query<{ id: string }>(query("ideal-claim", IDEAL_CLAIM, values));
  return rows[0]?.id;
};

const statement: ClaimOnce = async ({ pool }, world, preset) => {
  const values = claimParameters(claimOf(world, preset.id), randomUUID());
  const { rows } = await pool.query<{ id: string }>(query("claim-only", CLAIM_ONLY, values));
  return rows[0]?.id;
};

const transaction: ClaimOnce = ({ pool, queue }, world, preset) => {
  const ids = { buildId: randomUUID(), jobId: randomUUID() };
  const claim = claimOf(world, preset.id);
  return withTransaction(pool, BEGIN.readWrite, async (client) => {
    const id = await claimPrebuild(client, claim, ids);
    await queue.add(client, WORK.build, [ids.jobId], PRIORITY.person);
    return id;
  });
};

const create: ClaimOnce = async (context, world, preset) => {
  const owner = ownerOf(world);
  const { claimed, workspaceId } = await createWorkspace(context, {
    organizationId: world.organizationId,
    ownerId: owner,
    initiatorId: owner,
    name: uniqueName(),
    templateId: preset.templateId,
    presetId: preset.id,
    parameters: [],
    automaticUpdates: "never",
    waitMs: 0,
  });
  return claimed ? workspaceId : undefined;
};

/** The ways of claiming that are compared, from the least that a claim can be to all that a request does. */
export const CLAIMS = { ideal, statement, transaction, create } as const satisfies Record<string, ClaimOnce>;
