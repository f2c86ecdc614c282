import assert from "node:assert/strict";
import { it, type TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import type { ApplyDocument } from "../../src/apply/document.ts";
import { applyDocument } from "../../src/apply/execute.ts";
import type { Actor, Difference } from "../../src/audit/entry.ts";
import { COMMAND_LINE } from "../../src/audit/entry.ts";
import { startProcess } from "../support/daemon.ts";
import { createTestDatabase } from "../support/database.ts";
import { applyContext, devbox, document, insertInitiator, small, source } from "./support.ts";

const QUICKSTART = fileURLToPath(new URL("../../examples/quickstart/prebuildd.yaml", import.meta.url));

type Entry = {
  entry: string;
  organization: string | null;
  resource_id: string;
  user_id: string | null;
  diff: Difference;
};

async function setUp(t: TestContext) {
  const { pool } = await createTestDatabase(t);
  const context = applyContext(pool);
  const initiatorId = await insertInitiator(pool);
  let lastId = 0;
  const apply = async (given: ApplyDocument, actor: Actor = COMMAND_LINE) => {
    const { objects } = await applyDocument(context, given, { initiatorId, actor });
    const { rows } = await pool.query<Entry & { id: number }>(
      `select a.id::int as id, a.action || ' ' || a.resource_type || ' ' || a.resource_target as entry,
         o.name as organization, a.resource_id, a.user_id, a.diff
       from audit_logs a left join organizations o on o.id = a.organization_id where a.id > $1 order by a.id`,
      [lastId],
    );
    lastId = rows.at(-1)?.id ?? lastId;
    return { objects, entries: rows, said: rows.map(({ entry }) => entry) };
  };
  return { pool, apply };
}

type GivenPrebuilds = { readonly scheduling: { readonly schedule: unknown } };

/** The presets of `devbox`, with other settings for the prebuilds of `small`. */
const presets = (prebuilds: Record<string, unknown>) => [
  small(prebuilds),
  { name: "plain", parameters: { size: "plain" } },
];

const diffOf = (entries: readonly Entry[], entry: string) =>
  entries.find((one) => one.entry === entry)?.diff ?? assert.fail(`there is no entry ${entry}`);

it("an apply writes one audit entry for each object that it makes, with all that it says", async (t) => {
  const { apply } = await setUp(t);
  const { objects, entries, said } = await apply(devbox());
  const version = objects.find(({ kind }) => kind === "template_version");
  assert.deepEqual(said, [
    "create organization default",
    "create organization lab",
    "create user alice",
    "create user bob",
    "create organization_member alice",
    "create organization_member bob",
    "create template devbox",
    `create template_version devbox@${version?.name.split("@")[1]}`,
    "create preset devbox/small",
    "create preset devbox/plain",
  ]);
  assert.deepEqual(
    entries.map(({ organization }) => organization),
    ["default", "lab", null, null, "default", "lab", "default", "default", "default", "default"],
  );
  assert.deepEqual(
    entries.map(({ resource_id: id }) => id),
    objects.map(({ id }) => id),
  );
  assert.deepEqual(diffOf(entries, "create user bob"), {
    username: { old: null, new: "bob" },
    email: { old: null, new: "bob@example.com" },
    name: { old: null, new: "" },
    roles: { old: null, new: ["auditor"] },
  });
  assert.deepEqual(diffOf(entries, "create template devbox")["default_ttl_ms"], { old: null, new: 28_800_000 });
  const { desired_prebuild_instances: size, schedule, parameters } = diffOf(entries, "create preset devbox/small");
  assert.deepEqual([size?.new, schedule?.new], [3, (small()["prebuilds"] as GivenPrebuilds).scheduling.schedule]);
  assert.deepEqual(parameters?.new, [
    { name: "size", value: "small" },
    { name: "cores", value: "2" },
  ]);
});

it("an apply that changes nothing writes nothing to the audit log, and one that does what has changed", async (t) => {
  const { apply } = await setUp(t);
  await apply(devbox());
  assert.deepEqual((await apply(devbox())).said, []);
  const changed = devbox({ description: "new", presets: presets({ instances: 5, scheduling: undefined }) });
  const { entries, said } = await apply(changed);
  assert.deepEqual(said, ["write template devbox", "write preset devbox/small"]);
  assert.deepEqual(diffOf(entries, "write template devbox"), { description: { old: "", new: "new" } });
  assert.deepEqual(Object.keys(diffOf(entries, "write preset devbox/small")).sort(), [
    "desired_prebuild_instances",
    "schedule",
    "timezone",
  ]);
});

it("a preset of which only the schedule changes has an entry, too", async (t) => {
  const { apply } = await setUp(t);
  await apply(devbox());
  const scheduling = { timezone: "Europe/Berlin", schedule: [{ cron: "* 8-18 * * *", instances: 9 }] };
  const { entries, said } = await apply(devbox({ presets: presets({ scheduling }) }));
  assert.deepEqual(said, ["write preset devbox/small"]);
  const { schedule, ...others } = diffOf(entries, "write preset devbox/small");
  assert.deepEqual([schedule?.new, others], [scheduling.schedule, {}]);
});

it("a source that is another gives a version, which the template's entry has as the active one", async (t) => {
  const { apply } = await setUp(t);
  const { objects } = await apply(devbox());
  const { said, entries } = await apply(devbox({ source: source("b2"), presets: [] }));
  const [template = assert.fail(), version = assert.fail()] = entries;
  assert.deepEqual([said.length, version.diff["source_hash"]?.new], [2, "b2".padEnd(64, "0")]);
  const old = objects.find(({ kind }) => kind === "template_version")?.id;
  assert.deepEqual(template.diff, { active_version_id: { old, new: version.resource_id } });
});

it("a version that an apply takes out of the archive has an entry that says so", async (t) => {
  const { pool, apply } = await setUp(t);
  const { objects } = await apply(devbox());
  await apply(devbox({ source: source("b2") }));
  const { id = "" } = objects.find(({ kind }) => kind === "template_version") ?? {};
  await pool.query("update template_versions set archived = true where id = $1", [id]);
  const { entries } = await apply(devbox());
  assert.deepEqual(
    entries.map(({ entry, diff }) => [entry.replace(/@.*/, ""), Object.keys(diff)]),
    [
      ["write template devbox", ["active_version_id"]],
      ["write template_version devbox", ["archived"]],
    ],
  );
  assert.deepEqual([entries[1]?.resource_id, entries[1]?.diff["archived"]], [id, { old: true, new: false }]);
});

it("what changes of organizations, users and members is told of each by itself", async (t) => {
  const { apply } = await setUp(t);
  await apply(devbox());
  const bob = { username: "bob", email: "bob@lab.example.com", organizations: [{ name: "lab", roles: [] }] };
  const { entries, said } = await apply(
    document({ organizations: [{ name: "lab", display_name: "Lab" }], users: [bob] }),
  );
  assert.deepEqual(said, ["write organization lab", "write user bob", "write organization_member bob"]);
  assert.deepEqual(
    entries.map(({ diff }) => diff),
    [
      { display_name: { old: "The lab", new: "Lab" } },
      { email: { old: "bob@example.com", new: "bob@lab.example.com" } },
      { roles: { old: ["organization-admin"], new: [] } },
    ],
  );
});

it("the entries are whose the apply is: the caller's, or nobody's without one", async (t) => {
  const { pool, apply } = await setUp(t);
  const { rows } = await pool.query<{ id: string }>("select id from users where username = 'root'");
  const userId = rows[0]?.id ?? "";
  const byRoot = await apply(document({ organizations: [{ name: "default" }] }), { ...COMMAND_LINE, userId });
  const byNobody = await apply(document({ organizations: [{ name: "lab" }] }));
  assert.deepEqual([byRoot.entries[0]?.user_id, byNobody.entries[0]?.user_id], [userId, null]);
});

it("what the daemon applies when it is started is nobody's", async (t) => {
  const { url, pool } = await createTestDatabase(t);
  const daemon = await startProcess(t, ["run", "--apply", QUICKSTART], { env: { DATABASE_URL: url } });
  await daemon.ready();
  const { rows } = await pool.query<{ users: number; entries: number }>(
    "select count(user_id)::int as users, count(*)::int as entries from audit_logs",
  );
  assert.ok(rows[0] && rows[0].users === 0 && rows[0].entries > 4, JSON.stringify(rows));
});
