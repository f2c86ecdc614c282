import { COMMAND_LINE } from "../../../src/audit/entry.ts";
import { BEGIN, withTransaction } from "../../../src/db/connection.ts";
import { finishClaims } from "../../../src/prebuilds/finish-claims.ts";
import { createWorkspace } from "../../../src/workspaces/create.ts";
import { build, cronOf, note, type Owner, type Template, type Workspace } from "./model.ts";
import { pick, someSchedule, someTtl } from "./people.ts";
import type { World } from "./world.ts";

const { signal } = new AbortController();

/** Gives somebody a workspace of a pool: a prebuild that is claimed, or a new one if none is left. */
export async function ask(world: World): Promise<void> {
  const { context, model, random, organizationId } = world;
  const { owner, template, name } = someWish(world);
  const schedule = random() < 0.6 ? someSchedule(random, owner, template) : null;
  const wanted = someTtl(random, template);
  const { workspaceId, claimed } = await createWorkspace(context, {
    ...{ organizationId, ownerId: owner.id, initiatorId: owner.id, actor: COMMAND_LINE, name },
    ...{ templateId: template.id, presetId: template.presetId ?? undefined, parameters: [] },
    ...{ autostartSchedule: schedule && cronOf(schedule, schedule.weekdays), ttlMs: wanted },
    ...{ automaticUpdates: "never", waitMs: 0 },
  });
  const workspace = add(world, { id: workspaceId, owner, template, claimed });
  workspace.schedule = schedule;
  workspace.ttl = template.rules.userAutostop ? wanted : template.rules.defaultTtl || null;
  note(model, workspace, claimed ? "claim" : "new");
  build(model, workspace, "start");
}

/** Claims a prebuild for somebody as another control plane does, which leaves the claim to be finished. */
export async function claimInSql(world: World): Promise<void> {
  const { context, model } = world;
  const { owner, template, name } = someWish(world);
  const found = await withTransaction(context.pool, BEGIN.readWrite, async (client) => {
    const values = [template.presetId, owner.id, name];
    const { rows } = await client.query<{ id: string | null }>("select claim_prebuild($1, $2, $3) as id", values);
    // The function goes by the server's clock, on which it is not the week of the simulation.
    const used = await client.query<{ id: string; built_at: Date }>(
      `update workspaces w set last_used_at = $2 from workspace_builds b where w.id = $1 and b.id = w.latest_build_id
       returning w.id, b.created_at as built_at`,
      [rows[0]?.id, new Date(model.now)],
    );
    return used.rows[0];
  });
  if (!found) return;
  const workspace = add(world, { id: found.id, owner, template, claimed: true });
  workspace.latest = { ...workspace.latest, createdAt: found.built_at.getTime() };
  workspace.ttl = template.rules.defaultTtl || null;
  workspace.unfinished = true;
  note(model, workspace, "claim in SQL");
}

/** Queues the claim builds of what was claimed in SQL. */
export async function finish({ context, model }: World): Promise<void> {
  await finishClaims(context, signal);
  for (const workspace of model.workspaces.values()) {
    if (!workspace.unfinished) continue;
    workspace.unfinished = false;
    build(model, workspace, "start");
  }
}

function someWish({ model, random }: World) {
  const owner = pick(
    random,
    model.owners.filter(({ status }) => status === "active"),
  );
  const template = pick(
    random,
    model.templates.filter(({ presetId }) => presetId !== null),
  );
  return { owner, template, name: `asked-${model.made.total}` };
}

/** Adds a workspace to the model; one that is claimed has been built once, as a prebuild. */
function add(
  { model }: World,
  given: { readonly id: string; readonly owner: Owner; readonly template: Template; readonly claimed: boolean },
): Workspace {
  const { claimed, ...rest } = given;
  const workspace: Workspace = {
    ...rest,
    n: model.made.total,
    ...{ schedule: null, ttl: null, lastUsedAt: model.now, dormantAt: null, deletingAt: null },
    ...{ deadline: null, maxDeadline: null, startsAfter: model.now },
    latest: {
      ...{ number: claimed ? 1 : 0, transition: "start", reason: "initiator", version: given.template.activeVersion },
      ...{ createdAt: 0, status: "succeeded", endedAt: 0 },
    },
    ...{ unfinished: false, deleted: false, history: [] },
  };
  model.workspaces.set(given.id, workspace);
  model.made.total += 1;
  if (claimed) model.made.claimed += 1;
  return workspace;
}
