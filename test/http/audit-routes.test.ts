import assert from "node:assert/strict";
import { hostname } from "node:os";
import { it } from "node:test";
import { givenVersion } from "../support/given.ts";
import { bodyOf } from "../templates/pushing.ts";
import { everyRoute, filled } from "./api-routes.ts";
import { startTestServer, type TestServer } from "./server.ts";
import { givenInboxMessage, givenPrebuild, givenTemplate, QUICKSTART } from "./world.ts";

type Row = { entry: string; diff: Record<string, { old: unknown; new: unknown }>; by: unknown[] };

/** Ids and instants are other ones every time. */
const steady = (text: string): string =>
  text.replaceAll(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, "ID").replaceAll(/"\d{4}-\d\d-\d\dT[\d:.]+Z"/g, "TIME");

/** An entry on a line: what was made or deleted with the names of its fields, and what was changed with the change. */
function lineOf({ entry, diff }: Row): string {
  const changes = Object.entries(diff).map(([field, { old, new: now }]) =>
    /^(create|delete|claim) /.test(entry) ? field : `${field} ${JSON.stringify(old)} -> ${JSON.stringify(now)}`,
  );
  return steady(`${entry}: ${changes.sort().join(", ")}`);
}

/** Calls routes by their names, each of which must succeed and leave these entries, by that caller and request. */
async function givenCaller(server: TestServer) {
  const routes = new Map((await everyRoute(server)).map((route) => [route.name, route]));
  const called = new Set<string>();
  async function does(name: string, parts: Record<string, string>, json: object | undefined, ...entries: string[]) {
    const route = routes.get(name) ?? assert.fail(`there is no route ${name}`);
    called.add(name);
    const { rows: last } = await server.pool.query("select coalesce(max(id), 0) as id from audit_logs");
    const body = json === undefined ? {} : { json };
    const headers = { "user-agent": name };
    const answer = await server.send(route.method, filled(route, parts), { as: server.admin, headers, ...body });
    assert.ok(answer.statusCode < 300, `${name}: ${answer.statusCode} ${answer.body}`);
    const { rows } = await server.pool.query<Row>(
      `select a.action || ' ' || a.resource_type || ' ' || a.resource_target || coalesce(' in ' || o.name, '') as entry,
         a.diff, json_build_array(a.user_id, a.ip, a.user_agent, a.request_id) as by
       from audit_logs a left join organizations o on o.id = a.organization_id where a.id > $1 order by a.id`,
      [last[0].id],
    );
    assert.deepEqual(rows.map(lineOf), entries, name);
    for (const { by } of rows) {
      assert.deepEqual(by, [server.admin.id, "127.0.0.1", name, answer.headers["x-request-id"]], name);
    }
    return answer.body === "" ? undefined : answer.json();
  }
  const mutating = [...routes.values()].filter(({ method }) => method !== "GET").map(({ name }) => name);
  return { does, forgotten: () => mutating.filter((name) => !called.has(name)) };
}

/** Makes a build one that has succeeded, and runs until then. */
async function givenRunning({ pool }: TestServer, buildId: string, deadline: Date): Promise<void> {
  await pool.query(
    `update provisioner_jobs set started_at = now(), completed_at = now(), canceled_at = null
      where id = (select job_id from workspace_builds where id = $1)`,
    [buildId],
  );
  await pool.query("update workspace_builds set deadline = $2 where id = $1", [buildId, deadline]);
}

