import assert from "node:assert/strict";
import { HOUR, MINUTE } from "./calendar.ts";
import { build, cronOf, isUnderWay, note, type Workspace } from "./model.ts";
import { pick, someSchedule, someTime, someTtl } from "./people.ts";
import { hasStopped, rest } from "./rules.ts";
import type { World } from "./world.ts";

type Method = Parameters<World["send"]>[0];

/** What somebody does with a workspace: the request, the answer that it must get, and what it does to the model then. */
type Deed = {
  readonly name: string;
  readonly method: Method;
  readonly path: string;
  readonly json?: unknown;
  readonly status: number;
  readonly effect?: () => void;
};

/** Somebody does something by chance with a workspace, by a request to the API, and with its model. */
export async function act(world: World): Promise<void> {
  const { model, random } = world;
  const { make, fits = () => true } = pick(random, DEEDS);
  const all = [...model.workspaces.values()];
  const fitting = random() < 0.8 ? all.filter(fits) : [];
  const workspace = pick(random, fitting.length > 0 ? fitting : all);
  const deed = await make(world, workspace);
  if (!deed) return;
  const { name, method, path, json, status, effect } = deed;
  note(model, workspace, status >= 400 ? `${name} refused` : name, JSON.stringify(json ?? ""));
  effect?.();
  const answer = await world.send(method, path, json);
  const told = [...workspace.history, JSON.stringify(answer.body)].join("\n");
  assert.equal(answer.status, status, `${method} ${path} ${JSON.stringify(json)} is answered otherwise:\n${told}`);
}

type MakeDeed = (world: World, workspace: Workspace) => Deed | undefined | Promise<Deed | undefined>;

const newBuild =
  (transition: "start" | "stop" | "delete"): MakeDeed =>
  ({ model }, workspace) => {
    const forbidden = transition === "start" && workspace.dormantAt !== null;
    const status = forbidden ? 403 : isUnderWay(workspace) || workspace.unfinished ? 409 : 201;
    return {
      ...{ name: `ask: ${transition}`, method: "POST", path: `/workspaces/${workspace.id}/builds`, status },
      json: { transition },
      effect: () => {
        if (status !== 201) return;
        if (transition === "start") workspace.lastUsedAt = Math.max(workspace.lastUsedAt, model.now);
        build(model, workspace, transition);
      },
    };
  };

const cancel: MakeDeed = async ({ context, model }, workspace) => {
  if (!isUnderWay(workspace)) return undefined;
  const { rows } = await context.pool.query<{ build: string }>(
    "select latest_build_id as build from workspaces where id = $1",
    [workspace.id],
  );
  return {
    ...{ name: "ask: cancel", method: "PATCH", path: `/workspacebuilds/${rows[0]?.build}/cancel`, status: 200 },
    effect: () => Object.assign(workspace.latest, { status: "canceled", endedAt: model.now }),
  };
};

const use: MakeDeed = ({ model, oracle }, workspace) => ({
  ...{ name: "ask: usage", method: "POST", path: `/workspaces/${workspace.id}/usage` },
  status: workspace.dormantAt === null ? 204 : 409,
  effect: () => {
    if (workspace.dormantAt !== null) return;
    const deadline = oracle.bumped(workspace);
    if (deadline !== null) note(model, workspace, "bump");
    workspace.lastUsedAt = Math.max(workspace.lastUsedAt, model.now);
    workspace.deadline = deadline ?? workspace.deadline;
  },
});

const extend: MakeDeed = ({ model, random }, workspace) => {
  const deadline = model.now + Math.floor(random() * 12 * 60) * MINUTE;
  const { maxDeadline } = workspace;
  const possible = deadline >= model.now + HOUR / 2 && deadline <= (maxDeadline ?? deadline);
  const status = !runs(workspace) || workspace.deadline === null ? 409 : possible ? 200 : 400;
  return {
    ...{ name: "ask: extend", method: "PUT", path: `/workspaces/${workspace.id}/extend`, status },
    json: { deadline: new Date(deadline).toISOString() },
    effect: () => {
      if (status === 200) workspace.deadline = deadline;
    },
  };
};

