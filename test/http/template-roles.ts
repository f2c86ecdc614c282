import { givenUser, type TestServer, type TestUser } from "./server.ts";

/** Somebody, and the answer that they get where only who manages templates gets one. */
type Caller = { readonly who: string; readonly as: TestUser; readonly status: 403 | 404 };

/** Who may not manage the templates of the default organization: 403 for who may see them, otherwise 404. */
export async function givenOutsiders(server: TestServer): Promise<Caller[]> {
  const { otherOrganizationId: other } = server;
  return [
    { who: "a member", as: server.alice, status: 403 },
    { who: "an auditor", as: await givenUser(server, { organization: null, siteRoles: ["auditor"] }), status: 403 },
    {
      who: "an auditor of the organization",
      as: await givenUser(server, { roles: ["organization-auditor"] }),
      status: 403,
    },
    {
      who: "a user admin of the organization",
      as: await givenUser(server, { roles: ["organization-user-admin"] }),
      status: 403,
    },
    {
      who: "a user admin",
      as: await givenUser(server, { organization: null, siteRoles: ["user-admin"] }),
      status: 404,
    },
    {
      who: "a template admin of another organization",
      as: await givenUser(server, { organization: other, roles: ["organization-template-admin"] }),
      status: 404,
    },
    { who: "a member of another organization", as: server.bob, status: 404 },
    { who: "a member of nothing", as: server.nobody, status: 404 },
  ];
}

/** Who may manage the templates of the default organization. */
export async function givenTemplateAdmins(server: TestServer): Promise<{ who: string; as: TestUser }[]> {
  return [
    { who: "the site owner", as: server.admin },
    { who: "a template admin", as: await givenUser(server, { organization: null, siteRoles: ["template-admin"] }) },
    { who: "an organization admin", as: await givenUser(server, { roles: ["organization-admin"] }) },
    {
      who: "a template admin of the organization",
      as: await givenUser(server, { roles: ["organization-template-admin"] }),
    },
  ];
}
