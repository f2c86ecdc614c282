import assert from "node:assert/strict";
import { givenVersion } from "../../support/given.ts";
import { HOUR } from "./calendar.ts";
import { cronOf, note, type Owner, type Rules, type Template } from "./model.ts";
import { pick, someTime } from "./people.ts";
import { changeRules } from "./template-change.ts";
import { bodyOf } from "./templates.ts";
import type { World } from "./world.ts";

const STATUSES = { active: "activate", suspended: "suspend", dormant: "dormant" } as const;

/** Changes whether some owner may work, or when they sleep. */
export async function changeOwner(world: World): Promise<void> {
  const { model, random } = world;
  const absent = model.owners.filter(({ status }) => status !== "active");
  // Whoever is away comes back after a while, or after some days nothing would happen any more.
  const owner = absent.length > 0 && random() < 0.5 ? pick(random, absent) : pick(random, model.owners);
  if (random() < 0.3) {
    owner.quietHours = random() < 0.2 ? null : someTime(random, owner.zone);
    const schedule = owner.quietHours ? cronOf(owner.quietHours) : "";
    tell(world, owner, `quiet hours ${schedule}`);
    await demand(world, "PUT", `/users/${owner.id}/quiet-hours`, { schedule });
    return;
  }
  owner.status = owner.status === "active" ? pick(random, ["suspended", "suspended", "dormant"] as const) : "active";
  tell(world, owner, owner.status);
  await demand(world, "PUT", `/users/${owner.id}/status/${STATUSES[owner.status]}`);
}

function tell({ model }: World, owner: Owner, what: string): void {
  note(model, null, `owner: ${what.split(" ", 1)}`);
  for (const workspace of model.workspaces.values()) {
    if (workspace.owner === owner) workspace.history.push(`${new Date(model.now).toISOString()} owner: ${what}`);
  }
}

/** Changes what some template says, or which of its versions is the active one. */
export async function changeTemplate(world: World): Promise<void> {
  const { model, oracle, random, context } = world;
  const template = pick(random, model.templates);
  if (template.rules.activeVersionOnly && random() < 0.7) {
    template.activeVersion = await givenVersion(context, template.id);
    note(model, null, "template: version");
    return;
  }
  const change = pick(random, CHANGES)(template, (list) => pick(random, list));
  const body = bodyOf(change, template.rules);
  note(model, null, `template: ${Object.keys(change)[0]}`);
  changeRules(model, oracle, template, change);
  await demand(world, "PATCH", `/templates/${template.id}`, body);
}

type Choose = <T>(list: readonly T[]) => T;

const CHANGES: readonly ((template: Template, choose: Choose) => Partial<Rules>)[] = [
  ({ rules }, choose) => ({ defaultTtl: choose([4, 7, 9.5, 11]) * HOUR, maxTtl: rules.maxTtl }),
  ({ rules }, choose) => ({ maxTtl: rules.maxTtl === 0 ? 0 : choose([11, 12, 16]) * HOUR }),
  (_, choose) => ({ bump: choose([0, 1, 4, 7]) * HOUR }),
  ({ rules }, choose) => ({ failureTtl: rules.failureTtl === 0 ? 0 : choose([1, 3, 5.5]) * HOUR }),
  ({ rules }, choose) => ({ tilDormant: rules.tilDormant === 0 ? 0 : choose([24, 30, 40]) * HOUR }),
  ({ rules }, choose) => ({ autodelete: rules.autodelete === 0 ? 0 : choose([0, 12, 20, 26]) * HOUR || 20 * HOUR }),
  ({ rules }) => ({ userAutostart: !rules.userAutostart }),
  ({ rules }) => (rules.defaultTtl === 0 ? { bump: HOUR } : { userAutostop: !rules.userAutostop }),
  (_, choose) => ({
    startDays: choose([
      [1, 2, 3, 4, 5],
      [1, 2, 3, 4, 5, 6, 7],
      [2, 4, 6, 7],
      [1, 2, 3, 4, 5, 6, 7],
    ]),
  }),
  ({ rules }, choose) => ({
    stopDays: rules.stopDays.length === 0 ? [] : choose([[1, 2, 3, 4, 5, 6, 7], [3, 6], [5, 7], [2]]),
    stopWeeks: choose([1, 1, 2]),
  }),
];

async function demand({ send }: World, method: "PUT" | "PATCH", path: string, json?: unknown): Promise<void> {
  const { status, body } = await send(method, path, json);
  assert.equal(status, 200, `${method} ${path} ${JSON.stringify(json)}: ${JSON.stringify(body)}`);
}
