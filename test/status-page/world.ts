import { insertRecent } from "../../src/status-page/store.ts";
import { packSource } from "../../src/templates/sources.ts";
import type { TestServer } from "../http/server.ts";
import { QUICKSTART } from "../http/world.ts";
import { givenPrebuild } from "../support/given-prebuild.ts";

/** Where a pool is: what is needed to put prebuilds into it. */
export type PlacedPool = {
  readonly organizationId: string;
  readonly templateId: string;
  readonly versionId: string;
  readonly presetId: string;
};

/** Pools as an operator may find them, one in each state, by `template/preset`; `other/hidden` is of another organization. */
export async function givenPools(server: TestServer): Promise<(name: string) => PlacedPool> {
  const { hash, data } = await packSource(QUICKSTART, "command");
  const source = { hash, archive: data.toString("base64") };
  const template = (name: string, presets: Readonly<Record<string, number>>, organization = "default") => ({
    name,
    organization,
    provisioner: "command",
    source,
    presets: Object.entries(presets).map(([preset, instances]) => ({ name: preset, prebuilds: { instances } })),
  });
  const json = {
    templates: [
      template("devbox", { small: 3, large: 4 }),
      template("notebook", { gpu: 2, cpu: 6 }),
      template("legacy", { jdk8: 1 }),
      template("secret", { hidden: 1 }, "other"),
    ],
  };
  const applied = await server.send("PUT", "/api/v2/apply", { as: server.admin, json });
  if (applied.statusCode !== 200) throw new Error(applied.body);
  const { rows } = await server.pool.query<PlacedPool & { name: string }>(
    `select t.name || '/' || p.name as name, t.organization_id as "organizationId", t.id as "templateId",
       v.id as "versionId", p.id as "presetId"
     from templates t join template_versions v on v.id = t.active_version_id
     join template_version_presets p on p.template_version_id = v.id`,
  );
  const at = (name: string): PlacedPool => {
    const found = rows.find((row) => row.name === name);
    if (!found) throw new Error(`there is no pool ${name}`);
    return found;
  };
  const fill = async (name: string, count: number, given: Parameters<typeof givenPrebuild>[2] = {}) => {
    for (let made = 0; made < count; made += 1) await givenPrebuild(server.context, at(name), given);
  };
  await fill("devbox/small", 3);
  await fill("devbox/large", 1);
  await fill("devbox/large", 2, { status: "running" });
  await fill("notebook/gpu", 3, { status: "failed" });
  await server.pool.query(
    `update template_version_presets set prebuild_status = 'hard_limited', prebuild_status_since = now(),
       prebuild_status_detail = 'the last 3 builds failed' where id = $1`,
    [at("notebook/gpu").presetId],
  );
  await fill("notebook/cpu", 4);
  await fill("notebook/cpu", 1, { status: "failed" });
  await server.pool.query(
    "insert into pool_pauses (template_id, preset_name, paused_at, paused_by) values ($1, $2, now(), $3)",
    [at("legacy/jdk8").templateId, "jdk8", server.admin.id],
  );
  return at;
}

/** An hour of levels, passes and requests, as daemons would have noted them. */
export async function givenHistory({ pool }: TestServer, at: (name: string) => PlacedPool): Promise<void> {
  const now = Date.now();
  const key = (name: string) => `${at(name).templateId}/${name.split("/")[1]}`;
  for (let minute = 59; minute >= 0; minute -= 1) {
    const levels = {
      [key("devbox/small")]: [3, 3],
      [key("devbox/large")]: [minute > 40 ? 4 : Math.max(4 - Math.floor((45 - minute) / 9), 1), 4],
      [key("notebook/gpu")]: [Math.max(0, Math.min(2, Math.floor((minute - 12) / 8))), minute > 30 ? 1 : 2],
      [key("notebook/cpu")]: [6 - ((minute * 7) % 4), 6],
      ...(minute < 25 ? { [key("legacy/jdk8")]: [0, 1] } : {}),
    };
    await pool.query("insert into pool_levels (taken_at, levels) values ($1, $2)", [
      new Date(now - minute * 60_000),
      levels,
    ]);
  }
  const pass = (secondsAgo: number, actions: Parameters<typeof insertRecent>[1][number]["actions"], failures = 0) => ({
    replica: "prebuildd-6d5f7",
    startedAt: new Date(now - secondsAgo * 1_000),
    durationMs: 12.4,
    pools: 6,
    actions,
    failures,
  });
  const request = (secondsAgo: number, name: string | null, result: string, durationMs: number) => ({
    at: new Date(now - secondsAgo * 1_000),
    presetId: name === null ? null : at(name).presetId,
    result,
    durationMs,
  });
  await insertRecent(
    pool,
    [
      pass(95, [{ kind: "delete", reason: "failed", count: 1 }], 1),
      pass(42, [
        { kind: "delete", reason: "expired", count: 2 },
        { kind: "create", reason: "below_target", count: 3 },
      ]),
      pass(4, []),
    ],
    [
      request(300, null, "no_preset", 31.2),
      request(120, "notebook/gpu", "pool_empty", 45.9),
      request(60, "secret/hidden", "claimed", 5.1),
      request(30, "devbox/large", "claimed", 0),
      request(12, "devbox/large", "claimed", 4.83),
    ],
  );
}
