import assert from "node:assert/strict";
import { it } from "node:test";
import type pg from "pg";
import type { Context } from "../../src/context.ts";
import { createLogger } from "../../src/log.ts";
import { addMember, createOrganization } from "../../src/organizations/store.ts";
import { PREBUILDS_SYSTEM_USER_ID } from "../../src/system-user.ts";
import { givenContext, givenUser, silent } from "../support/given.ts";
import {
  EVERYONE,
  GROUP,
  givenGroup,
  givenOrganization,
  givenPreset,
  JOINED,
  membershipIn,
  NEW_GROUP,
  NOTHING,
  readIncomplete,
  reconcile,
  rowsOf,
} from "../support/memberships.ts";
import { waitFor } from "../support/wait-for.ts";

const never = new AbortController().signal;
const ANOTHER_GROUP = { ...NEW_GROUP, name: "developers", members: ["prebuilds"] };

async function addToGroup({ pool }: Pick<Context, "pool">, groupId: string, userId: string) {
  await pool.query("insert into group_members (group_id, user_id) values ($1, $2)", [groupId, userId]);
}

/** Makes the database refuse the group of one organization. */
async function refuseGroupOf({ pool }: Pick<Context, "pool">, organizationId: string) {
  await pool.query(
    `create function refuse() returns trigger language plpgsql as $$ begin raise exception 'no room'; end $$;
     create trigger refuse before insert on groups for each row
       when (new.organization_id = '${organizationId}') execute function refuse()`,
  );
}

/** Waits until somebody waits for what somebody else has written and not yet committed. */
async function waitForWaiting({ pool }: Pick<Context, "pool">) {
  await waitFor("the pass to wait for the row", async () => {
    const { rows } = await pool.query(
      "select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'",
    );
    return rows.length > 0;
  });
}

function recordingLog() {
  const lines: Record<string, unknown>[] = [];
  return { lines, log: createLogger("info", { write: (line) => void lines.push(JSON.parse(line)) }) };
}

/** The numbers of the cases in which there is a pool. */
const NUMBERS: Readonly<Record<string, string>> = {
  "false, false, false": "MEM-01, ",
  "true, false, false": "MEM-02, ",
  "true, true, false": "MEM-04, ",
  "true, true, true": "MEM-05, ",
};

for (const desired of [null, 0]) {
  for (const member of [false, true]) {
    for (const group of [false, true]) {
      for (const inGroup of [false, true]) {
        const given = [
          member ? "is a member" : "is no member",
          group ? "has its group" : "has no group",
          inGroup ? `is in ${group ? "it" : "a group of another name"}` : "is in none",
        ].join(", ");
        const behaviour =
          desired === null
            ? "175: a preset without a desired size adds nothing for the prebuilds user"
            : `${NUMBERS[[member, group, inGroup].join(", ")] ?? ""}176: a preset of desired size 0 makes the prebuilds user a member of organization and group`;
        it(`${behaviour} when it ${given}; another organization stays as it is`, async (t) => {
          const context = await givenContext(t);
          const { id } = await givenOrganization(context, desired);
          const unrelated = await createOrganization(context.pool, { name: "unrelated" });
          await addMember(context.pool, { organizationId: unrelated.id, userId: PREBUILDS_SYSTEM_USER_ID });
          await addMember(context.pool, { organizationId: unrelated.id, userId: await givenUser(context) });
          const { name } = group ? NEW_GROUP : ANOTHER_GROUP;
          const groupId = group || inGroup ? await givenGroup(context, id, { name }) : "";
          if (member) await addMember(context.pool, { organizationId: id, userId: PREBUILDS_SYSTEM_USER_ID });
          if (inGroup) await addToGroup(context, groupId, PREBUILDS_SYSTEM_USER_ID);
          const before = await membershipIn(context, id);
          const rowsBefore = await rowsOf(context, id);
          const unrelatedBefore = await rowsOf(context, unrelated.id);

          const result = await reconcile(context, never);

          const complete = member && group && inGroup;
          const expected = desired === null || complete ? 0 : 1;
          assert.deepEqual(result, { organizations: expected, failures: 0 });
          const joined = !group && inGroup ? { ...JOINED, groups: [...JOINED.groups, ANOTHER_GROUP] } : JOINED;
          assert.deepEqual(await membershipIn(context, id), desired === null ? before : joined);
          if (expected === 0) assert.deepEqual(await rowsOf(context, id), rowsBefore, "nothing is written");
          assert.deepEqual(await rowsOf(context, unrelated.id), unrelatedBefore);
        });
      }
    }
  }
}

