import assert from "node:assert/strict";
import { test } from "node:test";
import { reconcileSystemRoles, repairSystemRoles } from "../../src/organizations/reconcile.ts";
import { createOrganization } from "../../src/organizations/store.ts";
import type { Permission } from "../../src/rbac/permission.ts";
import { MEMBER_ROLE } from "../../src/rbac/system-roles.ts";
import {
  assertRight,
  editRole,
  expected,
  givenWorld,
  insertOrganization,
  permission,
  rolesOf,
  type World,
} from "./support.ts";

const NEW_RIGHT = permission("spaceship", "fly");

/** Does what the start of a release does whose members may do one thing more; its code is not here. */
async function startNewerRelease({ pool }: World): Promise<void> {
  const value = [false, true].map((disabled) => {
    const { org, member } = expected(disabled);
    return { name: MEMBER_ROLE, disabled, org, member: [...member, NEW_RIGHT] };
  });
  await pool.query(
    `insert into site_configs (key, value, updated_at) values ('system_roles', $1, now())
      on conflict (key) do update set value = excluded.value`,
    [JSON.stringify(value)],
  );
  await pool.query("update custom_roles set member_permissions = member_permissions || $1::jsonb where is_system", [
    JSON.stringify([NEW_RIGHT]),
  ]);
}

async function lastRightOf({ pool }: World, organizationId: string): Promise<Permission | undefined> {
  return (await rolesOf(pool, organizationId))[0]?.member_permissions.at(-1);
}

test("a leader of an older version leaves what a newer one has written, and repairs roles to what that one has said", async (t) => {
  const world = await givenWorld(t);
  const right = await insertOrganization(world.pool, "right");
  const edited = await insertOrganization(world.pool, "edited");
  await reconcileSystemRoles(world);
  await startNewerRelease(world);
  assert.deepEqual(await repairSystemRoles(world), [], "what is right is left alone");

  await editRole(world.pool, edited, { member_permissions: [permission("workspace", "delete")] });
  const inserted = await insertOrganization(world.pool, "inserted", { sharingDisabled: true });
  assert.equal((await repairSystemRoles(world)).length, 2);
  const { id: made } = await createOrganization(world.pool, { name: "made" });
  for (const id of [right, edited, inserted, made]) assert.deepEqual(await lastRightOf(world, id), NEW_RIGHT);
  assert.deepEqual(await repairSystemRoles(world), []);
});

test("the replica that starts last says what roles grant, also when it is of an older version", async (t) => {
  const world = await givenWorld(t);
  const id = await insertOrganization(world.pool, "one");
  await reconcileSystemRoles(world);
  await startNewerRelease(world);
  assert.equal((await reconcileSystemRoles(world)).length, 1);
  await assertRight(world, id);
  assert.deepEqual(await repairSystemRoles(world), []);
});

test("what roles grant is written down once, and not again by starts that say the same", async (t) => {
  const world = await givenWorld(t);
  const read = async () =>
    (await world.pool.query("select xmin::text, value from site_configs where key = 'system_roles'")).rows;
  await reconcileSystemRoles(world);
  const before = await read();
  assert.equal(before.length, 1);
  await reconcileSystemRoles(world);
  assert.deepEqual(await read(), before);
});
