import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { PREBUILDS_SYSTEM_USER_ID } from "../system-user.ts";
import { mayBuild, mayOnWorkspace } from "../workspaces/rights.ts";
import { can, type Resource, type Subject } from "./decide.ts";
import { organizationRoles, siteRoles } from "./roles.ts";
import { FOREIGN, ME, ORG, role, SOMEONE, STORED_MEMBER, subjectWith } from "./subject.fixture.ts";

const workspace: Resource = { type: "workspace", id: "workspace", organizationId: ORG, ownerId: SOMEONE };
const prebuild: Resource = { ...workspace, ownerId: PREBUILDS_SYSTEM_USER_ID };
const elsewhere = { organizationId: FOREIGN };

/** Members of an organization with these roles besides what all members have. */
const site = (...names: string[]) => subjectWith([...siteRoles(names), ...organizationRoles(ORG, [], [STORED_MEMBER])]);
const inOrg = (...names: string[]) =>
  subjectWith([...siteRoles([]), ...organizationRoles(ORG, names, [STORED_MEMBER])]);
/** Who is allowed this alone. */
const only = (org: string) => subjectWith([role({ org })]);

const BANNED = inOrg("organization-admin", "organization-workspace-creation-ban");

type Answer = "done" | "refused" | "unseen";
type Row = readonly [name: string, subject: Subject, on: Resource, answer: Answer];

const rows: readonly Row[] = [
  ["DEL-01: an organization's admin deletes its prebuilds", inOrg("organization-admin"), prebuild, "done"],
  ["DEL-02: an organization's admin deletes its workspaces", inOrg("organization-admin"), workspace, "done"],
  ["a template admin deletes prebuilds", site("template-admin"), prebuild, "done"],
  ["DEL-04: a template admin sees workspaces and deletes none", site("template-admin"), workspace, "refused"],
  [
    "DEL-05: an organization's template admin deletes its prebuilds",
    inOrg("organization-template-admin"),
    prebuild,
    "done",
  ],
  [
    "an organization's template admin sees its workspaces and deletes none",
    inOrg("organization-template-admin"),
    workspace,
    "refused",
  ],
  [
    "DEL-07: an organization's template admin does not see the prebuilds of another",
    inOrg("organization-template-admin"),
    { ...prebuild, ...elsewhere },
    "unseen",
  ],
  [
    "an organization's admin does not see the prebuilds of another",
    inOrg("organization-admin"),
    { ...prebuild, ...elsewhere },
    "unseen",
  ],
  ["DEL-08: members do not see prebuilds", site(), prebuild, "unseen"],
  ["members do not see what is another's", site(), workspace, "unseen"],
  ["DEL-10: members delete what is theirs", site(), { ...workspace, ownerId: ME }, "done"],
  ["DEL-11: the site owner deletes prebuilds", site("owner"), prebuild, "done"],
  ["DEL-11: the site owner deletes workspaces", site("owner"), workspace, "done"],
  ["DEL-13: an organization's auditor deletes no prebuilds", inOrg("organization-auditor"), prebuild, "unseen"],
  ["an organization's user admin deletes no prebuilds", inOrg("organization-user-admin"), prebuild, "unseen"],
  ["a user admin deletes no prebuilds", site("user-admin"), prebuild, "unseen"],
  ["DEL-16: the right to delete prebuilds is not enough", only("+prebuilt_workspace:delete"), prebuild, "unseen"],
  ["neither is it with the right to see them", only("+workspace:read +prebuilt_workspace:delete"), prebuild, "refused"],
  ["nor without it", only("+prebuilt_workspace:update +prebuilt_workspace:delete"), prebuild, "unseen"],
  [
    "DEL-17: who sees, changes and deletes prebuilds deletes them",
    only("+workspace:read +prebuilt_workspace:update +prebuilt_workspace:delete"),
    prebuild,
    "done",
  ],
  [
    "the rights to prebuilds end when a person has claimed them",
    only("+workspace:read +prebuilt_workspace:update +prebuilt_workspace:delete"),
    workspace,
    "refused",
  ],
  ["DEL-20: an admin who may not create workspaces deletes none", BANNED, workspace, "refused"],
  ["an admin who may not create workspaces deletes prebuilds", BANNED, prebuild, "done"],
];

describe("deleting a workspace", () => {
  for (const [name, subject, on, answer] of rows) {
    test(name, () => {
      assert.equal(mayBuild(subject, "delete", on), answer === "done");
      assert.equal(can(subject, "read", on), answer !== "unseen", "what may be read is refused, the rest is not there");
    });
  }
});

describe("rights to prebuilds alone", () => {
  test("DEL-14: a template admin starts and stops no prebuild", () => {
    for (const transition of ["start", "stop"] as const) {
      assert.ok(!mayBuild(site("template-admin"), transition, prebuild), transition);
    }
  });

  test("DEL-19: they do not let anybody read prebuilds", () => {
    const subject = only("+prebuilt_workspace:update +prebuilt_workspace:delete");
    assert.ok(!mayOnWorkspace(subject, "read", prebuild));
    assert.ok(mayOnWorkspace(subject, "update", prebuild));
    assert.ok(mayOnWorkspace(subject, "delete", prebuild));
  });

  test("they count for dormant prebuilds, too", () => {
    const subject = only("+prebuilt_workspace:update +prebuilt_workspace:delete");
    assert.ok(mayOnWorkspace(subject, "delete", { ...prebuild, type: "workspace_dormant" }));
    assert.ok(!mayOnWorkspace(subject, "delete", { ...workspace, type: "workspace_dormant" }));
  });
});
