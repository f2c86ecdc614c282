import declarations from "./fixtures/declarations.json" with { type: "json" };
import dockerClaim from "./fixtures/docker-claim.json" with { type: "json" };
import kubernetesClaim from "./fixtures/kubernetes-claim.json" with { type: "json" };
import type { PlanJson } from "./plan-json.ts";

/** Plans as Terraform prints them, written by hand for providers that tests cannot have. */
export const PLANS: Readonly<Record<"declarations" | "dockerClaim" | "kubernetesClaim", PlanJson>> = {
  declarations,
  dockerClaim,
  kubernetesClaim,
};

/** The planned change of one resource; its type is what stands before the dot. */
export function changeOf(address: string, change: Readonly<Record<string, unknown>>): unknown {
  return { address, type: address.split(".")[0], change: { actions: ["delete", "create"], ...change } };
}

/** A plan of such changes. */
export const planOf = (...changes: readonly unknown[]): PlanJson => ({ resource_changes: changes });

/** What has no business in a plan, wherever it stands. */
export const NONSENSE: readonly unknown[] = [null, true, 7, "x", [], [[]], [null], {}, { a: { b: [1, null] } }];
