import assert from "node:assert/strict";
import { it } from "node:test";
import { MEMBER_ROLE } from "../../src/rbac/system-roles.ts";
import { assertRight, editRole, expected, givenPasses, insertOrganization, permission, rolesOf } from "./support.ts";

const NO_PERMISSION = "something that is not a permission";

/** What somebody may have written into a list, and how the log calls it when it goes. */
const EDITS: readonly (readonly [what: string, entry: unknown, word: string])[] = [
  ["an extra permission", permission("template", "delete"), "template:delete"],
  ["everything", permission("*", "*"), "*:*"],
  ["a denial", permission("organization", "read", true), "-organization:read"],
  ["a denial of everything", permission("*", "*", true), "-*:*"],
  ["a type that there is not", permission("spaceship", "fly"), "spaceship:fly"],
  ["an action that the type has not", permission("workspace", "fly"), "workspace:fly"],
  ["text", "x", NO_PERMISSION],
  ["null", null, NO_PERMISSION],
  ["a number", 3, NO_PERMISSION],
  ["an empty object", {}, NO_PERMISSION],
  ["a list", [permission("template", "delete")], NO_PERMISSION],
  ["an action that is a number", { resource_type: "template", action: 7 }, NO_PERMISSION],
  ["a denial in words", { negate: "yes", resource_type: "template", action: "read" }, NO_PERMISSION],
];

it("what is written into a role by hand goes with the next pass", async (t) => {
  const { world, pass, idlePass, given } = await givenPasses(t);
  const { pool } = world;
  const id = await given("edited");
  for (const [what, entry, word] of EDITS) {
    await t.test(`${what}, and the log says what it was`, async () => {
      for (const list of ["org", "member"] as const) {
        await editRole(pool, id, { [`${list}_permissions`]: [...expected()[list], entry] });
        const { writes, lines } = await pass();
        assert.deepEqual([...writes], [[id, 1]], list);
        await assertRight(world, id);
        const changed = { org_changed: list === "org", member_changed: list === "member" };
        assert.equal(lines.length, 1);
        assert.partialDeepStrictEqual(lines[0], { level: "info", ...changed, added: [], removed: [word] });
      }
    });
  }

  await t.test("all of it at once, and what was taken away comes back", async () => {
    const entries = EDITS.map(([, entry]) => entry);
    await editRole(pool, id, { org_permissions: entries, member_permissions: entries });
    assert.deepEqual([...(await pass()).writes], [[id, 1]]);
    await assertRight(world, id);
  });

  await t.test("but a permission whose negate is left out is the permission", async () => {
    const { org, member } = expected();
    const short = (list: typeof org) => list.map(({ negate: _, ...rest }) => rest);
    await editRole(pool, id, { org_permissions: short(org), member_permissions: short(member) });
    await idlePass();
  });

  await t.test("a list that is not there, in SQL or in JSON, is an empty one", async () => {
    for (const nothing of [null, "null"]) {
      const set = (columns: string) =>
        pool.query(`update custom_roles set ${columns} where organization_id = $1`, [id, nothing]);
      await set("site_permissions = $2, user_permissions = $2");
      await idlePass();
      await set("org_permissions = $2");
      const { writes, lines } = await pass();
      assert.deepEqual([...writes], [[id, 1]]);
      assert.partialDeepStrictEqual(lines[0], { org_changed: true, member_changed: false, removed: [] });
      const { site_permissions, user_permissions } = await assertRight(world, id);
      assert.deepEqual([site_permissions, user_permissions], [[], []]);
    }
  });

  await t.test(
    "equal edits of many organizations are put right together, and different ones each for itself",
    async () => {
      const others = [];
      for (const name of ["second", "third", "fourth"]) others.push(await given(name));
      const [second, third, fourth] = others as [string, string, string];
      for (const one of [second, third]) await editRole(pool, one, { org_permissions: [permission("file", "read")] });
      await editRole(pool, fourth, { org_permissions: null });
      const { writes, written } = await pass();
      assert.deepEqual(writes, new Map(others.map((one) => [one, 1])));
      const removed = new Map(written.map(({ organization, org }) => [organization.name, org.removed]));
      assert.deepEqual(removed, new Map(Object.entries({ second: ["file:read"], third: ["file:read"], fourth: [] })));
      for (const one of others) await assertRight(world, one);
    },
  );

  await t.test("a name in other letters stays, and the role is the same one", async () => {
    await pool.query(
      "update custom_roles set name = 'Organization-Member', org_permissions = '[]' where organization_id = $1",
      [id],
    );
    assert.deepEqual([...(await pass()).writes], [[id, 1]]);
    assert.equal((await rolesOf(pool, id)).length, 1);
    await idlePass();
  });
});

it("the log says in one line of each role what became of it, and of very many only how many", async (t) => {
  const { world, pass } = await givenPasses(t);
  const { pool } = world;
  const id = await insertOrganization(pool, "new");
  const { org, member } = expected();
  const { lines } = await pass();
  assert.equal(lines.length, 1);
  assert.partialDeepStrictEqual(lines[0], {
    ...{ level: "info", msg: `brought the role ${MEMBER_ROLE} of organization new up to date` },
    ...{ organization_id: id, organization: "new", role_name: MEMBER_ROLE, org_changed: true, member_changed: true },
    removed: [],
  });
  const added = lines[0]?.["added"] as string[];
  assert.ok(added.includes("organization:read"));
  assert.deepEqual(added.slice(10), [`and ${org.length + member.length - 10} more`], "a list that a person can read");

  await pool.query("insert into organizations (name) select 'told-' || n from generate_series(1, 50) n");
  assert.equal((await pass()).lines.length, 50);
  await pool.query("insert into organizations (name) select 'counted-' || n from generate_series(1, 51) n");
  const counted = (await pass()).lines.map(({ level, msg, roles, missing }) => ({ level, msg, roles, missing }));
  const line = { level: "info", msg: "brought 51 organization roles up to date", roles: 51, missing: 0 };
  assert.deepEqual(counted, [line]);

  await pool.query(
    "delete from custom_roles r using organizations o where o.id = r.organization_id and o.name like 'counted-%'",
  );
  assert.partialDeepStrictEqual((await pass()).lines, [
    { level: "error", roles: 51, msg: "organizations had no system role; they have one now" },
    { ...line, missing: 51 },
  ]);
});
