import { COMMAND_LINE } from "../src/audit/entry.ts";
import { createBatcher } from "../src/batch.ts";
import type { Context } from "../src/context.ts";
import { prepared } from "../src/db/connection.ts";
import { CLAIM_BATCHES, createClaimer } from "../src/prebuilds/claim.ts";
import { CLAIM, type Claim, claimParameters } from "../src/prebuilds/claim-store.ts";
import { oldestFresh } from "../src/prebuilds/state.ts";
import { createWorkspace } from "../src/workspaces/create.ts";
import { uniqueName } from "./environment.ts";
import type { World } from "./world.ts";

/** Claims one prebuild of a preset in some way; its id, if there was one. */
export type ClaimOnce = (preset: World["presets"][number]) => Promise<string | undefined>;

const IDEAL_CLAIM = `
  with candidate as (
    select id from bench.ideal_pool where preset_id = $1 and ready
    order by created_at, id limit 1 for update skip locked
  )
  update bench.ideal_pool p set ready = false, owner_id = $2, name = $3, updated_at = $4
  from candidate where p.id = candidate.id returning p.id`;

const CLAIM_ONLY = `with ${CLAIM} select id, n::int as n from claimed`;

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
    actor: { ...COMMAND_LINE, userId: owner },
    request: null,
  };
}

const ideal =
  ({ pool }: Context, world: World): ClaimOnce =>
  async (preset) => {
    const values = [preset.id, ownerOf(world), uniqueName(), new Date()];
    const { rows } = await pool.query<{ id: string }>(IDEAL_CLAIM, values);
    return rows[0]?.id;
  };

/** The statement alone, for as many claims at once as the product would put into it. */
function statement({ pool }: Context, world: World): ClaimOnce {
  const claim = createBatcher<Claim, string | undefined>({
    ...CLAIM_BATCHES,
    isItemsFault: () => false,
    async work(claims) {
      const values = claimParameters(claims, new Date());
      const { rows } = await pool.query<{ id: string; n: number }>(prepared(CLAIM_ONLY, values));
      const got = new Map(rows.map((row) => [row.n, row.id]));
      return claims.map((_claim, index) => got.get(index + 1));
    },
  });
  return (preset) => claim(claimOf(world, preset.id));
}

function transaction(context: Context, world: World): ClaimOnce {
  const claim = createClaimer(context);
  return async (preset) => (await claim(claimOf(world, preset.id)))?.workspaceId;
}

const create =
  (given: Context, world: World): ClaimOnce =>
  async (preset) => {
    const owner = ownerOf(world);
    const { claimed, workspaceId } = await createWorkspace(given, {
      organizationId: world.organizationId,
      ownerId: owner,
      initiatorId: owner,
      actor: { ...COMMAND_LINE, userId: owner },
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
export const CLAIMS = { ideal, statement, transaction, create } as const satisfies Record<
  string,
  (context: Context, world: World) => ClaimOnce
>;
