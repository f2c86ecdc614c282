import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { notAssignable } from "./assignable.ts";
import { ORGANIZATION_ROLES, organizationRoles, SITE_ROLES } from "./roles.ts";
import { builtIn, ORG, SECOND, subjectWith } from "./subject.fixture.ts";

const SITE = ["member", ...SITE_ROLES];
const ORGANIZATION = ["organization-member", ...ORGANIZATION_ROLES];

const rows: readonly (readonly [holder: string, site: readonly string[], organization: readonly string[]])[] = [
  ["owner", SITE, ORGANIZATION],
  ["user-admin", ["member"], ["organization-member"]],
  ["organization-admin", [], ORGANIZATION],
  ["organization-user-admin", [], ["organization-member"]],
  ["member", [], []],
  ["auditor", [], []],
  ["template-admin", [], []],
  ["organization-member", [], []],
  ["organization-auditor", [], []],
  ["organization-template-admin", [], []],
  ["organization-workspace-creation-ban", [], []],
];

const without = (all: readonly string[], some: readonly string[]): string[] => all.filter((one) => !some.includes(one));

describe("notAssignable", () => {
  for (const [holder, site, organization] of rows) {
    test(`${holder} may give and take ${[...site, ...organization].join(", ") || "nothing"}`, () => {
      const subject = subjectWith(builtIn(holder));
      assert.deepEqual(notAssignable(subject, SITE), without(SITE, site));
      assert.deepEqual(notAssignable(subject, ORGANIZATION, ORG), without(ORGANIZATION, organization));
    });
  }

  test("roles of one organization assign nothing in another", () => {
    for (const holder of ["organization-admin", "organization-user-admin"]) {
      assert.deepEqual(notAssignable(subjectWith(builtIn(holder)), ORGANIZATION, SECOND), ORGANIZATION);
    }
  });

  test("roles of the deployment are not given in an organization, nor those of organizations for the deployment", () => {
    const owner = subjectWith(builtIn("owner"));
    assert.deepEqual(notAssignable(owner, SITE, ORG), SITE);
    assert.deepEqual(notAssignable(owner, ORGANIZATION), ORGANIZATION);
  });

  test("what several roles may assign adds up", () => {
    const both = subjectWith([...builtIn("user-admin"), ...builtIn("organization-admin")]);
    assert.deepEqual(notAssignable(both, ["member", "owner"]), ["owner"]);
    assert.deepEqual(notAssignable(both, ["organization-auditor"], ORG), []);
  });

  test("names that are not known are for nobody to give, and giving nothing is for everybody", () => {
    assert.deepEqual(notAssignable(subjectWith(builtIn("owner")), ["owner", "root", "constructor"]), [
      "root",
      "constructor",
    ]);
    assert.deepEqual(notAssignable(subjectWith([]), []), []);
  });

  for (const [holder, , organization] of rows) {
    const all = organization.length === ORGANIZATION.length;
    test(`${holder} may ${all ? "" : "not "}give and take the roles that people have made`, () => {
      const subject = subjectWith(builtIn(holder));
      assert.deepEqual(
        notAssignable(subject, ["reader", "other"], ORG, ["reader"]),
        all ? ["other"] : ["reader", "other"],
      );
      assert.deepEqual(notAssignable(subject, ["reader"], undefined, ["reader"]), ["reader"]);
      const elsewhere = holder === "owner" ? [] : ["reader"];
      assert.deepEqual(notAssignable(subject, ["reader"], SECOND, ["reader"]), elsewhere);
    });
  }

  test("a role that people have made assigns nothing, whatever it is called", () => {
    for (const name of ["owner", "user-admin", "constructor"]) {
      const stored = { name, isSystem: false, org: [], member: [] };
      const subject = subjectWith(organizationRoles(ORG, [name], [stored]));
      assert.equal(subject.roles.length, 1);
      assert.deepEqual(notAssignable(subject, ORGANIZATION, ORG, ["reader"]), ORGANIZATION, name);
    }
  });
});
