import { customType, timestamp } from "drizzle-orm/pg-core";

/** An instant, with the column named explicitly. */
export const instant = (name: string) => timestamp(name, { withTimezone: true });

/** Raw bytes. */
export const bytea = customType<{ data: Buffer }>({ dataType: () => "bytea" });
