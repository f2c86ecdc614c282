import type { Context } from "../context.ts";
import type { PassMetrics } from "../prebuilds/pass-metrics.ts";
import { createJournal } from "./journal.ts";

/** How long passes and requests can be looked at. */
const KEPT_MS = 3_600_000;

/** What the daemon tells the status page, and what it tells the metrics of the same things on the way. */
export type PageObserver = AsyncDisposable & {
  readonly hooks: Required<Pick<Context, "onCreate" | "onClaimInSql">>;
  readonly observePass: PassMetrics["observePass"];
  /** Gets an event `change` when pools may have changed. */
  readonly poolsChanged: EventTarget;
  /** Says that pools may have changed. */
  announceChange(): void;
  /** Forgets for all replicas what is too old to be looked at. */
  forgetOld(): Promise<void>;
};

/** Begins to note for the status page what happens. */
export function observeForPage(
  context: Pick<Context, "pool" | "clock" | "log">,
  metrics: Pick<PassMetrics, "observePass" | "observeCreate">,
): PageObserver {
  const journal = createJournal(context);
  const poolsChanged = new EventTarget();
  return {
    hooks: {
      onCreate(seconds, missReason, presetId) {
        metrics.observeCreate(seconds, missReason);
        journal.request(seconds, missReason, presetId);
      },
      // Nobody waited for this daemon, so it has taken no time; and the metrics are about those who did.
      onClaimInSql: (presetId) => journal.request(0, null, presetId),
    },
    observePass(seconds, result) {
      metrics.observePass(seconds, result);
      journal.pass(seconds, result);
    },
    poolsChanged,
    announceChange: () => void poolsChanged.dispatchEvent(new Event("change")),
    forgetOld: () => journal.forget(new Date(context.clock.now().getTime() - KEPT_MS)),
    [Symbol.asyncDispose]: () => journal[Symbol.asyncDispose](),
  };
}