it("whatever changes something says in the audit log who changed it and what", async (t) => {
  const server = await startTestServer(t);
  const template = await givenTemplate(server);
  await server.pool.query("update template_versions set name = 'first'");
  const { does, forgotten } = await givenCaller(server);

  await does(
    "apply",
    {},
    { organizations: [{ name: "applied" }] },
    "create organization applied in applied: display_name, is_default, name",
  );
  const organization = "lab";
  const everything = "description, display_name, icon, is_default, name";
  await does(
    "createOrganization",
    {},
    { name: "lab" },
    `create organization lab in lab: ${everything}`,
    "create organization_member admin in lab: roles, username",
  );
  await does(
    "updateOrganization",
    { organization },
    { description: "x" },
    'write organization lab in lab: description "" -> "x"',
  );
  await does(
    "updateWorkspaceSharing",
    { organization },
    { sharing_disabled: true },
    "write organization lab in lab: workspace_sharing_disabled false -> true",
  );

  const user = "carol";
  const carol = { username: user, email: "carol@example.com" };
  const { id: userId } = await does(
    "createUser",
    {},
    carol,
    "create user carol: email, login_type, name, roles, status, username",
    "create organization_member carol in default: roles, username",
  );
  await does("updateUserProfile", { user }, { name: "Carol" }, 'write user carol: name "" -> "Carol"');
  const schedule = "CRON_TZ=Europe/Berlin 0 2 * * *";
  await does("updateQuietHours", { user }, { schedule }, `write user carol: quiet_hours_schedule "" -> "${schedule}"`);
  await does("updateUserRoles", { user }, { roles: ["auditor"] }, 'write user carol: roles [] -> ["auditor"]');
  await does("makeUserDormant", { user }, undefined, 'write user carol: status "active" -> "dormant"');
  await does("suspendUser", { user }, undefined, 'write user carol: status "dormant" -> "suspended"');
  await does("activateUser", { user }, undefined, 'write user carol: status "suspended" -> "active"');
  const token = "api_key carol/ci: allow_list, scopes, token_name, user_id";
  await does("createToken", { user }, { token_name: "ci" }, `create ${token}`);
  const { rows: tokens } = await server.pool.query("select id from api_keys where user_id = $1", [userId]);
  await does("deleteToken", { user, id: tokens[0].id }, undefined, `delete ${token}`);
  await does("updateUserLoginType", { user }, { login_type: "none" }, 'write user carol: login_type "token" -> "none"');

  const member = "organization_member carol in lab: ";
  await does("addMember", { organization, user }, undefined, `create ${member}roles, username`);
  const roles = ["organization-auditor"];
  await does(
    "updateMemberRoles",
    { organization, user },
    { roles },
    `write ${member}roles [] -> ["organization-auditor"]`,
  );
  const reader = "custom_role reader in lab:";
  const role = (grants: string) => ({
    name: "reader",
    organization_permissions: grants.split(" ").map((action) => ({ resource_type: "workspace", action })),
  });
  await does(
    "createCustomRole",
    { organization },
    role("read"),
    `create ${reader} display_name, name, organization_permissions`,
  );
  await does(
    "updateCustomRole",
    { organization },
    role("read start"),
    `write ${reader} organization_permissions ["workspace:read"] -> ["workspace:read","workspace:start"]`,
  );
  await does(
    "deleteCustomRole",
    { organization, roleName: "reader" },
    undefined,
    `delete ${reader} display_name, members, name, organization_permissions`,
  );
  const crew = "group crew in lab: ";
  const { id: group } = await does(
    "createGroup",
    { organization },
    { name: "crew" },
    `create ${crew}avatar_url, display_name, name, quota_allowance`,
  );
  await does(
    "updateGroup",
    { group },
    { add_users: [userId] },
    `write ${crew}members_added null -> [{"id":"ID","username":"carol"}]`,
  );
  const dollars = { spend_limit_micros: 12_500_000 };
  const budget = "group_ai_budget crew in lab: spend_limit";
  await does("putGroupAiBudget", { group }, dollars, `write ${budget} "$0.00" -> "$12.50"`);
  await does("deleteGroupAiBudget", { group }, undefined, `delete ${budget}`);
  await does(
    "putUserAiBudget",
    { user },
    { group_id: group, ...dollars },
    'write user_ai_budget_override carol in lab: group_id null -> "ID", group_name null -> "crew", spend_limit "$0.00" -> "$12.50"',
  );
  await does("recordUserAiSpend", { user }, { request_id: "1", spend_micros: 1 });
  await does(
    "deleteUserAiBudget",
    { user },
    undefined,
    "delete user_ai_budget_override carol in lab: group_id, group_name, spend_limit",
  );
  await does("deleteGroup", { group }, undefined, `delete ${crew}avatar_url, display_name, name, quota_allowance`);
  await does("removeMember", { organization, user }, undefined, `delete ${member}roles, username`);
  await does("deleteUser", { user }, undefined, "delete user carol: email, login_type, name, roles, status, username");
  await does("deleteOrganization", { organization }, undefined, `delete organization lab in lab: ${everything}`);

  const paused = { reconciliation_paused: true };
  await does(
    "updatePrebuildsSettings",
    {},
    paused,
    "write prebuilds_settings all pools: reconciliation_paused null -> true",
  );
  const level = `write log_level ${hostname()}:`;
  await does("updateLogLevel", {}, { level: "warn" }, `${level} level "trace" -> "warn"`);
  const preset = { id: template.smallId };
  const pool = "write pool devbox/small in default:";
  await does("pausePool", preset, undefined, `${pool} paused false -> true`);
  await does("resumePool", preset, undefined, `${pool} paused true -> false`);
  await does("resetPool", preset, undefined, `${pool} failures_reset_at null -> TIME`);
  const { id } = template;
  const devbox = "write template devbox in default:";
  await does(
    "invalidatePrebuilds",
    { id },
    undefined,
    `${devbox} last_invalidated_at {"plain":null,"small":null} -> {"plain":TIME,"small":TIME}`,
  );
  await does("updateTemplate", { id }, { icon: "/x.svg" }, `${devbox} icon "" -> "/x.svg"`);
  const pushed = "provisioner_job devbox in default:";
  const { id: job } = await does(
    "pushTemplate",
    { organization: "default", name: "devbox" },
    await bodyOf(QUICKSTART, { message: "new" }),
    `create ${pushed} message, provisioner, source_hash`,
  );
  await does(
    "cancelImport",
    { organization: "default", id: job },
    undefined,
    `cancel ${pushed} status "pending" -> "canceled"`,
  );
  const other = await givenVersion(server, id);
  const version = "write template_version devbox@ID in default: archived";
  await does(
    "updateActiveTemplateVersion",
    { id },
    { id: template.versionId },
    `${devbox} active_version_id "ID" -> "ID", active_version_name "ID" -> "first"`,
  );
  await does("archiveTemplateVersion", { id: other }, undefined, `${version} false -> true`);
  await does("unarchiveTemplateVersion", { id: other }, undefined, `${version} true -> false`);

  const message = await givenInboxMessage(server, server.admin.id);
  await does("updateInboxNotificationReadStatus", { id: message }, { is_read: true });
  await does("markAllInboxNotificationsAsRead", {}, undefined);

  await givenPrebuild(server, template);
  const alice = { organization: "default", user: "alice" };
  const body = { name: "mine", template_version_id: template.versionId, template_version_preset_id: template.smallId };
  await does("createWorkspace", alice, body, "claim workspace alice/mine in default: name, owner_id");
  const own = { name: "own", template_id: id };
  const built = await does(
    "createWorkspace",
    alice,
    own,
    "create workspace alice/own in default: automatic_updates, name, owner_id, template_id, template_version_id, ttl_ms",
  );
  const workspace = { id: built.id };
  await does(
    "updateAutoupdates",
    workspace,
    { automatic_updates: "always" },
    'write workspace alice/own in default: automatic_updates "never" -> "always"',
  );
  const write = "write workspace alice/own in default:";
  await does(
    "updateAutostart",
    workspace,
    { schedule: "0 9 * * *" },
    `${write} autostart_schedule null -> "0 9 * * *"`,
  );
  await does("updateTtl", workspace, { ttl_ms: 3_600_000 }, `${write} ttl_ms 28800000 -> 3600000`);
  const everyone = server.defaultOrganizationId;
  const shared = "write workspace alice/own in default: group_acl";
  await does("updateWorkspaceAcl", workspace, { group_roles: { [everyone]: "use" } }, `${shared} {} -> {"ID":"use"}`);
  await does("deleteWorkspaceAcl", workspace, undefined, `${shared} {"ID":"use"} -> {}`);
  await does(
    "cancelBuild",
    { id: built.latest_build.id },
    undefined,
    'cancel workspace_build alice/own in default: build_number 1 -> 1, status "pending" -> "canceled"',
  );
  await givenRunning(server, built.latest_build.id, new Date(Date.now() + 3_600_000));
  await does("recordUsage", workspace, undefined);
  const later = { deadline: new Date(Date.now() + 7_200_000) };
  await does("extendWorkspace", workspace, later, `${write} deadline TIME -> TIME`);
  await does(
    "updateDormancy",
    workspace,
    { dormant: true },
    `${write} dormant_at null -> TIME`,
    'stop workspace_build alice/own in default: build_number 1 -> 2, reason null -> "dormancy"',
  );
  await server.pool.query("update provisioner_jobs set started_at = now(), completed_at = now()");
  await does(
    "createBuild",
    workspace,
    { transition: "delete" },
    "delete workspace_build alice/own in default: build_number",
  );
  await server.pool.query("update workspaces set deleted = true");
  const settings = [
    "active_version_id, activity_bump_ms, allow_user_autostart, allow_user_autostop, autostart_requirement",
    "autostop_requirement, default_ttl_ms, deprecation_message, description, display_name, failure_ttl_ms, icon",
    "max_ttl_ms, name, provisioner, require_active_version, time_til_dormant_autodelete_ms, time_til_dormant_ms",
  ].join(", ");
  await does("deleteTemplate", { id }, undefined, `delete template devbox in default: ${settings}`);

  assert.deepEqual(forgotten(), [], "every route that changes something is tested");
});
