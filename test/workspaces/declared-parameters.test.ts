import assert from "node:assert/strict";
import { it } from "node:test";
import { COMMAND_LINE } from "../../src/audit/entry.ts";
import type { Context } from "../../src/context.ts";
import { ProblemError } from "../../src/errors.ts";
import { runPass } from "../../src/prebuilds/reconcile.ts";
import { createWorkspace } from "../../src/workspaces/create.ts";
import { count, type GivenPool, givenContext, givenPool, givenUser, givenWorker, settled } from "../support/given.ts";

/** A version that wants a size, and knows how many cores to take when nobody says. */
async function declare({ pool }: Context, { versionId }: GivenPool): Promise<void> {
  await pool.query(
    `insert into template_version_parameters (template_version_id, name, type, required, default_value, options)
     values ($1, 'size', 'string', true, '', '[{"name": "Small", "value": "small"}]'),
       ($1, 'cores', 'number', false, '2', '[]')`,
    [versionId],
  );
}

async function request(context: Context, pool: GivenPool, parameters: { name: string; value: string }[]) {
  const ownerId = await givenUser(context);
  const { organizationId, templateId } = pool;
  const input = { organizationId, templateId, ownerId, initiatorId: ownerId, name: "mine", parameters };
  return createWorkspace(context, { ...input, actor: COMMAND_LINE, automaticUpdates: "never", waitMs: 0 });
}

async function parametersOfBuilds({ pool }: Context): Promise<string[]> {
  const { rows } = await pool.query<{ says: string }>(
    `select b.build_number || ': ' || string_agg(p.name || '=' || p.value, ' ' order by p.name) as says
     from workspace_builds b join workspace_build_parameters p on p.workspace_build_id = b.id
     group by b.id, b.build_number order by b.build_number`,
  );
  return rows.map(({ says }) => says);
}

it("a prebuild and its claim are built with the defaults that the version declares", async (t) => {
  const context = await givenContext(t);
  const pool = await givenPool(context, { parameters: { size: "small" } });
  await declare(context, pool);
  await runPass(context, new AbortController().signal);
  givenWorker(t, context);
  await settled(context);
  const { claimed } = await request(context, pool, [{ name: "size", value: "small" }]);
  assert.ok(claimed);
  assert.deepEqual(await parametersOfBuilds(context), ["1: cores=2 size=small", "2: cores=2 size=small"]);
});

it("a request is refused whose parameters the version does not take, and says which and why", async (t) => {
  const context = await givenContext(t);
  const pool = await givenPool(context, { desired: null });
  await declare(context, pool);
  const refused = request(context, pool, [
    { name: "cores", value: "many" },
    { name: "size", value: "huge" },
  ]);
  await assert.rejects(refused, (error: unknown) => {
    assert.ok(error instanceof ProblemError);
    assert.equal(error.kind, "invalid");
    assert.deepEqual(
      error.validations.map(({ detail }) => detail),
      ["cores must be a number, such as 4 or 0.5", "size must be one of small"],
    );
    return true;
  });
  assert.equal(await count(context, "workspaces"), 0);
});

it("a pool whose parameters the template refuses is marked at once, and nothing is built for it", async (t) => {
  const context = await givenContext(t);
  const pool = await givenPool(context, { desired: 3 });
  await declare(context, pool);
  for (let pass = 0; pass < 3; pass += 1) await runPass(context, new AbortController().signal);
  assert.equal(await count(context, "workspaces"), 0);
  const { rows } = await context.pool.query(
    "select prebuild_status as status, prebuild_status_detail as detail, prebuild_status_since is not null as dated from template_version_presets",
  );
  assert.deepEqual(rows, [
    {
      status: "validation_failed",
      detail:
        "the template refuses the preset's parameters: size is missing: it has no default, so a value has to be given",
      dated: true,
    },
  ]);
});

it("who wants a value that a prebuild cannot be given any more gets a new workspace, and the reason", async (t) => {
  const context = await givenContext(t);
  const pool = await givenPool(context, { desired: 2, parameters: { size: "small" } });
  await declare(context, pool);
  await context.pool.query("update template_version_parameters set mutable = false where name = 'cores'");
  await runPass(context, new AbortController().signal);
  givenWorker(t, context);
  await settled(context);
  const size = { name: "size", value: "small" };
  const other = await request(context, pool, [size, { name: "cores", value: "4" }]);
  assert.deepEqual([other.claimed, other.missReason], [false, "parameters"]);
  const same = await request(context, pool, [size, { name: "cores", value: "2" }]);
  assert.equal(same.claimed, true);
});
