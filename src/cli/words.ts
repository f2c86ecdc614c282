import type { PoolState } from "../prebuilds/state.ts";
import type { PoolView } from "../prebuilds/status.ts";

export { oneLine } from "../one-line.ts";

/** Reasons that read badly by themselves; every other one is shown as it is, with spaces. */
const REASONS: Readonly<Record<string, string>> = {
  recent_failures: "held back by recent failures",
  capped: "capped by the limit on starts",
};

/** What a person knows a pool by. */
export function poolTitle(pool: {
  readonly organization_name: string;
  readonly template_name: string;
  readonly preset_name: string;
}): string {
  return `${pool.organization_name}/${pool.template_name}: ${pool.preset_name}`;
}

/** Why a pool is short: `1 building, 2 held back by recent failures until 2025-06-02T09:00:00Z`. */
export function reasonsInWords(reasons: PoolView["reasons"]): string {
  return reasons
    .map(({ reason, count, until }) => {
      const why = REASONS[reason] ?? reason.replaceAll("_", " ");
      return `${count} ${why}${until === undefined ? "" : ` until ${instantText(until)}`}`;
    })
    .join(", ");
}

/** The numbers of a pool: `1 of 3 ready, 2 building`. */
export function stateInWords(state: PoolState): string {
  const counts = [
    [state.starting, "building"],
    [state.actual - state.expired - state.eligible, "not ready"],
    [state.expired, "expired"],
    [state.stopping, "stopping"],
    [state.deleting, "deleting"],
  ] as const;
  const others = counts.flatMap(([count, word]) => (count > 0 ? [`, ${count} ${word}`] : []));
  return `${state.eligible} of ${state.desired} ready${others.join("")}`;
}

/** What a pass would do with a pool: `delete 1 (expired), create 2 (below_target)`; empty for nothing. */
export function actionsInWords(actions: PoolView["actions"]): string {
  return actions
    .map((action) => {
      switch (action.kind) {
        case "create":
          return `create ${action.count} (${action.reason})`;
        case "delete":
          return `delete ${action.ids.length} (${action.reason})`;
        case "cancel_pending":
          return `cancel what is pending (${action.reason})`;
        case "backoff":
          return `wait until ${instantText(action.until)} (${action.reason})`;
        default:
          return action satisfies never;
      }
    })
    .join(", ");
}

/** An instant without its milliseconds, which say nothing to a person. */
export function instantText(instant: string): string {
  return instant.replace(/\.\d+Z$/, "Z");
}
