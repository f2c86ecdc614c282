import assert from "node:assert/strict";
import { PREBUILDS_SYSTEM_USER_ID } from "../../../src/system-user.ts";
import type { Workspace } from "./model.ts";
import type { World } from "./world.ts";

const ms = (column: string): string => `(extract(epoch from ${column}) * 1000)::float8`;

/** What is compared of a workspace, in this order: its name, and how it is found. */
const COMPARED = {
  owner: "w.owner_id",
  build: "w.latest_build_number",
  transition: "w.latest_transition",
  status: "w.latest_job_status",
  reason: "b.reason",
  version: "b.template_version_id",
  created: ms("b.created_at"),
  deadline: ms("b.deadline"),
  maxDeadline: ms("b.max_deadline"),
  latestDeadline: ms("w.latest_deadline"),
  nextStart: ms("w.next_start_at"),
  ttl: "(w.ttl / 1000000)::float8",
  lastUsed: ms("w.last_used_at"),
  dormant: ms("w.dormant_at"),
  deleting: ms("w.deleting_at"),
};

const LIVING = `
  select w.id, ${Object.values(COMPARED).join(", ")}
  from workspaces w join workspace_builds b on b.id = w.latest_build_id
  where w.owner_id <> '${PREBUILDS_SYSTEM_USER_ID}' and not w.deleted`;

/** Compares all workspaces that people have with what they must be like. */
export async function compareWorkspaces(world: World): Promise<void> {
  const { context, model } = world;
  const { rows } = await context.pool.query<unknown[]>({ text: LIVING, rowMode: "array" });
  const found = new Map(rows.map(([id, ...values]) => [String(id), values]));
  for (const workspace of model.workspaces.values()) {
    const actual = found.get(workspace.id);
    if (!actual) fail(world, workspace, "it is gone, or nobody's");
    const expected = expectedOf(world, workspace);
    const wrong = Object.keys(COMPARED).filter((_, place) => expected[place] !== actual[place]);
    if (wrong.length > 0) {
      const [must, is] = [expected, actual].map((values) => inWords(wrong, values));
      fail(world, workspace, `it must be\n  ${must}\nand it is\n  ${is}`);
    }
  }
  assert.equal(found.size, model.workspaces.size, "people have workspaces that should be deleted or were never made");
}

function expectedOf({ oracle }: World, workspace: Workspace): unknown[] {
  const { latest, startsAfter, deadline } = workspace;
  return [
    workspace.owner.id,
    ...[latest.number, latest.transition, latest.status, latest.reason, latest.version],
    latest.createdAt,
    ...[deadline, workspace.maxDeadline, deadline],
    startsAfter === null ? null : oracle.nextStart(workspace, startsAfter),
    workspace.ttl,
    ...[workspace.lastUsedAt, workspace.dormantAt, workspace.deletingAt],
  ];
}

function inWords(names: readonly string[], values: readonly unknown[]): string {
  const words = names.map((name) => {
    const value = values[Object.keys(COMPARED).indexOf(name)];
    return `${name} ${typeof value === "number" && value > 1e12 ? new Date(value).toISOString() : value}`;
  });
  return words.join(", ");
}

function fail({ model }: World, { n, template, owner, history }: Workspace, what: string): never {
  const { zone, status, quietHours } = owner;
  const now = new Date(model.now).toISOString();
  const rules = JSON.stringify({ ...template.rules, owner: { zone, status, quietHours } });
  assert.fail(`workspace ${n} at ${now}: ${what}\n${rules}\n${history.join("\n")}`);
}
