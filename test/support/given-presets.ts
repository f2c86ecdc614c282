import type { Context } from "../../src/context.ts";
import { type GivenPool, givenVersion } from "./given.ts";

type Acting = Pick<Context, "pool">;

/** One more pool of a pool's version, with a name and size of its own. */
export async function givenSibling(
  { pool }: Acting,
  sibling: GivenPool,
  given: { readonly name: string; readonly desired: number },
): Promise<GivenPool> {
  const { rows } = await pool.query<{ id: string }>(
    "insert into template_version_presets (template_version_id, name, desired_instances) values ($1, $2, $3) returning id",
    [sibling.versionId, given.name, given.desired],
  );
  return { ...sibling, presetId: rows[0]?.id ?? "" };
}

/** A new active version of a pool's template, with a pool of the same name and size. */
export async function givenSuccessor(context: Acting, old: GivenPool): Promise<GivenPool> {
  const versionId = await givenVersion(context, old.templateId);
  const { rows } = await context.pool.query<{ id: string }>(
    `insert into template_version_presets (template_version_id, name, desired_instances)
     select $1, name, desired_instances from template_version_presets where id = $2 returning id`,
    [versionId, old.presetId],
  );
  return { ...old, versionId, presetId: rows[0]?.id ?? "" };
}
