import assert from "node:assert/strict";
import { it } from "node:test";
import { addMember } from "../../src/organizations/store.ts";
import { PREBUILDS_SYSTEM_USER_ID } from "../../src/system-user.ts";
import { startApi } from "../cli/api.ts";
import type { TestServer } from "./server.ts";

type Schema = { readonly properties?: Readonly<Record<string, unknown>> };
type Operation = {
  readonly parameters?: readonly {
    readonly name: string;
    readonly in: string;
    readonly schema: { default?: unknown };
  }[];
  readonly responses: Readonly<Record<string, { readonly content?: { "application/json"?: { schema: Schema } } }>>;
};

/** The API's own description of what answers with people, or with how many there are: all that is read but one person. */
async function routesAboutPeople(server: TestServer) {
  const { paths } = (await server.send("GET", "/api/v2/openapi.json")).json() as {
    readonly paths: Readonly<Record<string, { readonly get?: Operation }>>;
  };
  return Object.entries(paths).flatMap(([path, { get }]) => {
    const schema = get?.responses["200"]?.content?.["application/json"]?.schema;
    const tells = /"(is_system|[a-z_]*member_count)"/.test(JSON.stringify(schema ?? {}));
    return get && tells && !schema?.properties?.["is_system"] ? [{ path, get }] : [];
  });
}

/** The default organization with a group in which, like in the organization itself, are alice and the system user. */
async function givenCrew(server: TestServer): Promise<string> {
  const { pool, defaultOrganizationId: organizationId, alice } = server;
  await addMember(pool, { organizationId, userId: PREBUILDS_SYSTEM_USER_ID });
  const { rows } = await pool.query<{ id: string }>(
    `with g as (insert into groups (organization_id, name) values ($1, 'crew') returning id)
     insert into group_members (group_id, user_id) select id, unnest($2::uuid[]) from g returning group_id as id`,
    [organizationId, [alice.id, PREBUILDS_SYSTEM_USER_ID]],
  );
  return rows[0]?.id ?? "";
}

/** Every count of people in an answer, whatever it is called, and whether the system user is named. */
function peopleIn(body: string, header: unknown) {
  const counts = [...body.matchAll(/"(?:total_member_count|count)":(\d+)/g)].map(([, count]) => Number(count));
  return { counts, total: header, system: body.includes(PREBUILDS_SYSTEM_USER_ID) };
}

it("whatever lists or counts people leaves out system users, unless it is asked for them", async (t) => {
  const api = await startApi(t);
  const group = await givenCrew(api);

  await t.test("in the API, every route of which can be asked for them", async () => {
    const values: Readonly<Record<string, string>> = { organization: "default", group, name: "crew" };
    const routes = await routesAboutPeople(api);
    assert.ok(routes.length >= 6, String(routes.map(({ path }) => path)));
    const told: Record<string, unknown> = {};
    for (const { path, get } of routes) {
      const parameter = get.parameters?.find(({ name }) => name === "include_system");
      assert.deepEqual([parameter?.in, parameter?.schema.default], ["query", "false"], `${path} takes include_system`);
      const at = path.replaceAll(/\{(\w+)\}/g, (_, name: string) => values[name] ?? assert.fail(`what is ${name}?`));
      const ask = async (query: string) => {
        const { statusCode, body, headers } = await api.send("GET", `${at}${query}`, { as: api.admin });
        assert.equal(statusCode, 200, body);
        return peopleIn(body, headers["x-total-count"]);
      };
      const [hidden, asked] = [await ask(""), await ask("?include_system=true")];
      assert.deepEqual(await ask("?include_system=false"), hidden);
      assert.equal(hidden.system, false, path);
      told[path.replace("/api/v2", "")] = [hidden, asked].map(({ counts, total }) =>
        counts.length > 0 ? counts.join(" ") : total,
      );
    }
    assert.deepEqual(told, {
      "/users": ["4", "5"],
      "/organizations/{organization}/members": ["2", "3"],
      "/organizations/{organization}/groups": ["1 2", "2 3"],
      "/organizations/{organization}/groups/{name}": ["1", "2"],
      "/groups/{group}": ["1", "2"],
      "/groups/{group}/members": ["1", "2"],
    });
  });

  await t.test("in what is answered to a change of a group", async () => {
    const answer = await api.send("PATCH", `/api/v2/groups/${group}`, {
      as: api.admin,
      json: { display_name: "Crew" },
    });
    assert.equal(answer.json().total_member_count, 1);
  });

  await t.test("on the command line", async () => {
    const print = async (...args: string[]) => {
      const { code, stdout, stderr } = await api.as(api.admin, ...args, "--json");
      assert.equal(code, 0, stderr);
      return stdout.replaceAll(/\s/g, "");
    };
    for (const [args, ...counts] of [
      ["users list", 4],
      ["members list"],
      ["groups list", 1, 2],
      ["groups show crew", 1],
    ] as const) {
      const people = peopleIn(await print(...args.split(" ")), undefined);
      assert.deepEqual(people, { counts, total: undefined, system: false }, args);
    }
    assert.ok(peopleIn(await print("members", "list", "--include-system"), undefined).system);
  });
});
