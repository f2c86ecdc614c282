import { randomUUID } from "node:crypto";
import { fileURLToPath } from "node:url";
import { readNotifiedPool } from "../../src/notifications/store.ts";
import { PREBUILDS_SYSTEM_USER_ID } from "../../src/system-user.ts";
import { packSource } from "../../src/templates/sources.ts";
import type { TestServer } from "./server.ts";

/** A template `devbox` in the default organization with the presets `small`, which has a pool, and `plain`. */
export type TestTemplate = {
  readonly id: string;
  readonly versionId: string;
  readonly smallId: string;
  readonly plainId: string;
};

/** The source of the quick start's template. */
export const QUICKSTART = fileURLToPath(new URL("../../examples/quickstart/template", import.meta.url));

/** Applies a document with one template, whose source is the quickstart's. */
export async function givenTemplate(server: TestServer, name = "devbox"): Promise<TestTemplate> {
  const { hash, data } = await packSource(QUICKSTART, "command");
  const source = { hash, archive: data.toString("base64") };
  const presets = [
    { name: "small", parameters: { size: "small" }, prebuilds: { instances: 3 } },
    { name: "plain", parameters: { size: "plain" }, default: true, description: "nothing in it" },
  ];
  const json = { templates: [{ name, provisioner: "command", source, default_ttl: "8h", presets }] };
  const applied = await server.send("PUT", "/api/v2/apply", { as: server.admin, json });
  if (applied.statusCode !== 200) throw new Error(applied.body);
  const { rows } = await server.pool.query<{ id: string; version_id: string; preset: string; preset_id: string }>(
    `select t.id, t.active_version_id as version_id, p.name as preset, p.id as preset_id
      from templates t join template_version_presets p on p.template_version_id = t.active_version_id
      where t.name = $1 and not t.deleted`,
    [name],
  );
  const idOf = (preset: string) => rows.find((row) => row.preset === preset)?.preset_id ?? "";
  const { id, version_id: versionId } = rows[0] ?? { id: "", version_id: "" };
  return { id, versionId, smallId: idOf("small"), plainId: idOf("plain") };
}

/** What a workspace row says, and how its one build went. */
export type WorkspaceOptions = {
  readonly ownerId: string;
  readonly name: string;
  readonly template: TestTemplate;
  readonly presetId?: string;
  readonly transition?: "start" | "stop" | "delete";
  readonly job?: "pending" | "running" | "succeeded" | "failed" | "canceling" | "canceled";
};

/** Adds a workspace with one build, and with a ready agent when that build succeeded. */
export async function givenWorkspace(
  server: TestServer,
  { ownerId, name, template, presetId, transition = "start", job = "succeeded" }: WorkspaceOptions,
): Promise<{ id: string; buildId: string; jobId: string }> {
  const ids = { id: randomUUID(), buildId: randomUUID(), jobId: randomUUID() };
  const organizationId = server.defaultOrganizationId;
  const started = job !== "pending";
  const canceled = job === "canceling" || job === "canceled";
  const completed = ["succeeded", "failed", "canceled"].includes(job);
  await server.pool.query(
    "insert into workspaces (id, owner_id, organization_id, template_id, name) values ($1, $2, $3, $4, $5)",
    [ids.id, ownerId, organizationId, template.id, name],
  );
  await server.pool.query(
    `insert into provisioner_jobs (id, organization_id, initiator_id, provisioner, type, input, started_at, canceled_at,
        completed_at, error)
      values ($1, $2, $3, 'command', 'workspace_build', $4, case when $5 then now() end, case when $6 then now() end,
        case when $7 then now() end, case when $8 then 'start exited with code 3' end)`,
    [
      ids.jobId,
      organizationId,
      ownerId,
      { workspace_build_id: ids.buildId, prebuilt_workspace_stage: "none" },
      started,
      canceled,
      completed,
      job === "failed",
    ],
  );
  await server.pool.query(
    `insert into workspace_builds (id, workspace_id, template_version_id, build_number, transition, initiator_id, job_id,
        template_version_preset_id)
      values ($1, $2, $3, 1, $4, $5, $6, $7)`,
    [ids.buildId, ids.id, template.versionId, transition, ownerId, ids.jobId, presetId ?? null],
  );
  if (job === "succeeded" && transition === "start") {
    await server.pool.query("insert into workspace_agents (job_id, lifecycle_state) values ($1, 'ready')", [ids.jobId]);
  }
  return ids;
}

/** Adds a message to a user's inbox, about the first preset there is; returns its id. */
export async function givenInboxMessage(
  { pool }: TestServer,
  userId: string,
  readAt: Date | null = null,
): Promise<string> {
  const { rows: presets } = await pool.query<{ id: string }>("select id from template_version_presets limit 1");
  const about = await readNotifiedPool(pool, presets[0]?.id ?? "");
  const { rows } = await pool.query<{ id: string }>(
    `with digest as (
       insert into notification_digests (created_at, updated_at, event, about, data, occurrences, status, send_after)
       values (now(), now(), 'pool_empty', 'devbox', $2, 2, 'closed', now()) returning id
     )
     insert into notification_messages (digest_id, created_at, channel, user_id, status, sent_at, read_at)
     select id, now(), 'inbox', $1, 'sent', now(), $3 from digest returning id`,
    [userId, { pool: about, misses: 2 }, readAt],
  );
  return rows[0]?.id ?? "";
}

/** Adds a prebuild of the preset `small` that can be claimed. */
export function givenPrebuild(server: TestServer, template: TestTemplate, name = "prebuild-1") {
  return givenWorkspace(server, { ownerId: PREBUILDS_SYSTEM_USER_ID, name, template, presetId: template.smallId });
}
