import { createHash } from "node:crypto";
import { createRandom, type Random } from "../../src/prebuilds/world-events.fixture.ts";

/** How the driver misbehaves: it waits without an end, does so and ignores signals, fails, lies, or finds no room. */
export const DRIVER_MODES = ["hang", "deaf", "fail", "lie", "full"] as const;

/** What the driver's executables do: as they should, or one of the ways to misbehave. */
export type DriverMode = "ok" | (typeof DRIVER_MODES)[number];

/** One thing that is done to the system. Durations and moments are milliseconds, moments from the round's begin. */
export type Fault = { readonly atMs: number } & (
  | { readonly kind: "kill" | "terminate"; readonly replica: number; readonly backAfterMs: number }
  | { readonly kind: "cut" | "freeze"; readonly replica: number; readonly forMs: number }
  | { readonly kind: "backends"; readonly part: number }
  | { readonly kind: "postgres-fast" | "postgres-immediate"; readonly backAfterMs: number }
  | { readonly kind: "driver"; readonly mode: Exclude<DriverMode, "ok">; readonly forMs: number }
  | { readonly kind: "clock"; readonly replica: number; readonly jumpMs: number; readonly forMs: number }
);

/** Everything that a round does, but for what depends on how the system answers. */
export type Round = {
  readonly number: number;
  /** For how long there is load. */
  readonly loadMs: number;
  /** What the load draws from. */
  readonly loadSeed: number;
  readonly faults: readonly Fault[];
};

export const REPLICAS = 3;

const MINUTE = 60_000;
const LOAD_MS = { least: 5_000, most: 8_000 };
/** Longer than the queue waits for a worker's heartbeat (15 s) and looks for it (5 s), so that work changes hands. */
const LONG_MS = 26_000;
/** How often each kind is drawn, relative to the others. */
const WEIGHTS: Readonly<Record<Fault["kind"], number>> = {
  kill: 4,
  terminate: 3,
  cut: 3,
  freeze: 3,
  backends: 2,
  "postgres-fast": 1,
  "postgres-immediate": 2,
  driver: 5,
  clock: 2,
};

/** What a round does; the same seed and number give the same round, whatever rounds there were before. */
export function planRound(seed: number, number: number): Round {
  const digest = createHash("sha256").update(`${seed}/${number}`).digest();
  const random = createRandom(digest.readUInt32LE(0));
  const count = 1 + Math.floor(random() * 4);
  const loadMs = between(random, LOAD_MS.least, LOAD_MS.most);
  const faults = Array.from({ length: count }, () => drawFault(random, loadMs));
  return {
    number,
    loadMs,
    loadSeed: digest.readUInt32LE(4),
    faults: faults.toSorted((a, b) => a.atMs - b.atMs),
  };
}

function drawFault(random: Random, loadMs: number): Fault {
  const kind = drawKind(random);
  const atMs = between(random, 0, loadMs * 0.8);
  const replica = Math.floor(random() * REPLICAS);
  const backAfterMs = between(random, 0, 3_000);
  // Most are over soon; some last until others have taken the work over.
  const forMs = random() < 0.15 ? between(random, LONG_MS - 6_000, LONG_MS) : between(random, 300, 6_000);
  switch (kind) {
    case "kill":
    case "terminate":
      return { kind, atMs, replica, backAfterMs };
    case "cut":
    case "freeze":
      return { kind, atMs, replica, forMs };
    case "backends":
      return { kind, atMs, part: random() < 0.5 ? 1 : random() };
    case "postgres-fast":
    case "postgres-immediate":
      return { kind, atMs, backAfterMs };
    case "driver":
      return { kind, atMs, mode: DRIVER_MODES[Math.floor(random() * DRIVER_MODES.length)] ?? "fail", forMs };
    case "clock": {
      const ahead = between(random, MINUTE, 180 * MINUTE);
      return { kind, atMs, replica, jumpMs: random() < 0.5 ? ahead : -ahead, forMs };
    }
  }
}

function drawKind(random: Random): Fault["kind"] {
  const kinds = Object.entries(WEIGHTS) as [Fault["kind"], number][];
  let place = random() * kinds.reduce((sum, [, weight]) => sum + weight, 0);
  for (const [kind, weight] of kinds) {
    place -= weight;
    if (place < 0) return kind;
  }
  return "kill";
}

function between(random: Random, least: number, most: number): number {
  return Math.round(least + random() * (most - least));
}

/** A fault as a person reads it. */
export function describeFault(fault: Fault): string {
  const when = `${(fault.atMs / 1_000).toFixed(1)} s`;
  const { atMs: _, kind, ...rest } = fault;
  const details = Object.entries(rest).map(
    ([name, value]) => `${name} ${typeof value === "number" ? Math.round(value * 100) / 100 : value}`,
  );
  return `${when} ${kind} (${details.join(", ")})`;
}
