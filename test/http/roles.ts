import assert from "node:assert/strict";
import type { LightMyRequestResponse } from "fastify";
import type { TestServer, TestUser } from "./server.ts";

/** The roles of the default organization. */
export const ROLES = "/api/v2/organizations/default/members/roles";

/** Permissions as the API takes them, from `workspace:read template:update`. */
export function permissionsOf(text: string): { resource_type: string; action: string }[] {
  return text
    .split(" ")
    .filter((word) => word !== "")
    .map((word) => word.split(":"))
    .map(([resource_type = "", action = ""]) => ({ resource_type, action }));
}

/** Asks to make a role that grants this, or with another method to change it. */
export function sendRole(
  server: TestServer,
  name: string,
  grants: string,
  { as = server.admin, method = "POST", more = {} }: { as?: TestUser; method?: "POST" | "PUT"; more?: object } = {},
): Promise<LightMyRequestResponse> {
  const json = { name, organization_permissions: permissionsOf(grants), ...more };
  return server.send(method, ROLES, { as, json });
}

/** Makes a role in the default organization that grants this. */
export async function givenRole(server: TestServer, name: string, grants: string): Promise<void> {
  const made = await sendRole(server, name, grants);
  assert.equal(made.statusCode, 201, made.body);
}

/** Asks to delete a role of the default organization. */
export function removeRole(server: TestServer, name: string, as = server.admin): Promise<LightMyRequestResponse> {
  return server.send("DELETE", `${ROLES}/${name}`, { as });
}

/** The fields that an answer says are wrong. */
export function fieldsOf(answer: LightMyRequestResponse): string[] {
  return answer.json().validations.map(({ field }: { field: string }) => field);
}

/** Asks to give a member of the default organization these roles and no others. */
export function setRoles(
  server: TestServer,
  user: string,
  roles: unknown,
  as: TestUser = server.admin,
): Promise<LightMyRequestResponse> {
  return server.send("PUT", `/api/v2/organizations/default/members/${user}/roles`, { as, json: { roles } });
}

/** The roles that are stored of a user's membership. */
export async function rolesOf({ pool }: TestServer, userId: string): Promise<unknown> {
  return (await pool.query("select roles from organization_members where user_id = $1", [userId])).rows[0]?.roles;
}

/** The roles that people have made, with what they grant, from the default organization's list. */
export async function customRoles(server: TestServer): Promise<Record<string, string[]>> {
  type Role = {
    name: string;
    built_in: boolean;
    organization_permissions: { resource_type: string; action: string }[];
  };
  const roles: Role[] = (await server.send("GET", ROLES, { as: server.admin })).json();
  return Object.fromEntries(
    roles
      .filter((role) => !role.built_in)
      .map((role) => [
        role.name,
        role.organization_permissions.map(({ resource_type: type, action }) => `${type}:${action}`),
      ]),
  );
}
