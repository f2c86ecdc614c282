import type { Context } from "../../../src/context.ts";
import { DAYS_OF_WEEK } from "../../../src/lifecycle/days.ts";
import { givenPool } from "../../support/given.ts";
import { HOUR } from "./calendar.ts";
import type { Rules, Template } from "./model.ts";

const EVERY_DAY = [1, 2, 3, 4, 5, 6, 7];

const NO_RULES: Rules = {
  defaultTtl: 0,
  maxTtl: 0,
  bump: HOUR,
  failureTtl: 0,
  tilDormant: 0,
  autodelete: 0,
  userAutostart: true,
  userAutostop: true,
  startDays: EVERY_DAY,
  stopDays: [],
  stopWeeks: 1,
  activeVersionOnly: false,
};

type Given = Partial<Rules> & {
  readonly pool: boolean;
  /** Which share of the builds of people's workspaces fails. */
  readonly failureShare?: number;
};

/** One template for each kind of rule. The rules of those with a pool would touch each prebuild within the week. */
const TEMPLATES: readonly Given[] = [
  { pool: true, defaultTtl: 8 * HOUR, bump: 5 * HOUR },
  { pool: false, stopDays: EVERY_DAY },
  { pool: true, stopDays: [3, 6], stopWeeks: 2, defaultTtl: 30 * HOUR },
  { pool: true, tilDormant: 30 * HOUR, autodelete: 20 * HOUR, defaultTtl: 6 * HOUR, failureShare: 0.1 },
  { pool: true, failureTtl: 3 * HOUR, defaultTtl: 9 * HOUR, failureShare: 0.3 },
  { pool: false, startDays: [1, 2, 3, 4, 5], userAutostop: false, defaultTtl: 10 * HOUR },
  { pool: false, activeVersionOnly: true, defaultTtl: 7 * HOUR },
  { pool: false, maxTtl: 12 * HOUR, defaultTtl: 5 * HOUR, bump: 4 * HOUR },
];

/** Makes the templates of the week, and for some of them a pool of so many prebuilds. */
export async function givenTemplates(context: Context, prebuilds: number): Promise<Template[]> {
  const templates: Template[] = [];
  for (const { pool, failureShare = 0.02, ...given } of TEMPLATES) {
    const rules = { ...NO_RULES, ...given };
    const made = await givenPool(context, { desired: pool ? prebuilds : null });
    const { rows } = await context.pool.query<{ name: string }>(
      `update templates set default_ttl = $2::float8 * 1e6, max_ttl = $3::float8 * 1e6, failure_ttl = $4::float8 * 1e6,
         time_til_dormant = $5::float8 * 1e6, time_til_dormant_autodelete = $6::float8 * 1e6,
         activity_bump = $7::float8 * 1e6, allow_user_autostop = $8, autostart_days = $9,
         autostop_requirement_days = $10, autostop_requirement_weeks = $11, require_active_version = $12
       where id = $1 returning name`,
      [
        made.templateId,
        ...[rules.defaultTtl, rules.maxTtl, rules.failureTtl, rules.tilDormant, rules.autodelete, rules.bump],
        rules.userAutostop,
        ...[bitsOf(rules.startDays), bitsOf(rules.stopDays)],
        rules.stopWeeks,
        rules.activeVersionOnly,
      ],
    );
    templates.push({
      id: made.templateId,
      name: rows[0]?.name ?? "",
      presetId: pool ? made.presetId : null,
      failureShare,
      activeVersion: made.versionId,
      rules,
    });
  }
  return templates;
}

/** A change of a template as the API is told of it. */
export function bodyOf(change: Partial<Rules>, { stopDays, stopWeeks }: Rules): Record<string, unknown> {
  const days = (given: readonly number[]) => given.map((day) => DAYS_OF_WEEK[day - 1]);
  const all: Record<string, unknown> = {
    default_ttl_ms: change.defaultTtl,
    max_ttl_ms: change.maxTtl,
    activity_bump_ms: change.bump,
    failure_ttl_ms: change.failureTtl,
    time_til_dormant_ms: change.tilDormant,
    time_til_dormant_autodelete_ms: change.autodelete,
    allow_user_autostart: change.userAutostart,
    allow_user_autostop: change.userAutostop,
    autostart_requirement: change.startDays && { days_of_week: days(change.startDays) },
    autostop_requirement:
      change.stopDays || change.stopWeeks
        ? { days_of_week: days(change.stopDays ?? stopDays), weeks: change.stopWeeks ?? stopWeeks }
        : undefined,
  };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
}

const bitsOf = (days: readonly number[]): number => days.reduce((bits, day) => bits + 2 ** (day - 1), 0);
