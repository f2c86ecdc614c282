import assert from "node:assert/strict";
import type pg from "pg";
import type { Answer, Api } from "./api.ts";
import { HISTORY_SQL } from "./history-sql.ts";

/**
 * Fills everything that a deployment of that release has: through its API as people do, and in SQL what only years make.
 * Two workspaces `ends-before` and `ends-after` are being started when it returns.
 */
export async function fillDeployment(api: Api, at: string, pool: pg.Pool): Promise<void> {
  const ask = async (method: string, path: string, json?: object, key?: string): Promise<Answer["body"]> => {
    const answer = await api(at, method, path, json, key);
    assert.ok(answer.status >= 200 && answer.status < 300, JSON.stringify(answer));
    return answer.body;
  };
  await ask("POST", "/organizations/default/members/roles", {
    name: "reader",
    organization_permissions: [{ resource_type: "workspace", action: "read" }],
  });
  await ask("PUT", "/organizations/default/members/alice/roles", { roles: ["reader"] });
  await ask("PATCH", "/organizations/lab", { description: "for experiments" });
  const { id: alice } = await ask("GET", "/users/alice");
  const group = await ask("POST", "/organizations/default/groups", { name: "crew", quota_allowance: 100 });
  await ask("PATCH", `/groups/${group["id"]}`, { add_users: [alice] });
  await ask("PUT", `/groups/${group["id"]}/ai/budget`, { spend_limit_micros: 5_000_000 });
  await ask("PUT", "/users/alice/ai/budget", { group_id: group["id"], spend_limit_micros: 7_000_000 });
  await ask("POST", "/users/alice/ai/spend", { request_id: "first", spend_micros: 1_234_567 });
  await ask("POST", "/users/alice/keys/tokens", { token_name: "laptop", scopes: ["workspace:read"] });
  await ask("PUT", "/users/bob/quiet-hours", { schedule: "CRON_TZ=Europe/Berlin 0 2 * * *" });
  for (const name of ["ends-before", "ends-after"]) {
    const template = await ask("GET", "/organizations/default/templates/slow");
    await ask("POST", "/organizations/default/members/me/workspaces", { name, template_id: template["id"] }, name);
  }
  const shared = await ask("GET", "/users/me/workspace/ends-before");
  await ask("PATCH", `/workspaces/${shared["id"]}/acl`, { group_roles: { [String(group["id"])]: "use" } });
  for (const statement of HISTORY_SQL) await pool.query(statement);
  await pool.query("analyze");
}
