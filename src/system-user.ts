/** The user that owns every prebuild; a workspace is a prebuild exactly as long as this user owns it. */
export const PREBUILDS_SYSTEM_USER_ID = "c42fdf75-3097-471c-8c33-fb52454d81c0";

/**
 * The same as it stands in statements that are prepared: the predicate of an index on prebuilds is only recognised when
 * the id is written out.
 */
export const SYSTEM_USER = `'${PREBUILDS_SYSTEM_USER_ID}'::uuid`;
