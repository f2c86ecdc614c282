/** What somebody's workspaces in an organization may cost a day together, and what they cost. */
export type Quota = { readonly budget: number; readonly consumed: number };

/** What a build asks for. `consumed` is what the owner's other workspaces cost. */
export type Charge = Quota & {
  /** What the workspace has cost so far. */
  readonly before: number;
  readonly cost: number;
};

/**
 * Whether a workspace may cost that much a day. What does not make it dearer is always permitted, so that who is over
 * the budget can still delete and build more cheaply.
 */
export function permits({ budget, consumed, before, cost }: Charge): boolean {
  return cost <= before || consumed + cost <= budget;
}

/** What a prebuild may cost that somebody claims; never less than nothing, which is what most of them cost. */
export function allowanceOf({ budget, consumed }: Quota): number {
  return Math.max(budget - consumed, 0);
}

/** Why a workspace may not cost that much, and what can be done about it. */
export function refusal(
  { budget, consumed, cost }: Quota & { readonly cost: number },
  { owner, organization }: { readonly owner: string; readonly organization: string },
): string {
  return (
    `the workspace would cost ${cost} a day; of the budget of ${budget} that ${owner} has in the organization ` +
    `${organization}, ${consumed} are in use: delete or stop a workspace, or ask an administrator to raise the quota ` +
    `allowance of a group of ${organization}`
  );
}

/** Why it could not be told whether a build may have what it costs, and what can be done about it. */
export function heldUp({ owner, organization }: { readonly owner: string; readonly organization: string }): string {
  return (
    `a transaction that is still open, such as a claim in SQL, kept the quota of ${owner} in the organization ` +
    `${organization} locked for too long: end it (pg_stat_activity shows it as "idle in transaction"), then build again`
  );
}
