import type pg from "pg";
import type { Context } from "../context.ts";
import { withSavepoint } from "../db/connection.ts";
import { notify } from "../notifications/notify.ts";
import type { Replacements } from "./driver.ts";
import { storeReplacements } from "./replaced-store.ts";

/**
 * Writes down what a claim has replaced, in the transaction that ends it, and tells the template administrators
 * (prebuilds.md section 17). The claim has succeeded whether this does or not.
 */
export async function trackReplacements(
  context: Context,
  client: pg.PoolClient,
  { buildId, replacements }: { readonly buildId: string; readonly replacements: Replacements },
): Promise<void> {
  const at = context.clock.now();
  const err = await withSavepoint(client, async () => {
    const replaced = await storeReplacements(client, buildId, replacements);
    if (!replaced) throw new Error("the workspace's first build has no preset, so no pool can be named");
    const { pool, claim } = replaced;
    const notice = {
      event: "resource_replaced",
      pool,
      claim: { ...claim, at: at.toISOString(), replacements },
    } as const;
    await notify(context, client, notice);
    const fields = { workspace: claim.workspaceId, build: buildId, resources: Object.keys(replacements) };
    const what = `the claim of ${claim.claimant}/${claim.workspace} replaced ${Object.keys(replacements).join(", ")}`;
    context.log.warn(fields, `${what}: the prebuild of ${pool.template}/${pool.preset} was of little use`);
  });
  if (err) context.log.error({ err, build: buildId }, "what a claim has replaced could not be written down");
}