it("pools of old versions and of deleted templates count, those of deleted organizations do not", async (t) => {
  const context = await givenContext(t);
  const old = await givenOrganization(context, 1);
  await givenPreset(context, old.templateId, null);
  const templateless = await givenOrganization(context, 1);
  await context.pool.query("update templates set deleted = true where id = $1", [templateless.templateId]);
  const deleted = await givenOrganization(context, 1);
  await context.pool.query("update organizations set deleted = true where id = $1", [deleted.id]);
  assert.deepEqual(await reconcile(context, never), { organizations: 2, failures: 0 });
  assert.deepEqual(await membershipIn(context, old.id), JOINED);
  assert.deepEqual(await membershipIn(context, templateless.id), JOINED);
  assert.deepEqual(await membershipIn(context, deleted.id), NOTHING);
  assert.deepEqual(await readIncomplete(context.pool), [], "nor is it asked for in every pass");
});

it("roles, quota, names and members that somebody has given stay", async (t) => {
  const context = await givenContext(t);
  const { id } = await givenOrganization(context, 1);
  const group = { name: GROUP, display_name: "Ours", quota_allowance: 40 };
  const alice = await givenUser(context);
  const { rows } = await context.pool.query<{ username: string }>("select username from users where id = $1", [alice]);
  await addMember(context.pool, { organizationId: id, userId: PREBUILDS_SYSTEM_USER_ID, roles: ["auditor"] });
  await addToGroup(context, await givenGroup(context, id, group), alice);
  await reconcile(context, never);
  assert.deepEqual(await membershipIn(context, id), {
    roles: ["auditor"],
    groups: [EVERYONE, { ...group, source: "user", members: ["prebuilds", rows[0]?.username] }],
  });
});

it("says in one line how many organizations were joined, and nothing when there was nothing to do", async (t) => {
  const context = await givenContext(t);
  const { log, lines } = recordingLog();
  await givenOrganization(context, 1);
  await reconcile({ ...context, log }, never);
  await givenOrganization(context, 1);
  await givenOrganization(context, 1);
  await reconcile({ ...context, log }, never);
  await reconcile({ ...context, log }, never);
  assert.deepEqual(
    lines.map(({ msg }) => msg),
    ["the prebuilds user joined 1 organization", "the prebuilds user joined 2 organizations"],
  );
});

it("MEM-11: an organization that refuses does not stop the others, is named in the log, and is joined once it no longer refuses", async (t) => {
  const context = await givenContext(t);
  const { log, lines } = recordingLog();
  const organizations = await Promise.all([1, 1, 1].map((desired) => givenOrganization(context, desired)));
  const [refusing, ...others] = organizations;
  assert.ok(refusing);
  await refuseGroupOf(context, refusing.id);

  assert.deepEqual(await reconcile({ ...context, log }, never), { organizations: 2, failures: 1 });
  for (const { id } of others) assert.deepEqual(await membershipIn(context, id), JOINED);
  assert.deepEqual(await membershipIn(context, refusing.id), NOTHING, "an organization is joined wholly or not at all");
  const errors = lines.filter(({ level }) => level === "error");
  assert.deepEqual(
    errors.map(({ organization, err }) => [organization, (err as Error).message]),
    [[refusing.name, "no room"]],
  );

  await context.pool.query("drop trigger refuse on groups");
  assert.deepEqual(await reconcile(context, never), { organizations: 1, failures: 0 });
  assert.deepEqual(await membershipIn(context, refusing.id), JOINED);
});

