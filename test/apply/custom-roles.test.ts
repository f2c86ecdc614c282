import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { applyDocument } from "../../src/apply/execute.ts";
import { COMMAND_LINE } from "../../src/audit/entry.ts";
import { ProblemError } from "../../src/errors.ts";
import { untilSomebodyWaits } from "../http/effects.ts";
import { createTestDatabase } from "../support/database.ts";
import { applyContext, changes, document, insertInitiator } from "./support.ts";

async function setUp(t: TestContext) {
  const { pool } = await createTestDatabase(t);
  const context = applyContext(pool);
  const initiatorId = await insertInitiator(pool);
  const apply = (raw: object) => applyDocument(context, document(raw), { initiatorId, actor: COMMAND_LINE });
  const makeRole = (name: string, organization: string) =>
    pool.query("insert into custom_roles (name, organization_id) select $1, id from organizations where name = $2", [
      name,
      organization,
    ]);
  const rolesOf = async (username: string): Promise<Record<string, string[]>> => {
    const { rows } = await pool.query<{ name: string; roles: string[] }>(
      `select o.name, m.roles from organization_members m join organizations o on o.id = m.organization_id
        join users u on u.id = m.user_id where u.username = $1`,
      [username],
    );
    return Object.fromEntries(rows.map(({ name, roles }) => [name, roles]));
  };
  await apply({ organizations: [{ name: "default" }, { name: "lab" }] });
  return { pool, apply, makeRole, rolesOf };
}

/** A document that gives alice these roles in an organization. */
const alice = (name: string, roles?: readonly string[]) => ({
  users: [{ username: "alice", email: "alice@example.com", organizations: [{ name, ...(roles ? { roles } : {}) }] }],
});

describe("an applied document and roles that people have made", () => {
  it("gives them, keeps them when it says nothing of roles, and takes them when it names others", async (t) => {
    const { apply, makeRole, rolesOf } = await setUp(t);
    await makeRole("reader", "lab");
    await apply(alice("lab", ["Reader", "Organization-Auditor", "reader", "organization-member"]));
    assert.deepEqual(await rolesOf("alice"), { lab: ["organization-auditor", "reader"] });
    assert.deepEqual(changes(await apply(alice("lab", ["organization-auditor", "READER"]))), []);
    assert.deepEqual(changes(await apply(alice("lab"))), []);
    assert.deepEqual(await rolesOf("alice"), { lab: ["organization-auditor", "reader"] });
    assert.deepEqual(changes(await apply(alice("lab", ["reader"]))), ["updated member alice in lab roles"]);
    assert.deepEqual(await rolesOf("alice"), { lab: ["reader"] });
  });

  it("names each one that its organization does not have by its place, and then writes nothing", async (t) => {
    const { apply, makeRole, rolesOf } = await setUp(t);
    await makeRole("reader", "lab");
    const fresh = { organizations: [{ name: "fresh" }] };
    for (const [raw, places] of [
      [alice("default", ["reader"]), [0]],
      [alice("lab", ["reader", "organization-admin", "reader", "gone", "Reader"]), [3]],
      [{ ...fresh, ...alice("fresh", ["organization-admin", "reader"]) }, [1]],
    ] as const) {
      await assert.rejects(apply(raw), (error) => {
        assert.ok(error instanceof ProblemError);
        assert.deepEqual(
          error.validations.map(({ field }) => field),
          places.map((place) => `users[0].organizations[0].roles[${place}]`),
        );
        assert.match(error.validations[0]?.detail ?? "", /^there is no such role; there are organization-admin, /);
        return true;
      });
    }
    const [user] = alice("lab", ["reader"]).users;
    const both = { ...user, organizations: ["lab", "default"].map((name) => ({ name, roles: ["reader"] })) };
    await assert.rejects(apply({ users: [both] }), (error) => {
      assert.ok(error instanceof ProblemError);
      assert.deepEqual(
        error.validations.map(({ field }) => field),
        ["users[0].organizations[1].roles[0]"],
        "another organization's role of the name does not count",
      );
      return true;
    });
    assert.deepEqual(await rolesOf("alice"), {});
  });

  it("leaves a role that a member has and that there is no longer, until it says which roles there are to be", async (t) => {
    const { pool, apply, rolesOf } = await setUp(t);
    await apply(alice("lab", []));
    await pool.query("update organization_members set roles = '{gone}'");
    await apply(alice("lab"));
    assert.deepEqual(await rolesOf("alice"), { lab: ["gone"] });
    await apply(alice("lab", ["organization-auditor"]));
    assert.deepEqual(await rolesOf("alice"), { lab: ["organization-auditor"] });
  });

  it("gives none that is just being deleted", async (t) => {
    const { pool, apply, makeRole, rolesOf } = await setUp(t);
    await makeRole("reader", "lab");
    const client = await pool.connect();
    await client.query("begin");
    await client.query("delete from custom_roles where name = 'reader'");
    const applying = apply(alice("lab", ["reader"])).catch((error: unknown) => error);
    await untilSomebodyWaits({ pool });
    await client.query("commit");
    client.release();
    assert.ok((await applying) instanceof ProblemError);
    assert.deepEqual(await rolesOf("alice"), {});
  });
});
