import { randomUUID } from "node:crypto";
import type pg from "pg";
import type { Random } from "../../../src/prebuilds/world-events.fixture.ts";
import { HOUR } from "./calendar.ts";
import { cronOf, type Owner, type Schedule, type Template, type TimeOfDay, type Workspace } from "./model.ts";

/** In the week of the simulation the clocks change in some of them, in Beirut at midnight; in others they never do. */
const ZONES = [
  "Europe/Berlin",
  "America/New_York",
  "Asia/Kolkata",
  "Australia/Lord_Howe",
  "Asia/Beirut",
  "America/St_Johns",
  "Pacific/Auckland",
  "UTC",
];

const WORKDAYS = [1, 2, 3, 4, 5];
const WEEKDAYS = [WORKDAYS, WORKDAYS, [1, 2, 3, 4, 5, 6, 7], [1, 3, 5], [6, 7], [7]];

export function pick<T>(random: Random, list: readonly T[]): T {
  const picked = list[Math.floor(random() * list.length)];
  if (picked === undefined) throw new Error("there is nothing to pick from");
  return picked;
}

/** Some time of day; every fourth is in the small hours, in which clocks are changed. */
export function someTime(random: Random, zone: string): TimeOfDay {
  const hour = random() < 0.25 ? Math.floor(random() * 4) : Math.floor(random() * 24);
  return { zone, hour, minute: Math.floor(random() * 60) };
}

/** Some autostart schedule that comes true on a day that the template allows; null when there is none. */
export function someSchedule(random: Random, { zone }: Owner, { rules }: Template): Schedule | null {
  const weekdays = pick(random, WEEKDAYS);
  const possible = rules.userAutostart && weekdays.some((day) => rules.startDays.includes(day));
  return possible ? { ...someTime(random, zone), weekdays } : null;
}

/** Some ttl that the template lets owners choose. */
export function someTtl(random: Random, { rules }: Template): number | null {
  const hours = pick(random, [null, 1, 2.5, 4, 8, 9.75, 26]);
  if (rules.maxTtl > 0) return Math.min((hours ?? 5) * HOUR, rules.maxTtl);
  return hours === null ? null : hours * HOUR;
}

/** Adds people to an organization. */
export async function givenOwners(
  db: pg.Pool,
  random: Random,
  { count, organizationId }: { readonly count: number; readonly organizationId: string },
): Promise<Owner[]> {
  const owners = Array.from({ length: count }, (_, n): Owner => {
    const zone = pick(random, ZONES);
    const quietHours = random() < 0.3 ? null : someTime(random, zone);
    return { id: randomUUID(), name: `owner-${n}`, zone, status: "active", quietHours };
  });
  await db.query(
    `with people as (
       insert into users (id, username, email, quiet_hours_schedule)
       select id, name, name || '@example.com', quiet_hours
       from unnest($1::uuid[], $2::text[], $3::text[]) as o (id, name, quiet_hours)
       returning id
     )
     insert into organization_members (organization_id, user_id) select $4, id from people`,
    [
      owners.map(({ id }) => id),
      owners.map(({ name }) => name),
      owners.map(({ quietHours }) => (quietHours ? cronOf(quietHours) : "")),
      organizationId,
    ],
  );
  return owners;
}

/** Gives people workspaces that are stopped, as another release has left them: nothing was computed from their end. */
export async function givenWorkspaces(
  db: pg.Pool,
  random: Random,
  given: {
    readonly count: number;
    readonly owners: readonly Owner[];
    readonly templates: readonly Template[];
    readonly organizationId: string;
    readonly now: number;
  },
): Promise<Workspace[]> {
  const { now } = given;
  const workspaces = Array.from({ length: given.count }, (_, n): Workspace => {
    const [template, owner] = [pick(random, given.templates), pick(random, given.owners)];
    const latest = { number: 1, transition: "stop", reason: "initiator", version: template.activeVersion } as const;
    return {
      ...{ n, id: randomUUID(), template, owner },
      schedule: random() < 0.6 ? someSchedule(random, owner, template) : null,
      ttl: template.rules.userAutostop ? someTtl(random, template) : template.rules.defaultTtl,
      lastUsedAt: now - Math.floor(random() * 20) * HOUR,
      ...{ dormantAt: null, deletingAt: null, deadline: null, maxDeadline: null, startsAfter: null },
      latest: { ...latest, createdAt: now - 21 * HOUR, status: "succeeded", endedAt: now - 21 * HOUR },
      ...{ unfinished: false, deleted: false, history: [] },
    };
  });
  await insertWorkspaces(db, workspaces, given.organizationId);
  return workspaces;
}

async function insertWorkspaces(db: pg.Pool, workspaces: readonly Workspace[], organizationId: string): Promise<void> {
  const jobIds = workspaces.map(() => randomUUID());
  const times = workspaces.map(({ latest }) => new Date(latest.createdAt));
  await db.query(
    `insert into workspaces (id, created_at, organization_id, owner_id, template_id, name, autostart_schedule, ttl,
       last_used_at)
     select id, last_used_at, $1, owner_id, template_id, name, schedule, ttl * 1e6, last_used_at
     from unnest($2::uuid[], $3::uuid[], $4::uuid[], $5::text[], $6::text[], $7::float8[], $8::timestamptz[])
       as w (id, owner_id, template_id, name, schedule, ttl, last_used_at)`,
    [
      organizationId,
      workspaces.map(({ id }) => id),
      workspaces.map(({ owner }) => owner.id),
      workspaces.map(({ template }) => template.id),
      workspaces.map(({ n }) => `ws-${n}`),
      workspaces.map(({ schedule }) => schedule && cronOf(schedule, schedule.weekdays)),
      workspaces.map(({ ttl }) => ttl),
      workspaces.map(({ lastUsedAt }) => new Date(lastUsedAt)),
    ],
  );
  await db.query(
    `insert into provisioner_jobs (id, created_at, updated_at, started_at, completed_at, organization_id, initiator_id,
       provisioner, type, input)
     select id, at, at, at, at, $1, owner_id, 'command', 'workspace_build', '{}'
     from unnest($2::uuid[], $3::timestamptz[], $4::uuid[]) as j (id, at, owner_id)`,
    [organizationId, jobIds, times, workspaces.map(({ owner }) => owner.id)],
  );
  await db.query(
    `insert into workspace_builds (created_at, workspace_id, template_version_id, build_number, transition,
       initiator_id, job_id)
     select at, workspace_id, version_id, 1, 'stop', owner_id, job_id
     from unnest($1::timestamptz[], $2::uuid[], $3::uuid[], $4::uuid[], $5::uuid[])
       as b (at, workspace_id, version_id, owner_id, job_id)`,
    [
      times,
      workspaces.map(({ id }) => id),
      workspaces.map(({ latest }) => latest.version),
      workspaces.map(({ owner }) => owner.id),
      jobIds,
    ],
  );
}
