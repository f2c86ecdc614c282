import type { Subject } from "../rbac/decide.ts";
import type { Reading } from "./feed.ts";
import type { View } from "./page.ts";
import { sightOf } from "./sight.ts";

const SHOWN_REQUESTS = 15;

/** What somebody is shown of a reading. */
export function viewOf(reading: Reading, subject: Subject, { maxInFlight }: { readonly maxInFlight: number }): View {
  const sight = sightOf(subject);
  const [newest] = reading.passes;
  return {
    username: subject.username,
    at: reading.at,
    pools: reading.pools
      .filter(({ pool }) => sight.sees(pool.organization_id))
      .map((read) => ({ pool: read.pool, row: read.row(sight.on(read.pool)) })),
    lastPass: newest
      ? {
          replica: sight.deployment ? newest.replica : null,
          endedAt: new Date(newest.startedAt.getTime() + newest.durationMs),
        }
      : null,
    allPaused: reading.allPaused,
    maySteerAll: sight.steerAll,
    passes: sight.deployment ? reading.passes : null,
    requests: reading.requests
      .filter(({ pool }) => (pool ? sight.sees(pool.organization_id) : sight.deployment))
      .slice(0, SHOWN_REQUESTS),
    maxInFlight,
  };
}
