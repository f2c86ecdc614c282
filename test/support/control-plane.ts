import { randomUUID } from "node:crypto";
import type { TestContext } from "node:test";
import pg from "pg";
import type { Context } from "../../src/context.ts";
import { type GivenPool, givenUser } from "./given.ts";

type Wanted = { readonly presetId?: string | null; readonly userId?: string | null; readonly name?: string | null };

/** A connection of somebody who shares the database, with nothing of ours but the function. */
export type ControlPlane = {
  readonly client: pg.Client;
  readonly userId: string;
  /** Claims in the transaction that is open on the connection, else in one of its own; null when there is none. */
  claim(given?: Wanted): Promise<string | null>;
};

/** Connects as a control plane does, to claim prebuilds of a pool for a new user; what is given goes before that. */
export async function givenControlPlane(
  t: TestContext,
  context: Pick<Context, "pool"> & { readonly url: string },
  pool: Pick<GivenPool, "presetId">,
): Promise<ControlPlane> {
  const client = new pg.Client({
    connectionString: context.url,
    application_name: "control plane",
    statement_timeout: 10_000, // a claim that waits for another one fails
  });
  client.on("error", () => {}); // the statement that the loss interrupts rejects with the same error
  await client.connect();
  t.after(() => client.end());
  const userId = await givenUser(context);
  return {
    client,
    userId,
    async claim(given = {}) {
      const { rows } = await client.query<{ id: string | null }>(
        "select claim_prebuild(preset_id => $1, user_id => $2, name => $3) as id",
        Object.values({ presetId: pool.presetId, userId, name: `ws-${randomUUID().slice(0, 8)}`, ...given }),
      );
      return rows[0]?.id ?? null;
    },
  };
}
