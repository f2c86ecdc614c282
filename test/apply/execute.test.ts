import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import type { ApplyDocument } from "../../src/apply/document.ts";
import { applyDocument } from "../../src/apply/execute.ts";
import { COMMAND_LINE } from "../../src/audit/entry.ts";
import { ProblemError } from "../../src/errors.ts";
import { MEMBER_ROLE, systemRolePermissions } from "../../src/rbac/system-roles.ts";
import { createTestDatabase } from "../support/database.ts";
import { allRows, applyContext, changes, devbox, document, insertInitiator, small, source } from "./support.ts";

async function setUp(t: TestContext) {
  const { pool } = await createTestDatabase(t);
  const context = applyContext(pool);
  const initiatorId = await insertInitiator(pool);
  const apply = (given: ApplyDocument) => applyDocument(context, given, { initiatorId, actor: COMMAND_LINE });
  return { pool, context, apply };
}

const PRESETS = `
  select p.name, p.desired_instances, p.invalidate_after_secs, p.scheduling_timezone, p.prebuild_status,
    (select json_object_agg(name, value order by name) from template_version_preset_parameters
      where template_version_preset_id = p.id) as parameters,
    (select json_agg(json_build_array(cron_expression, desired_instances) order by position)
      from template_version_preset_prebuild_schedules where preset_id = p.id) as schedule
  from template_version_presets p
  join templates t on t.active_version_id = p.template_version_id
  order by p.name`;

/** The second preset of the document. */
const plain = { name: "plain", parameters: { size: "plain" } };

