import assert from "node:assert/strict";
import { it, type TestContext } from "node:test";
import { PREBUILDS_SYSTEM_USER_ID } from "../../src/system-user.ts";
import { createUser } from "../../src/users/store.ts";
import { type ControlPlane, givenControlPlane } from "../support/control-plane.ts";
import { count, type GivenPool, givenContext, givenPool, givenVersion } from "../support/given.ts";
import { givenPrebuild } from "../support/given-prebuild.ts";

type Given = Parameters<ControlPlane["claim"]>[0];
type Place = { context: Awaited<ReturnType<typeof givenContext>>; pool: GivenPool; plane: ControlPlane };
type Refusal = {
  readonly of: string;
  /** What is wrong: it is put into the database, or asked for. */
  prepare?(place: Place): Promise<unknown>;
  ask?(place: Place): Given | Promise<Given>;
  readonly code: string;
  readonly says: RegExp;
  readonly hint?: RegExp;
};

const NOBODY = "00000000-0000-4000-8000-000000000000";
const sql =
  (statement: string, of: (place: Place) => string) =>
  (place: Place): Promise<unknown> =>
    place.context.pool.query(statement, [of(place)]);
const template = ({ pool }: Place) => pool.templateId;
const user = ({ plane }: Place) => plane.userId;

const REFUSALS: readonly Refusal[] = [
  {
    of: "a preset that is not there",
    ask: () => ({ presetId: NOBODY }),
    code: "P0002",
    says: new RegExp(`^there is no preset ${NOBODY}$`),
    hint: /Every version/,
  },
  {
    of: "a preset of a version that is not active",
    prepare: ({ context, pool }) => givenVersion(context, pool.templateId),
    code: "55000",
    says: /^the preset small belongs to a version of the template template-\w+ that is not the active one$/,
    hint: /active_version_id/,
  },
  {
    of: "a template that has no active version",
    prepare: sql("update templates set active_version_id = null where id = $1", template),
    code: "55000",
    says: /that is not the active one$/,
  },
  {
    of: "a deleted template",
    prepare: sql("update templates set deleted = true where id = $1", template),
    code: "55000",
    says: /^the template template-\w+ is deleted$/,
    hint: /another template/,
  },
  {
    of: "a deprecated template",
    prepare: sql("update templates set deprecated = 'use the new one' where id = $1", template),
    code: "55000",
    says: /^the template template-\w+ is deprecated: use the new one$/,
    hint: /another template/,
  },
  {
    of: "a deleted organization",
    prepare: sql("update organizations set deleted = true where id = $1", ({ pool }) => pool.organizationId),
    code: "55000",
    says: /^the organization default of the template template-\w+ is deleted$/,
  },
  {
    of: "a user who is not there",
    ask: () => ({ userId: NOBODY }),
    code: "P0002",
    says: new RegExp(`^there is no user ${NOBODY}$`),
  },
  {
    of: "a deleted user",
    prepare: sql("update users set deleted = true where id = $1", user),
    code: "P0002",
    says: /^there is no user /,
    hint: /deleted/,
  },
  {
    of: "a suspended user",
    prepare: sql("update users set status = 'suspended' where id = $1", user),
    code: "55000",
    says: /^the user user-\w+ is suspended$/,
    hint: /Activate/,
  },
  {
    of: "the prebuilds user",
    ask: () => ({ userId: PREBUILDS_SYSTEM_USER_ID }),
    code: "55000",
    says: /^the user prebuilds is a system user and takes no workspaces$/,
  },
  {
    of: "somebody from elsewhere",
    ask: async ({ context }) => ({
      userId: (await createUser(context.pool, { username: "guest", email: "guest@example.com" })).id,
    }),
    code: "55000",
    says: /^the user guest is not a member of the organization default$/,
    hint: /Add the user/,
  },
  {
    of: "a name that the user has already",
    prepare: ({ plane }) => plane.claim({ name: "Mine" }),
    ask: () => ({ name: "mIne" }),
    code: "23505",
    says: /^the user user-\w+ already has a workspace named mIne$/,
    hint: /another name/,
  },
];

/** Names that are no names for workspaces, through the API either. */
const BAD_NAMES = ["", "-a", "a-", "a--b", "a b", "a_b", "ä", "a\n", "a".repeat(33), "a'; drop table x; --"];

async function givenPlace(t: TestContext): Promise<Place> {
  const context = await givenContext(t);
  const pool = await givenPool(context, { desired: 2 });
  const plane = await givenControlPlane(t, context, pool);
  for (let n = 0; n < 2; n += 1) await givenPrebuild(context, pool);
  return { context, pool, plane };
}

for (const { of, prepare, ask, code, says, hint } of REFUSALS) {
  it(`a claim in SQL for ${of} is refused with a sentence that names it, and the prebuilds stay`, async (t) => {
    const place = await givenPlace(t);
    const { context, plane } = place;
    await prepare?.(place);
    const prebuilds = await count(context, "workspaces where owner_id = $1", [PREBUILDS_SYSTEM_USER_ID]);
    const entries = await count(context, "audit_logs");
    const given = (await ask?.(place)) ?? {};
    await assert.rejects(plane.claim(given), (error: Error & { code: string; hint?: string }) => {
      assert.deepEqual([error.code, error.name], [code, "error"]);
      assert.match(error.message, says);
      if (hint) assert.match(error.hint ?? "", hint);
      return true;
    });
    assert.equal(await count(context, "workspaces where owner_id = $1", [PREBUILDS_SYSTEM_USER_ID]), prebuilds);
    assert.equal(await count(context, "audit_logs"), entries);
  });
}

it("a claim in SQL for a name that no workspace can have is refused with the rule for names", async (t) => {
  const { plane } = await givenPlace(t);
  for (const name of BAD_NAMES) {
    const message = `a workspace cannot be named "${name.slice(0, 64)}"`;
    const hint = "A name has up to 32 letters and digits, with single hyphens between them.";
    await assert.rejects(plane.claim({ name }), { code: "22023", message, hint }, JSON.stringify(name));
  }
  assert.ok(await plane.claim({ name: `A-${"1".repeat(30)}` }));
});

it("a claim in SQL that leaves out preset, user or name is refused, and not taken for one that finds nothing", async (t) => {
  const { plane } = await givenPlace(t);
  for (const given of [{ presetId: null }, { userId: null }, { name: null }]) {
    await assert.rejects(plane.claim(given), { code: "22004", message: /needs a preset, a user and a name/ });
  }
});

it("a caller who guards a refused claim with a savepoint goes on with the transaction and can claim again", async (t) => {
  const { plane, context } = await givenPlace(t);
  await plane.claim({ name: "taken" });
  const { client } = plane;
  await client.query("begin; savepoint before");
  await assert.rejects(plane.claim({ name: "taken" }), {
    code: "23505",
    constraint: "workspaces_owner_id_name_unique",
  });
  await client.query("rollback to savepoint before");
  assert.ok(await plane.claim({ name: "other" }));
  await client.query("commit");
  assert.equal(await count(context, "unfinished_claims"), 2);
});
