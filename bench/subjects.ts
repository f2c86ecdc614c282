import { benchAccess } from "./access.ts";
import { benchBurst } from "./burst.ts";
import { benchCapacity } from "./capacity.ts";
import { benchClaim } from "./claim.ts";
import { benchDecide } from "./decide.ts";
import type { Bench } from "./environment.ts";
import { benchFailover } from "./failover.ts";
import { benchFill } from "./fill.ts";
import { benchLifecycle } from "./lifecycle.ts";
import { benchPass } from "./pass.ts";
import { benchReaction } from "./reaction.ts";
import type { Table } from "./report.ts";
import { benchRequests } from "./requests.ts";
import { benchRoles } from "./roles.ts";
import { benchScrape } from "./scrape.ts";
import { benchSoak } from "./soak.ts";
import { benchSpend } from "./spend.ts";
import type { WorldSize } from "./world.ts";

const SMALL: WorldSize = { name: "10 × 10 prebuilds, 1k workspaces", pools: 10, members: 10, ordinary: 1_000 };
const MEDIUM: WorldSize = { name: "100 × 20 prebuilds, 20k workspaces", pools: 100, members: 20, ordinary: 20_000 };
const LARGE: WorldSize = {
  name: "1,000 × 20 prebuilds, 100k workspaces",
  pools: 1_000,
  members: 20,
  ordinary: 100_000,
};
const TINY: WorldSize = { name: "5 × 10 prebuilds, 100 workspaces", pools: 5, members: 10, ordinary: 100 };

const LARGEST: WorldSize = {
  name: "10,000 × 10 prebuilds, 100k workspaces",
  pools: 10_000,
  members: 10,
  ordinary: 100_000,
};

const SHARED: WorldSize = { name: "100 × 200 prebuilds, 20k workspaces", pools: 100, members: 200, ordinary: 20_000 };
const BUSY: WorldSize = { name: "20 × 500 prebuilds, 20k workspaces", pools: 20, members: 500, ordinary: 20_000 };

type Measure = (bench: Bench, options: { readonly quick: boolean }) => Promise<Table>;

/** What can be measured, by the name that `--only` takes. */
export const SUBJECTS: Readonly<Record<string, Measure>> = {
  pass: (bench, { quick }) =>
    benchPass(bench, quick ? { sizes: [TINY, SMALL], rounds: 2 } : { sizes: [SMALL, MEDIUM, LARGE], rounds: 11 }),
  decide: (bench, { quick }) =>
    benchDecide(
      bench,
      quick
        ? { pools: 10, members: 10, size: TINY, rounds: 2 }
        : { pools: 1_000, members: 20, size: LARGE, rounds: 11 },
    ),
  access: (_, { quick }) => benchAccess(quick ? { rounds: 2, repetitions: 1 } : { rounds: 21, repetitions: 20 }),
  roles: (bench, { quick }) =>
    benchRoles(bench, quick ? { organizations: 20, rounds: 1 } : { organizations: 10_000, rounds: 5 }),
  lifecycle: (bench, { quick }) =>
    benchLifecycle(bench, quick ? { size: TINY, due: 5, rounds: 2 } : { size: LARGE, due: 100, rounds: 21 }),
  claim: (bench, { quick }) =>
    benchClaim(bench, {
      size: quick ? SMALL : LARGE,
      rounds: quick ? 1 : 5,
      clients: quick ? [1, 8] : [1, 8, 32],
      claims: (clients) => (quick ? 40 : clients === 1 ? 600 : 2_400),
    }),
  reaction: (bench, { quick }) =>
    benchReaction(
      bench,
      quick
        ? { size: TINY, rounds: 1, claims: 10, perSecond: 10 }
        : { size: MEDIUM, rounds: 5, claims: 100, perSecond: 20 },
    ),
  requests: (bench, { quick }) =>
    benchRequests(
      bench,
      quick
        ? { size: { ...TINY, members: 50 }, rounds: 1, seconds: 1, perSecond: 20 }
        : { size: BUSY, rounds: 3, seconds: 10, perSecond: 300 },
    ),
  spend: (bench, { quick }) =>
    benchSpend(
      bench,
      quick
        ? { users: 20, rounds: 1, clients: [1, 8], spends: () => 40 }
        : { users: 1_000, rounds: 5, clients: [1, 8, 32, 128], spends: (clients) => (clients < 32 ? 1_500 : 12_000) },
    ),
  scrape: (bench, { quick }) => benchScrape(bench, quick ? { size: TINY, rounds: 2 } : { size: LARGE, rounds: 11 }),
  fill: (bench, { quick }) =>
    benchFill(bench, quick ? { size: TINY, rounds: 1, desired: 20 } : { size: SMALL, rounds: 9, desired: 1_000 }),
  burst: (bench, { quick }) =>
    benchBurst(
      bench,
      quick
        ? { prebuilds: 16, smaller: [4], rounds: 1, startMs: 10 }
        : { prebuilds: 1_000, smaller: [10, 100], rounds: 3, startMs: 100 },
    ),
  failover: (bench, { quick }) =>
    benchFailover(
      bench,
      quick
        ? { size: { ...TINY, members: 50 }, rounds: 1, leadInMs: 500, patienceMs: 2_000 }
        : { size: BUSY, rounds: 7, leadInMs: 1_000, patienceMs: 60_000 },
    ),
  soak: (bench, { quick }) =>
    benchSoak(
      bench,
      quick
        ? { smallest: TINY, largest: TINY, passes: 1, size: { ...TINY, members: 50 }, seconds: 2, perSecond: 20 }
        : { smallest: SMALL, largest: LARGEST, passes: 20, size: LARGE, seconds: 600, perSecond: 100 },
    ),
  capacity: (bench, { quick }) =>
    benchCapacity(
      bench,
      quick
        ? {
            size: { ...TINY, members: 200 },
            replicas: [1],
            rounds: 1,
            clients: 4,
            seconds: 0.5,
            warmUpSeconds: 0.1,
            backlog: 500,
          }
        : { size: SHARED, replicas: [1, 2, 3], rounds: 3, clients: 48, seconds: 5, warmUpSeconds: 1, backlog: 4_000 },
    ),
};