describe("applyDocument", () => {
  it("creates everything that the document names", async (t) => {
    const { pool, context, apply } = await setUp(t);
    const result = await apply(devbox());
    assert.equal(result.changed, true);
    assert.equal(context.woken.count, 1);
    const { rows: roles } = await pool.query(
      `select r.name, r.org_permissions as org, r.member_permissions as member, r.xmin = o.xmin as together
        from custom_roles r join organizations o on o.id = r.organization_id`,
    );
    const { org, member } = systemRolePermissions(MEMBER_ROLE, false);
    assert.deepEqual(roles, Array(2).fill({ name: MEMBER_ROLE, org, member, together: true }));
    const version = result.objects.find(({ kind }) => kind === "template_version");
    assert.match(version?.name ?? "", /^default\/devbox@[0-9a-f]{12}$/);
    assert.deepEqual(changes(result), [
      "created organization default",
      "created organization lab",
      "created user alice",
      "created user bob",
      "created member alice in default",
      "created member bob in lab",
      "created template default/devbox",
      `created template_version ${version?.name}`,
      "created preset default/devbox: small",
      "created preset default/devbox: plain",
    ]);

    const templates = await pool.query(
      `select t.default_ttl, v.template_id = t.id as own_version, f.hash, convert_from(f.data, 'UTF8') as data
       from templates t join template_versions v on v.id = t.active_version_id join files f on f.id = v.file_id`,
    );
    assert.deepEqual(templates.rows, [
      { default_ttl: "28800000000000", own_version: true, hash: source("a1").hash, data: "archive a1" },
    ]);
    const presets = await pool.query(PRESETS);
    assert.deepEqual(presets.rows, [
      {
        name: "plain",
        desired_instances: null,
        invalidate_after_secs: 0,
        scheduling_timezone: "",
        prebuild_status: "healthy",
        parameters: { size: "plain" },
        schedule: null,
      },
      {
        name: "small",
        desired_instances: 3,
        invalidate_after_secs: 86_400,
        scheduling_timezone: "Europe/Berlin",
        prebuild_status: "healthy",
        parameters: { cores: "2", size: "small" },
        schedule: [
          ["* 8-18 * * 1-5", 10],
          ["* 8-12 * * 6", 5],
        ],
      },
    ]);
  });

  it("gives a new organization its Everyone group and makes the one named default the default", async (t) => {
    const { pool, apply } = await setUp(t);
    await apply(devbox());
    const { rows } = await pool.query(
      `select o.name, o.is_default, g.name as everyone from organizations o join groups g on g.id = o.id
       where g.organization_id = o.id order by o.name`,
    );
    assert.deepEqual(rows, [
      { name: "default", is_default: true, everyone: "Everyone" },
      { name: "lab", is_default: false, everyone: "Everyone" },
    ]);
    const members = await pool.query(
      `select u.username, u.rbac_roles, m.roles from organization_members m join users u on u.id = m.user_id
       where not u.is_system order by 1`,
    );
    assert.deepEqual(members.rows, [
      { username: "alice", rbac_roles: [], roles: [] },
      { username: "bob", rbac_roles: ["auditor"], roles: ["organization-admin"] },
    ]);
  });

  it("writes nothing and wakes nobody when the same document is applied again", async (t) => {
    const { pool, context, apply } = await setUp(t);
    await apply(devbox());
    const before = await allRows(pool);
    const again = await apply(devbox());
    assert.equal(again.changed, false);
    assert.deepEqual(changes(again), []);
    assert.deepEqual(await allRows(pool), before);
    assert.equal(context.woken.count, 1);
  });

  it("changes the size, lifetime and schedule of a pool in place and writes nothing else", async (t) => {
    const { pool, context, apply } = await setUp(t);
    await apply(devbox());
    const before = await allRows(pool);
    const prebuilds = { instances: 7, expiration_policy: undefined, scheduling: undefined };
    const changed = await apply(devbox({ presets: [small(prebuilds), plain] }));
    assert.deepEqual(changes(changed), [
      "updated preset default/devbox: small instances expiration_policy timezone schedule",
    ]);
    const after = await allRows(pool);
    const touched = Object.keys(after).filter(
      (table) => JSON.stringify(after[table]) !== JSON.stringify(before[table]),
    );
    assert.deepEqual(touched, ["template_version_presets", "template_version_preset_prebuild_schedules"]);
    assert.equal(context.woken.count, 2);
  });

  it("turns prebuilds off when a preset no longer asks for them", async (t) => {
    const { pool, apply } = await setUp(t);
    await apply(devbox());
    const { prebuilds: _, ...bare } = small();
    await apply(devbox({ presets: [bare, plain] }));
    const { rows } = await pool.query("select name from template_version_presets where desired_instances is not null");
    assert.deepEqual(rows, []);
  });

  for (const [what, change] of [
    ["the source", { source: source("b2") }],
    ["a parameter", { presets: [{ ...small(), parameters: { size: "small", cores: 4 } }, plain] }],
    ["the list of presets", { presets: [small()] }],
  ] as const) {
    it(`activates a new version when ${what} changes, and the old one again when it changes back`, async (t) => {
      const { pool, apply } = await setUp(t);
      const first = await apply(devbox());
      const second = await apply(devbox(change));
      const idOf = (result: typeof first) => result.objects.find(({ kind }) => kind === "template_version")?.id;
      assert.notEqual(idOf(second), idOf(first));
      const active = "select active_version_id as id from templates";
      assert.deepEqual((await pool.query(active)).rows, [{ id: idOf(second) }]);
      const third = await apply(devbox());
      assert.deepEqual(changes(third), ["updated template default/devbox active_version"]);
      assert.deepEqual((await pool.query(active)).rows, [{ id: idOf(first) }]);
    });
  }

  it("leaves alone what the document does not name", async (t) => {
    const { pool, apply } = await setUp(t);
    await apply(devbox());
    const before = await allRows(pool);
    await apply(document({}));
    await apply(document({ users: [{ username: "BOB", email: "bob@example.com" }], organizations: [{ name: "Lab" }] }));
    assert.deepEqual(await allRows(pool), before);
  });

  it("takes a role and a membership's roles away when the document says that there are none", async (t) => {
    const { apply } = await setUp(t);
    await apply(devbox());
    const bob = { username: "bob", email: "new@example.com", roles: [], organizations: [{ name: "lab", roles: [] }] };
    assert.deepEqual(changes(await apply(document({ users: [bob] }))), [
      "updated user bob email roles",
      "updated member bob in lab roles",
    ]);
  });

  it("writes nothing at all when one part of the document does not fit, and names every such part", async (t) => {
    const { pool, context, apply } = await setUp(t);
    await apply(devbox());
    const before = await allRows(pool);
    const bad = document({
      organizations: [{ name: "fresh" }],
      users: [
        { username: "carol", email: "ALICE@example.com" },
        { username: "dave", email: "dave@example.com", organizations: [{ name: "nowhere" }] },
      ],
      templates: [
        { name: "devbox", provisioner: "terraform", source: source("c3") },
        { name: "other", organization: "nowhere", provisioner: "command", source: source("d4") },
      ],
    });
    await assert.rejects(apply(bad), (error) => {
      assert.ok(error instanceof ProblemError);
      assert.equal(error.kind, "conflict");
      const missing = "there is no organization nowhere; list it under organizations to create it";
      assert.deepEqual(error.validations, [
        { field: "users[0].email", detail: "is the address of user alice" },
        { field: "users[1].organizations[0].name", detail: missing },
        {
          field: "templates[0].provisioner",
          detail: "template devbox is built by command, which cannot change; give the new one another name",
        },
        { field: "templates[1].organization", detail: missing },
      ]);
      return true;
    });
    assert.deepEqual(await allRows(pool), before);
    assert.equal(context.woken.count, 1);
  });

  it("writes nothing when the database refuses the last statement", async (t) => {
    const { pool, apply } = await setUp(t);
    const before = await allRows(pool);
    await pool.query(
      `create function refuse() returns trigger language plpgsql as $$ begin raise exception 'no'; end $$;
       create trigger refuse before update on templates for each row execute function refuse()`,
    );
    await assert.rejects(apply(devbox()), /no/);
    assert.deepEqual(await allRows(pool), before);
  });

  it("lets applies that run at the same time take turns", async (t) => {
    const { pool, apply } = await setUp(t);
    const results = await Promise.all(Array.from({ length: 8 }, () => apply(devbox())));
    assert.equal(results.filter(({ changed }) => changed).length, 1);
    const { rows } = await pool.query(
      `select (select count(*)::int from templates) as templates, (select count(*)::int from template_versions) as versions,
        (select count(*)::int from template_version_presets) as presets`,
    );
    assert.deepEqual(rows, [{ templates: 1, versions: 1, presets: 2 }]);
  });

  it("refuses to change a system account that has an unreserved name", async (t) => {
    const { pool, apply } = await setUp(t);
    await pool.query("insert into users (username, email, is_system) values ('robot', 'robot@example.com', true)");
    await assert.rejects(apply(document({ users: [{ username: "robot", email: "robot@example.com" }] })), (error) => {
      assert.ok(error instanceof ProblemError);
      assert.equal(error.validations[0]?.field, "users[0].username");
      return true;
    });
  });
});