const setAutostart: MakeDeed = ({ model, random }, workspace) => {
  const { owner, template } = workspace;
  const anyDay = { ...someTime(random, owner.zone), weekdays: [1 + Math.floor(random() * 7)] };
  const schedule = pick(random, [null, anyDay, someSchedule(random, owner, template)]);
  const { userAutostart, startDays } = template.rules;
  const possible = !schedule || (userAutostart && schedule.weekdays.some((day) => startDays.includes(day)));
  return {
    ...{ name: "ask: autostart", method: "PUT", path: `/workspaces/${workspace.id}/autostart` },
    status: possible ? 204 : 400,
    json: { schedule: schedule && cronOf(schedule, schedule.weekdays) },
    effect: () => {
      if (possible) Object.assign(workspace, { schedule, startsAfter: model.now });
    },
  };
};

const setTtl: MakeDeed = ({ random }, workspace) => {
  const ttl = random() < 0.2 ? 20 * HOUR : someTtl(random, workspace.template);
  const { userAutostop, maxTtl } = workspace.template.rules;
  const possible = userAutostop && (maxTtl === 0 || (ttl !== null && ttl <= maxTtl));
  return {
    ...{ name: "ask: ttl", method: "PUT", path: `/workspaces/${workspace.id}/ttl`, status: possible ? 204 : 400 },
    json: { ttl_ms: ttl },
    effect: () => {
      if (!possible || ttl === workspace.ttl) return;
      workspace.ttl = ttl;
      if (ttl === null && workspace.deadline !== null) workspace.deadline = workspace.maxDeadline;
    },
  };
};

const makeDormant: MakeDeed = ({ model }, workspace) => {
  const already = workspace.dormantAt !== null;
  const possible = already || !(isUnderWay(workspace) || workspace.unfinished);
  return {
    ...{ name: "ask: dormant", method: "PUT", path: `/workspaces/${workspace.id}/dormant` },
    status: possible ? 200 : 409,
    json: { dormant: true },
    effect: () => {
      if (!possible || already) return;
      rest(model, workspace);
      if (!hasStopped(workspace)) build(model, workspace, "stop", "dormancy");
    },
  };
};

const activate: MakeDeed = ({ model }, workspace) => ({
  ...{ name: "ask: active", method: "PUT", path: `/workspaces/${workspace.id}/dormant`, status: 200 },
  json: { dormant: false },
  effect: () => {
    if (workspace.dormantAt === null) return;
    const lastUsedAt = Math.max(workspace.lastUsedAt, model.now);
    Object.assign(workspace, { dormantAt: null, deletingAt: null, startsAfter: model.now, lastUsedAt });
  },
});

const runs = ({ latest }: Workspace): boolean => latest.transition === "start" && latest.status === "succeeded";
const rests = ({ dormantAt }: Workspace): boolean => dormantAt !== null;

/** What is done, as often as it is named, and to which workspaces in general. */
const DEEDS: readonly { readonly make: MakeDeed; readonly fits?: (workspace: Workspace) => boolean }[] = [
  ...[{ make: use, fits: runs }, { make: use, fits: runs }, { make: use, fits: runs }, { make: use }, { make: use }],
  ...[{ make: newBuild("start") }, { make: newBuild("start") }, { make: newBuild("stop"), fits: runs }],
  ...[{ make: extend, fits: runs }, { make: extend, fits: runs }, { make: newBuild("stop") }],
  ...[{ make: setAutostart }, { make: setAutostart }, { make: setTtl }, { make: setTtl, fits: runs }],
  ...[{ make: cancel, fits: isUnderWay }, { make: newBuild("delete") }],
  ...[{ make: makeDormant }, { make: activate, fits: rests }],
];
