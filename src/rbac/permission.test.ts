import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  permissionProblem,
  permissionsBeyond,
  readPermissions,
  samePermissions,
  withoutRepetitions,
} from "./permission.ts";
import { POLICY, RESOURCE_TYPES } from "./policy.ts";
import { permissions } from "./subject.fixture.ts";

const twelve = POLICY.workspace.map((action) => `+workspace:${action}`).join(" ");

const comparisons: readonly (readonly [name: string, one: string, other: string, same: boolean])[] = [
  ["PERM-01: two empty lists are the same", "", "", true],
  ["PERM-03: a list is the same as itself", "+workspace:read", "+workspace:read", true],
  ["PERM-04: the order does not count", "+workspace:read +template:use", "+template:use +workspace:read", true],
  ["PERM-05: repetition does not count", "+workspace:read +workspace:read", "+workspace:read", true],
  ["PERM-06: different repetitions do not count", "+a:x +a:x +b:y", "+b:y +a:x +b:y", true],
  ["PERM-07: a denial is not a grant", "+workspace:share", "-workspace:share", false],
  ["PERM-08: a wildcard is not the list of what it stands for", "+workspace:*", twelve, false],
  ["PERM-09: a list is not the same as an empty one", "+workspace:read", "", false],
  ["PERM-10: a list is not the same as a longer one", "+workspace:read", "+workspace:read +template:use", false],
  ["PERM-11: types differ", "+workspace:read", "+workspace_dormant:read", false],
  ["PERM-12: a grant with its denial is not the grant", "+workspace:read -workspace:read", "+workspace:read", false],
  ["actions differ", "+workspace:read", "+workspace:stop", false],
  ["a wildcard type is not one of the types", "+*:read", "+workspace:read", false],
];

describe("samePermissions", () => {
  for (const [name, one, other, same] of comparisons) {
    test(name, () => {
      assert.equal(samePermissions(permissions(one), permissions(other)), same);
      assert.equal(samePermissions(permissions(other), permissions(one)), same, "either way round");
    });
  }

  test("PERM-02: no list is the same as an empty one, and not as one that says something", () => {
    for (const none of [null, undefined, []]) {
      for (const other of [null, undefined, []]) assert.ok(samePermissions(none, other));
      assert.ok(!samePermissions(none, permissions("+workspace:read")));
      assert.ok(!samePermissions(permissions("+workspace:read"), none));
    }
  });

  test("words that run together are still different words", () => {
    const one = { negate: false, resource_type: "a b", action: "c" };
    assert.ok(!samePermissions([one], [{ ...one, resource_type: "a", action: "b c" }]));
  });
});

describe("withoutRepetitions", () => {
  test("PERM-13: each permission stays where it stood first", () => {
    assert.deepEqual(withoutRepetitions(permissions("+b:y +a:x +b:y")), permissions("+b:y +a:x"));
  });

  test("a grant and its denial both stay", () => {
    const both = permissions("+a:x -a:x");
    assert.deepEqual(withoutRepetitions([...both, ...both]), both);
  });
});

describe("permissionsBeyond", () => {
  test("what the other list has not stays, as often as it is there", () => {
    const list = permissions("+a:x -a:x +b:y +a:x +c:z");
    assert.deepEqual(permissionsBeyond(list, permissions("+b:y +a:x")), permissions("-a:x +c:z"));
    assert.deepEqual(permissionsBeyond(permissions("+a:x +a:x"), []), permissions("+a:x +a:x"));
    assert.deepEqual(permissionsBeyond([], list), []);
  });
});

describe("readPermissions", () => {
  test("a list of permissions is read as it is, also of those that the policy table does not know", () => {
    const list = permissions("+workspace:read -workspace:share +*:* +spaceship:fly");
    assert.deepEqual(readPermissions(JSON.parse(JSON.stringify(list))), list);
  });

  test("what is not a list is an empty one", () => {
    for (const nothing of [null, undefined, {}, "[]", 7, true, { length: 1, 0: permissions("+a:x")[0] }]) {
      assert.deepEqual(readPermissions(nothing), []);
    }
  });

  test("a permission that does not say whether it denies allows, and what else it says is not kept", () => {
    const stored = '[{"resource_type":"workspace","action":"read","id":7,"__proto__":{"negate":true}}]';
    assert.deepEqual(readPermissions(JSON.parse(stored)), permissions("+workspace:read"));
  });

  test("what is not a permission takes its place in the list, is the same as no permission and allows nothing", () => {
    const right = { negate: false, resource_type: "workspace", action: "read" };
    const garbage: readonly unknown[] = [
      ...["x", null, undefined, 3, true, {}, [], [right]],
      ...[
        { ...right, negate: null },
        { ...right, negate: "false" },
        { ...right, negate: 0 },
      ],
      ...[
        { ...right, resource_type: null },
        { ...right, action: ["read"] },
        { negate: false, action: "read" },
      ],
    ];
    for (const entry of garbage) {
      const [before, read, after, ...rest] = readPermissions([right, entry, right]);
      assert.deepEqual([before, after, rest], [right, right, []]);
      assert.ok(read && !samePermissions([read], []), "it is noticed in a comparison");
      assert.ok(read.negate && permissionProblem(read) !== undefined, "and means nothing");
    }
  });
});

const problems: readonly (readonly [name: string, permission: string, problem: RegExp | undefined])[] = [
  ["PERM-14: everything on everything is known", "+*:*", undefined],
  ["PERM-15: every action of a type is known", "+workspace:*", undefined],
  [
    "PERM-16: an action that the type does not have is refused by name",
    "+workspace:fly",
    /workspace has no action "fly"/,
  ],
  ["PERM-17: a type that is not there is refused by name", "+spaceship:read", /no resource type "spaceship"/],
  ["PERM-18: an action of other types is refused", "+prebuilt_workspace:create", /it has update, delete$/],
  ["any action on every type is known", "+*:fly", undefined],
  ["every action of a type that is not there is refused", "+spaceship:*", /no resource type "spaceship"/],
  ["a denial is judged like a grant", "-workspace:fly", /workspace has no action "fly"/],
  ["a type named like a property of all objects is refused", "+constructor:read", /no resource type "constructor"/],
];

describe("permissionProblem", () => {
  for (const [name, permission, problem] of problems) {
    test(name, () => {
      for (const one of permissions(permission)) {
        if (problem) assert.match(permissionProblem(one) ?? "", problem);
        else assert.equal(permissionProblem(one), undefined);
      }
    });
  }

  test("every pair of the policy table is known", () => {
    for (const type of RESOURCE_TYPES) {
      for (const action of POLICY[type]) {
        assert.equal(permissionProblem({ negate: false, resource_type: type, action }), undefined);
      }
    }
  });
});
