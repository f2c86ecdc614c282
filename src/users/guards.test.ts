import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { organizationRoles, siteRoles } from "../rbac/roles.ts";
import { ME, ORG, SOMEONE, subjectWith } from "../rbac/subject.fixture.ts";
import { assignmentProblem, changeProblem, systemProblem } from "./guards.ts";

type User = Parameters<typeof changeProblem>[1];

const acting = (...roles: string[]) => subjectWith(siteRoles(roles));
const user = (given: Partial<User> = {}): User => ({
  id: SOMEONE,
  username: "bob",
  status: "active",
  login_type: "token",
  rbac_roles: [],
  is_system: false,
  ...given,
});
const OTHER_OWNER = user({ id: ME, username: "me", rbac_roles: ["owner"] });
const owner = user({ rbac_roles: ["owner"] });

/** Everything that can be done to a user, by what it is called. */
const CHANGES: Readonly<Record<string, (before: User) => User | null>> = {
  rename: (before) => ({ ...before, username: "rob" }),
  suspend: (before) => ({ ...before, status: "suspended" }),
  "make dormant": (before) => ({ ...before, status: "dormant" }),
  "set login type none": (before) => ({ ...before, login_type: "none" }),
  "take all roles": (before) => ({ ...before, rbac_roles: [] }),
  delete: () => null,
};

const kindOf = (subject: ReturnType<typeof acting>, before: User, after: User | null, owners: readonly User[] = []) =>
  changeProblem(subject, before, after, owners)?.kind;

describe("what nobody may do to a user, whatever their rights", () => {
  for (const [name, change] of Object.entries(CHANGES)) {
    test(`nobody may ${name} where it is about the system user`, () => {
      const system = user({ username: "prebuilds", is_system: true });
      const problem = changeProblem(acting("owner"), system, change(system), [OTHER_OWNER]);
      assert.equal(problem?.kind, "forbidden");
      assert.match(problem?.message ?? "", /^prebuilds is a system user: nobody can change it/);
    });

    test(`who may not give a role may not ${name} where it is about its holder`, () => {
      const before = user({ rbac_roles: ["auditor"] });
      assert.equal(kindOf(acting("user-admin"), before, change(before)), "forbidden");
      assert.equal(kindOf(acting("owner"), before, change(before)), undefined);
    });

    test(`who manages users may ${name} where it is about somebody without roles`, () => {
      assert.equal(kindOf(acting("user-admin"), user(), change(user())), undefined);
    });

    test(`an owner may ${name} where another active owner is left`, () => {
      assert.equal(kindOf(acting("owner"), owner, change(owner), [owner, OTHER_OWNER]), undefined);
    });
  }

  for (const name of ["suspend", "make dormant", "set login type none", "take all roles", "delete"]) {
    test(`the last active owner stays one: nobody may ${name}`, () => {
      const after = CHANGES[name]?.(owner) ?? null;
      const inactive = { id: ME, rbac_roles: ["owner"] };
      for (const others of [
        [],
        [user({ ...inactive, status: "suspended" })],
        [user({ ...inactive, status: "dormant" })],
        [user({ ...inactive, login_type: "none" })],
      ]) {
        const problem = changeProblem(acting("owner"), owner, after, [owner, ...others]);
        assert.equal(problem?.kind, "conflict");
        assert.match(problem?.message ?? "", /^bob is the last active owner/);
      }
    });

    test(`nobody may ${name} where it is about themselves`, () => {
      const self = user({ id: ME, rbac_roles: ["owner"] });
      const problem = changeProblem(acting("owner"), self, CHANGES[name]?.(self) ?? null, [self, owner]);
      assert.equal(problem?.kind, "conflict");
      assert.match(problem?.message ?? "", /^you cannot .*(yourself|your own).*; ask somebody else who may do it$/);
    });
  }

  test("everybody may rename themselves, whatever roles they hold", () => {
    const self = user({ id: ME, rbac_roles: ["owner"] });
    assert.equal(kindOf(acting(), self, { ...self, name: "x" } as User, [self]), undefined);
  });

  test("one may give oneself a role, where one may give it to others", () => {
    const self = user({ id: ME, rbac_roles: ["owner"] });
    assert.equal(kindOf(acting("owner"), self, { ...self, rbac_roles: ["owner", "auditor"] }, [self]), undefined);
    const admin = user({ id: ME, rbac_roles: ["user-admin"] });
    const after = { ...admin, rbac_roles: ["owner", "user-admin"] };
    assert.equal(kindOf(acting("user-admin"), admin, after), "forbidden");
  });

  test("an owner who is suspended already may go, whoever is left", () => {
    const suspended = { ...owner, status: "suspended" } as const;
    assert.equal(kindOf(acting("owner"), suspended, null, [suspended]), undefined);
  });
});

describe("giving and taking roles", () => {
  test("only owners change anything in the site roles of others", () => {
    for (const [before, after] of [
      [[], ["auditor"]],
      [["auditor"], []],
      [["auditor"], ["template-admin"]],
    ]) {
      assert.equal(assignmentProblem(acting("owner"), before ?? [], after ?? []), undefined);
      assert.equal(assignmentProblem(acting("user-admin"), before ?? [], after ?? [])?.kind, "forbidden");
    }
    assert.equal(assignmentProblem(acting("user-admin"), ["auditor"], ["auditor"]), undefined);
  });

  test("roles of organizations give no right over site roles", () => {
    const subject = subjectWith([...siteRoles([]), ...organizationRoles(ORG, ["organization-admin"], [])]);
    assert.match(
      assignmentProblem(subject, [], ["auditor", "owner"])?.message ?? "",
      /^you may neither give nor take the roles auditor, owner$/,
    );
  });

  test("a name that is no role any more keeps nobody from changing its holder, nor from taking it", () => {
    const before = user({ rbac_roles: ["agents-access"] });
    assert.equal(kindOf(acting("user-admin"), before, { ...before, status: "suspended" }), undefined);
    assert.equal(assignmentProblem(acting("user-admin"), ["agents-access"], []), undefined);
  });
});

test("only system users are nobody's", () => {
  assert.equal(systemProblem(user()), undefined);
  assert.equal(systemProblem(user({ is_system: true }))?.kind, "forbidden");
});