it("a pass that is aborted goes through no more organizations one by one", async (t) => {
  const context = await givenContext(t);
  const [refusing] = await Promise.all([givenOrganization(context, 1), givenOrganization(context, 1)]);
  await refuseGroupOf(context, refusing.id);
  assert.deepEqual(await reconcile(context, AbortSignal.abort()), { organizations: 0, failures: 0 });
});

it("an organization whose row somebody else keeps locked holds nobody up for long", async (t) => {
  const context = await givenContext(t);
  const [locked, free] = await Promise.all([givenOrganization(context, 1), givenOrganization(context, 1)]);
  const somebody = await context.pool.connect();
  await somebody.query("begin");
  await somebody.query("select from organizations where id = $1 for update", [locked.id]);
  const result = await reconcile(context, never);
  await somebody.query("rollback");
  somebody.release();
  assert.deepEqual(result, { organizations: 1, failures: 1 });
  assert.deepEqual(await membershipIn(context, free.id), JOINED);
});

it("a database that does not answer is given up at once, not once for every organization", async (t) => {
  const context = await givenContext(t);
  await Promise.all([givenOrganization(context, 1), givenOrganization(context, 1)]);
  let attempts = 0;
  const pool = Object.assign(Object.create(context.pool), {
    query: context.pool.query.bind(context.pool),
    connect: async () => {
      attempts += 1;
      throw new Error("connect ECONNREFUSED");
    },
  }) as pg.Pool;
  await assert.rejects(reconcile({ pool, log: silent }, never), /ECONNREFUSED/);
  assert.equal(attempts, 1);
});

it("replicas that do it at the same time neither fail nor do it twice", async (t) => {
  const context = await givenContext(t);
  const organizations = await Promise.all(Array.from({ length: 30 }, () => givenOrganization(context, 1)));
  const results = await Promise.all(Array.from({ length: 6 }, () => reconcile(context, never)));
  assert.deepEqual(
    results.map(({ failures }) => failures),
    [0, 0, 0, 0, 0, 0],
  );
  for (const { id } of organizations) assert.deepEqual(await membershipIn(context, id), JOINED);
});

it("MEM-10: a membership that somebody else adds at the same moment is one, and the group follows in the same pass", async (t) => {
  const context = await givenContext(t);
  const { id } = await givenOrganization(context, 1);
  const somebody = await context.pool.connect();
  await somebody.query("begin");
  await somebody.query(
    "insert into organization_members (organization_id, user_id, roles) values ($1, $2, '{theirs}')",
    [id, PREBUILDS_SYSTEM_USER_ID],
  );
  const pass = reconcile(context, never);
  await waitForWaiting(context);
  await somebody.query("commit");
  somebody.release();
  assert.deepEqual(await pass, { organizations: 1, failures: 0 });
  assert.deepEqual(await membershipIn(context, id), { ...JOINED, roles: ["theirs"] });
});

it("a group that somebody else makes at the same moment is joined in the same pass", async (t) => {
  const context = await givenContext(t);
  const { id } = await givenOrganization(context, 1);
  const somebody = await context.pool.connect();
  await somebody.query("begin");
  await somebody.query("insert into groups (organization_id, name, quota_allowance) values ($1, $2, 7)", [id, GROUP]);
  const pass = reconcile(context, never);
  await waitForWaiting(context);
  await somebody.query("commit");
  somebody.release();
  assert.deepEqual(await pass, { organizations: 1, failures: 0 });
  const group = { ...NEW_GROUP, display_name: "", quota_allowance: 7, members: ["prebuilds"] };
  assert.deepEqual(await membershipIn(context, id), { roles: [], groups: [EVERYONE, group] });
});
