import type { Queryable } from "../db/connection.ts";
import type { DescribedParameter } from "./parameters.ts";

/** The parameters that a template version declares, in the order of their declaration. */
export async function readDeclaredParameters(db: Queryable, templateVersionId: string): Promise<DescribedParameter[]> {
  const { rows } = await db.query<DescribedParameter>(
    `select name, display_name as "displayName", description, type, mutable, required,
        default_value as "defaultValue", options,
        json_build_object('regex', validation_regex, 'min', validation_min, 'max', validation_max,
          'error', validation_error) as validation
      from template_version_parameters
      where template_version_id = $1
      order by display_order, name`,
    [templateVersionId],
  );
  return rows;
}
