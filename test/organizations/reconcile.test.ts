import assert from "node:assert/strict";
import { it } from "node:test";
import { BEGIN, withTransaction } from "../../src/db/connection.ts";
import { ProblemError } from "../../src/errors.ts";
import { reconcileRoles, reconcileSystemRoles } from "../../src/organizations/reconcile.ts";
import { MEMBER_ROLE } from "../../src/rbac/system-roles.ts";
import {
  assertRight,
  editRole,
  expected,
  givenPasses,
  givenWorld,
  insertOrganization,
  NOW,
  permission,
  refuseRoleOf,
  rolesOf,
} from "./support.ts";

it("the role of all members becomes what the code says, and is written only where it is not", async (t) => {
  const { world, pass, idlePass, given } = await givenPasses(t);
  const { pool } = world;
  const { org, member } = expected();

  await t.test("REC-01: an empty role is filled by one write, and stays the system role that it was", async () => {
    const id = await insertOrganization(pool, "new");
    const [empty] = await rolesOf(pool, id);
    assert.deepEqual([empty?.org_permissions, empty?.member_permissions, empty?.is_system], [[], [], true]);
    const { writes, written } = await pass();
    assert.deepEqual([[...writes], written.length], [[[id, 1]], 1]);
    const { id: roleId, is_system, created_at, updated_at } = await assertRight(world, id);
    assert.deepEqual([roleId, is_system, created_at, updated_at], [empty?.id, true, empty?.created_at, NOW]);
  });

  await t.test("REC-02: a second pass writes nothing and says nothing", async () => {
    const id = await given("done");
    const before = await rolesOf(pool, id);
    await idlePass();
    assert.deepEqual(await rolesOf(pool, id), before, "the time of the last change and the row's version included");
  });

  await t.test("REC-04: repetitions and another order are no reason to write", async () => {
    const id = await given("repeated", {
      org_permissions: [...org.toReversed(), ...org],
      member_permissions: [...member, ...member.toReversed()],
    });
    const before = await rolesOf(pool, id);
    await idlePass();
    assert.deepEqual(await rolesOf(pool, id), before);
  });

  await t.test(
    "REC-05: of a list that lacks a permission it is said which, and that the other list is right",
    async () => {
      const lists = {
        org: { org_permissions: org.filter(({ resource_type }) => resource_type !== "assign_org_role") },
        member: { member_permissions: member.filter(({ resource_type }) => resource_type !== "file") },
      };
      const said: unknown[] = [];
      for (const [name, edit] of Object.entries(lists)) {
        const id = await given(`lacks-${name}`, edit);
        const { writes, lines } = await pass();
        assert.deepEqual([...writes], [[id, 1]]);
        await assertRight(world, id);
        said.push(
          ...lines.map(({ org_changed, member_changed, added, removed }) => [
            org_changed,
            member_changed,
            added,
            removed,
          ]),
        );
      }
      assert.deepEqual(said, [
        [true, false, ["assign_org_role:read"], []],
        [false, true, ["file:*"], []],
      ]);
    },
  );

  const stray = [permission("user", "read")];
  let strayId = "";
  await t.test("REC-07: what stands in the other lists is no reason to write", async () => {
    strayId = await given("stray", { site_permissions: stray, user_permissions: stray, display_name: "Everybody" });
    const before = await rolesOf(pool, strayId);
    await idlePass();
    assert.deepEqual(await rolesOf(pool, strayId), before);
  });

  await t.test("REC-08: but it goes where something else is a reason", async () => {
    await editRole(pool, strayId, { org_permissions: org.slice(1) });
    assert.deepEqual([...(await pass()).writes], [[strayId, 1]]);
    const { site_permissions, user_permissions, display_name } = await assertRight(world, strayId);
    assert.deepEqual([site_permissions, user_permissions, display_name], [[], [], ""]);
  });

  await t.test("REC-10: whether workspaces can be shared is each organization's own matter", async () => {
    const shares = await insertOrganization(pool, "shares");
    const keeps = await insertOrganization(pool, "keeps", { sharingDisabled: true });
    assert.deepEqual((await pass()).writes, new Map([shares, keeps].map((id) => [id, 1])));
    const denials = async (id: string, disabled: boolean) =>
      (await assertRight(world, id, disabled)).org_permissions.filter(({ negate }) => negate);
    assert.deepEqual(await denials(shares, false), []);
    assert.deepEqual(await denials(keeps, true), [permission("workspace", "share", true)]);

    await pool.query("update organizations set workspace_sharing_disabled = true where id = $1", [shares]);
    assert.deepEqual([...(await pass()).writes], [[shares, 1]]);
    assert.equal((await denials(shares, true)).length, 1);
    await pool.query("update organizations set workspace_sharing_disabled = false where id = $1", [keeps]);
    assert.deepEqual([...(await pass()).writes], [[keeps, 1]]);
    assert.deepEqual(await denials(keeps, false), []);
  });

  await t.test("REC-11: a role that is gone is made again, and the log says so as an error", async () => {
    const [lacking, other] = [await given("lacking"), await insertOrganization(pool, "beside")];
    await pool.query("delete from custom_roles where organization_id = $1", [lacking]);
    const { writes, lines } = await pass();
    assert.deepEqual(writes, new Map([lacking, other].map((id) => [id, 1])));
    const { created_at, updated_at } = await assertRight(world, lacking);
    assert.deepEqual([created_at, updated_at], [NOW, NOW]);
    await assertRight(world, other);
    assert.equal(lines.length, 2);
    const msg = `organization lacking had no role ${MEMBER_ROLE}; it has one now`;
    const errors = lines.filter(({ level }) => level === "error");
    assert.partialDeepStrictEqual(errors, [{ organization_id: lacking, role_name: MEMBER_ROLE, msg }]);
  });

  await t.test("REC-13: roles that people have made are left alone, whatever they are called", async () => {
    const id = await given("people");
    await pool.query(
      `insert into custom_roles (name, organization_id, org_permissions)
        values ('reader', $1, $2), ('organization-members', $1, $2), ('organization_member', $1, $2)`,
      [id, JSON.stringify([permission("template", "read")])],
    );
    const custom = async () => (await rolesOf(pool, id)).filter(({ is_system }) => !is_system);
    const before = await custom();
    assert.equal(before.length, 3);
    await idlePass();
    await editRole(pool, id, { org_permissions: [] });
    assert.deepEqual([...(await pass()).writes], [[id, 1]]);
    assert.deepEqual(await custom(), before);
  });

  await t.test(
    "REC-19: organizations that another program inserts have an empty role each, then a full one",
    async () => {
      const { rows } = await pool.query<{ id: string }>(
        "insert into organizations (name) select 'inserted-' || n from generate_series(1, 1000) n returning id",
      );
      const { rows: empty } = await pool.query(
        "select from custom_roles where is_system and org_permissions = '[]' and member_permissions = '[]'",
      );
      assert.equal(empty.length, 1_000);
      assert.deepEqual((await pass()).writes, new Map(rows.map(({ id }) => [id, 1])));
      for (const { id } of [...rows.slice(0, 2), ...rows.slice(-2)]) await assertRight(world, id);
      await idlePass();
      await pool.query("delete from organizations where name like 'inserted-%'");
    },
  );

  await t.test(
    "REC-22: of one organization it is said whether its role changed, and others are left alone",
    async () => {
      const [one, other] = [await given("one"), await given("other")];
      for (const id of [one, other]) await editRole(pool, id, { org_permissions: [] });
      const before = await rolesOf(pool, other);
      const reconcileOne = () => withTransaction(pool, BEGIN.readWrite, (client) => reconcileRoles(client, NOW, one));
      const written = (await reconcileOne()).map(({ name, organization, missing }) => ({
        name,
        organization,
        missing,
      }));
      assert.deepEqual(written, [{ name: MEMBER_ROLE, organization: { id: one, name: "one" }, missing: false }]);
      await assertRight(world, one);
      assert.deepEqual(await reconcileOne(), []);
      assert.deepEqual(await rolesOf(pool, other), before);
      assert.deepEqual([...(await pass()).writes], [[other, 1]]);
    },
  );

  await t.test("the role of a deleted organization is left alone, and one that it has not is not made", async () => {
    const [emptied, without] = [await given("emptied"), await given("without")];
    await editRole(pool, emptied, { org_permissions: [] });
    await pool.query("delete from custom_roles where organization_id = $1", [without]);
    await pool.query("update organizations set deleted = true where id = any ($1)", [[emptied, without]]);
    const before = await rolesOf(pool, emptied);
    await idlePass();
    assert.deepEqual(await rolesOf(pool, emptied), before);
    assert.deepEqual(await rolesOf(pool, without), []);
  });
});

