import type pg from "pg";
import { addMember, createOrganization, ensureDefaultOrganization } from "../../src/organizations/store.ts";
import { createUser, ensureAdmin } from "../../src/users/store.ts";
import { createToken } from "../../src/users/tokens/create.ts";

/** A user with a token that works. */
export type TestUser = { readonly id: string; readonly username: string; readonly token: string };

/** Who is there in a test of the API, and where. */
export type People = {
  readonly defaultOrganizationId: string;
  /** The organization `other`. */
  readonly otherOrganizationId: string;
  /** A site owner. */
  readonly admin: TestUser;
  /** A member of the default organization. */
  readonly alice: TestUser;
  /** A member of the organization `other` only. */
  readonly bob: TestUser;
  /** A member of nothing. */
  readonly nobody: TestUser;
};

/** Adds them to a database that nobody is in. */
export async function addPeople(pool: pg.Pool): Promise<People> {
  const { id: defaultOrganizationId } = await ensureDefaultOrganization(pool);
  const { id: otherOrganizationId } = await createOrganization(pool, { name: "other" });
  const withToken = async ({ id, username }: { id: string; username: string }): Promise<TestUser> => ({
    id,
    username,
    token: await createToken(pool, { userId: id, name: "test" }),
  });
  const person = (username: string) => createUser(pool, { username, email: `${username}@example.com` });
  const admin = await withToken(await ensureAdmin(pool));
  const alice = await withToken(await person("alice"));
  const bob = await withToken(await person("bob"));
  const nobody = await withToken(await person("nobody"));
  await addMember(pool, { organizationId: defaultOrganizationId, userId: alice.id });
  await addMember(pool, { organizationId: otherOrganizationId, userId: bob.id });
  return { defaultOrganizationId, otherOrganizationId, admin, alice, bob, nobody };
}
