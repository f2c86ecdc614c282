import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import type { TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { packSource } from "../../src/templates/sources.ts";
import type { Known } from "./schema-values.ts";
import { startTestServer, type TestServer } from "./server.ts";
import { givenInboxMessage, givenTemplate, givenWorkspace } from "./world.ts";

const TEMPLATE = new URL("../../examples/quickstart/template", import.meta.url);

/** A server with one of each thing that a path can name, all of them in the default organization and alice's. */
export type ApiWorld = {
  readonly server: TestServer;
  /** What names those things in the parts of a path. */
  parts(path: string): Readonly<Record<string, string>>;
  /** The same parts with ids and names that nothing has. */
  absent(path: string): Readonly<Record<string, string>>;
  readonly known: Known;
  /** What can be applied, with everything that a document can have. */
  readonly document: object;
};

const inHours = (hours: number): Date => new Date(Date.now() + hours * 3_600_000);

/** Builds the world on a database of its own. */
export async function givenApiWorld(t: TestContext): Promise<ApiWorld> {
  const server = await startTestServer(t);
  const template = await givenTemplate(server);
  const ownerId = server.alice.id;
  const workspace = await givenWorkspace(server, { ownerId, name: "dev", template });
  await server.pool.query("update workspace_builds set deadline = $1", [inHours(1)]);
  const busy = await givenWorkspace(server, { ownerId, name: "busy", template, job: "running" });
  const groups = "/api/v2/organizations/default/groups";
  const group = await server.send("POST", groups, { as: server.admin, json: { name: "crew" } });
  const roles = "/api/v2/organizations/default/members/roles";
  const grants = { organization_permissions: [{ resource_type: "workspace", action: "read" }] };
  await server.send("POST", roles, { as: server.admin, json: { name: "reader", ...grants } });
  const { rows: tokens } = await server.pool.query("select id from api_keys where user_id = $1", [server.alice.id]);
  const { rows: versions } = await server.pool.query("select name from template_versions");
  const message = await givenInboxMessage(server, ownerId);
  const kinds: Record<string, { readonly id?: string; readonly name?: string }> = {
    users: { id: tokens[0].id },
    workspace: { name: "dev" },
    templates: { id: template.id, name: "devbox" },
    versions: { id: template.id, name: versions[0].name },
    templateversions: { id: template.versionId },
    workspaces: { id: workspace.id },
    workspacebuilds: { id: busy.buildId },
    provisionerjobs: { id: workspace.jobId },
    presets: { id: template.smallId },
    groups: { name: "crew" },
    inbox: { id: message },
  };
  const others = { user: "alice", organization: "default", group: group.json().id, number: "1", roleName: "reader" };

  /** What kind of thing an id or a name in a path is of is what the last word before it says. */
  function parts(path: string): Record<string, string> {
    return Object.fromEntries(
      Array.from(path.matchAll(/\{(\w+)\}/g), ({ 1: part = "", index }) => {
        const kind = path
          .slice(0, index)
          .split("/")
          .findLast((word) => word in kinds);
        const meant = others[part as keyof typeof others] ?? kinds[kind ?? ""]?.[part as "id" | "name"];
        return [part, meant ?? assert.fail(`nothing in this world is meant by {${part}} in ${path}`)];
      }),
    );
  }

  return {
    server,
    parts,
    absent: (path) =>
      Object.fromEntries(Object.keys(parts(path)).map((part) => [part, part === "number" ? "9" : randomUUID()])),
    document: await fullDocument(),
    known: {
      names: [
        ...new Set([
          ...Object.values(kinds).flatMap(({ id, name }) => [id, name].filter((value) => value !== undefined)),
          ...Object.values(others),
          ...["mine", "dev-2", server.alice.id, server.defaultOrganizationId, template.plainId],
        ]),
      ],
      fields: {
        id: [template.versionId],
        template_id: [template.id],
        template_version_id: [template.versionId],
        template_version_preset_id: [template.smallId, template.plainId],
        organization_ids: [server.defaultOrganizationId, server.otherOrganizationId],
        add_users: [server.alice.id],
        remove_users: [server.alice.id],
        group_id: [group.json().id, server.defaultOrganizationId],
        group_ids: [group.json().id],
        user_ids: [server.alice.id],
        roles: ["auditor", "user-admin", "organization-auditor", "organization-admin", "reader"],
        resource_type: ["workspace", "template"],
        action: ["read", "update"],
        scopes: ["all", "workspace:*", "template:read"],
        allow_list: ["*:*", `template:${template.id}`],
        // Quiet hours, and an autostart, too.
        schedule: ["CRON_TZ=Europe/Berlin 0 2 * * *", ""],
        deadline: [inHours(2).toISOString()],
      },
    },
  };
}

async function fullDocument(): Promise<object> {
  const { hash, data } = await packSource(fileURLToPath(TEMPLATE), "command");
  const schedule = [{ cron: "* 8-18 * * 1-5", instances: 3 }];
  const scheduling = { timezone: "Europe/Berlin", schedule };
  return {
    organizations: [{ name: "lab", display_name: "The lab" }],
    users: [
      {
        username: "dave",
        email: "dave@example.com",
        name: "Dave",
        roles: ["auditor"],
        organizations: [{ name: "lab", roles: ["organization-admin"] }],
      },
    ],
    templates: [
      {
        name: "devbox",
        organization: "default",
        provisioner: "command",
        source: { hash, archive: data.toString("base64") },
        display_name: "Dev box",
        description: "For work",
        icon: "/x.svg",
        default_ttl: "8h",
        deprecated: "",
        parameters: [
          { name: "size", type: "string", default: "small", options: [{ name: "Small", value: "small" }] },
          { name: "cores", type: "number", mutable: true, default: 2, validation: { min: 1, max: 64 } },
        ],
        presets: [
          {
            name: "small",
            description: "Small",
            icon: "",
            default: true,
            parameters: { size: "small", cores: 2 },
            prebuilds: { instances: 2, expiration_policy: { ttl: "24h" }, scheduling },
          },
        ],
      },
    ],
  };
}