it("REC-14: a role of people's that has the name keeps the whole pass from writing, and is named", async (t) => {
  const world = await givenWorld(t);
  const { pool } = world;
  const ids: string[] = [];
  for (const name of ["first", "taken", "last"]) ids.push(await insertOrganization(pool, name));
  await pool.query("delete from custom_roles where organization_id = $1", [ids[1]]);
  await pool.query("insert into custom_roles (name, organization_id) values ('Organization-Member', $1)", [ids[1]]);
  const readAll = () => Promise.all(ids.map((id) => rolesOf(pool, id)));
  const before = await readAll();
  await assert.rejects(reconcileSystemRoles(world), (error) => {
    assert.ok(error instanceof ProblemError);
    const which = `the system role organization-member of organization taken (${ids[1]}) cannot be written: `;
    const why = "there is a role of that name which is not a system role; rename or delete it in custom_roles";
    assert.equal(error.message, which + why);
    return true;
  });
  assert.deepEqual([await readAll(), world.lines], [before, []]);

  await pool.query("update custom_roles set name = 'crew' where not is_system");
  assert.equal((await reconcileSystemRoles(world)).length, 3);
  for (const id of ids) await assertRight(world, id);
});

it("when the role of one organization among many cannot be written, none is, and that one is named", async (t) => {
  const world = await givenWorld(t);
  const { pool } = world;
  await pool.query("insert into organizations (name) select 'before-' || n from generate_series(1, 40) n");
  const refusing = await insertOrganization(pool, "refusing");
  await pool.query("insert into organizations (name) select 'after-' || n from generate_series(1, 40) n");
  const versions = async () => (await pool.query("select id, xmin::text from custom_roles order by id")).rows;
  const before = await versions();
  await refuseRoleOf(pool, refusing);
  const message = `the system role organization-member of organization refusing (${refusing}) cannot be written: no room`;
  await assert.rejects(reconcileSystemRoles(world), { message });
  assert.deepEqual([await versions(), world.lines], [before, []]);

  await pool.query("delete from custom_roles where organization_id = $1", [refusing]);
  await assert.rejects(reconcileSystemRoles(world), { message }, "nor can a missing one be added");
  await pool.query("drop trigger refuse on custom_roles");
  assert.equal((await reconcileSystemRoles(world)).length, 81);
});

it("permissions that are right in the other list, or with the other setting, are not taken for right", async (t) => {
  const { world, pass, given } = await givenPasses(t);
  const { pool } = world;
  const { org, member } = expected();
  const [swapped, denied] = [await given("swapped"), await given("denied")];
  await editRole(pool, swapped, { org_permissions: member, member_permissions: org });
  await editRole(pool, denied, { org_permissions: expected(true).org });
  assert.deepEqual((await pass()).writes, new Map([swapped, denied].map((id) => [id, 1])));
  for (const id of [swapped, denied]) await assertRight(world, id);
});
