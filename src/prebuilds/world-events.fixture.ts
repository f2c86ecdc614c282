import {
  endBuild,
  isKept,
  isRunning,
  isStale,
  membersOf,
  type Preset,
  type Template,
  unfinished,
  type World,
} from "./world.fixture.ts";

/** A number from 0 up to, but not including, 1. */
export type Random = () => number;

/** The generator mulberry32: the same seed gives the same numbers on every machine. */
export function createRandom(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

const below = (random: Random, count: number): number => Math.floor(random() * count);

function pick<T>(random: Random, list: readonly T[]): T | undefined {
  return list[below(random, list.length)];
}

const newPreset = (random: Random, id: string): Preset => ({
  id,
  desired: below(random, 6),
  ttlSeconds: pick(random, [null, null, 0, 60, 7_200]) ?? null,
  invalidatedAt: null,
  window: null,
  windowBroken: false,
  status: "healthy",
  resetAt: 0,
});

/** A world of one to four pools that nothing has been built for. */
export function createWorld(random: Random): World {
  const templates = Array.from({ length: 1 + below(random, 4) }, (_, index) => ({
    presets: [newPreset(random, `t${index}v0`)],
    deleted: false,
    deprecated: false,
    paused: false,
  }));
  return {
    now: Date.UTC(2025, 5, 2, below(random, 24)),
    maxInFlight: random() < 0.5 ? 0 : 1 + below(random, 6),
    templates,
    workspaces: [],
  };
}

/** Something that happens to one template; undefined when it cannot. */
type Event = (world: World, random: Random, template: Template, preset: Preset) => string | undefined;

const begin: Event = (world, random) => {
  const one = pick(
    random,
    world.workspaces.filter((build) => build.status === "pending" && !build.deleted),
  );
  if (one) one.status = "running";
  return one && `the ${one.transition} of ${one.id} begins`;
};

const end: Event = (world, random) => {
  const one = pick(
    random,
    world.workspaces.filter((build) => unfinished(build) && !build.deleted),
  );
  if (!one) return undefined;
  endBuild(world, one, one.status === "canceling" ? "canceled" : random() < 0.3 ? "failed" : "succeeded");
  one.ready = isRunning(one) && random() < 0.5;
  return `the ${one.transition} of ${one.id} ${one.status}`;
};

const becomeReady: Event = (world, random) => {
  const one = pick(
    random,
    world.workspaces.filter((build) => isRunning(build) && !build.ready && !build.deleted),
  );
  if (one) one.ready = true;
  return one && `${one.id} is ready`;
};

const claim: Event = (world, random, template, preset) => {
  if (!isKept(template, preset)) return undefined;
  const eligible = membersOf(world, preset.id).filter((one) => isRunning(one) && one.ready);
  const fresh = eligible.filter((one) => !isStale(world, preset, one));
  const one = pick(random, fresh.length > 0 ? fresh : eligible);
  if (one) one.owner = "person";
  return one && `${one.id} is claimed`;
};

const cancel: Event = (world, random) => {
  const cancelable = world.workspaces.filter((one) => ["pending", "running"].includes(one.status) && !one.deleted);
  const one = pick(random, cancelable);
  if (!one) return undefined;
  if (one.status === "running") one.status = "canceling";
  else endBuild(world, one, "canceled");
  return `the ${one.transition} of ${one.id} is canceled by hand`;
};

/** People may stop a prebuild, and start it again. */
const buildByHand: Event = (world, random, _template, preset) => {
  const one = pick(
    random,
    membersOf(world, preset.id).filter((build) => !unfinished(build) && build.transition !== "delete"),
  );
  if (!one) return undefined;
  Object.assign(one, { transition: isRunning(one) ? "stop" : "start", status: "pending", ready: false });
  return `the ${one.transition} of ${one.id} is asked for by hand`;
};

const publish: Event = (_world, random, template, { id }) => {
  if (template.deleted) return undefined;
  const next = newPreset(random, `${id.split("v")[0]}v${template.presets.length}`);
  template.presets.push(next);
  return `${next.id} is published with ${next.desired} prebuilds`;
};

const removeTemplate: Event = (_world, _random, template, { id }) => {
  template.deleted = true;
  return `the template of ${id} is deleted`;
};

const deprecate: Event = (_world, _random, template, { id }) => {
  template.deprecated = !template.deprecated;
  return `the template of ${id} is ${template.deprecated ? "" : "no longer "}deprecated`;
};

const pause: Event = (_world, _random, template, { id }) => {
  template.paused = !template.paused;
  return `${id} is ${template.paused ? "paused" : "resumed"}`;
};

const invalidate: Event = ({ now }, _random, _template, preset) => {
  preset.invalidatedAt = now;
  return `${preset.id} is invalidated`;
};

const resize: Event = (_world, random, _template, preset) => {
  preset.desired = below(random, 8);
  return `${preset.id} is to have ${preset.desired} prebuilds`;
};

const reschedule: Event = (_world, random, _template, preset) => {
  const from = below(random, 24);
  preset.window = random() < 0.3 ? null : { from, to: from + below(random, 24 - from), instances: below(random, 8) };
  preset.windowBroken = random() < 0.1;
  return `the schedule of ${preset.id} is ${JSON.stringify(preset.window)}${preset.windowBroken ? ", broken" : ""}`;
};

const refuse: Event = (_world, _random, _template, preset) => {
  preset.status = "validation_failed";
  return `the parameters of ${preset.id} are refused`;
};

const reset: Event = ({ now }, _random, _template, preset) => {
  Object.assign(preset, { status: "healthy", resetAt: now });
  return `${preset.id} is reset`;
};

const limit: Event = (world, random) => {
  world.maxInFlight = below(random, 7);
  return `the cap is ${world.maxInFlight}`;
};

const wait: Event = (world, random) => {
  const seconds = pick(random, [1, 5, 61, 600, 3_600, 25_000]) ?? 1;
  world.now += seconds * 1_000 + below(random, 2);
  return `${seconds} seconds go by`;
};

/** Each as many times as it is likelier than the rarest. */
const CHOICES: readonly Event[] = (
  [
    [6, begin],
    [24, end],
    [12, becomeReady],
    [8, claim],
    [2, cancel],
    [2, buildByHand],
    [4, publish],
    [1, removeTemplate],
    [1, deprecate],
    [2, pause],
    [2, invalidate],
    [4, resize],
    [2, reschedule],
    [1, refuse],
    [2, reset],
    [2, limit],
    [12, wait],
  ] as const
).flatMap(([times, event]) => Array<Event>(times).fill(event));

/** Lets something happen that can happen now, and says what. */
export function happen(world: World, random: Random): string {
  for (;;) {
    const event = pick(random, CHOICES) ?? wait;
    const template = pick(random, world.templates);
    const preset = template?.presets.at(-1);
    const said = template && preset && event(world, random, template, preset);
    if (said !== undefined) return said;
  }
}
