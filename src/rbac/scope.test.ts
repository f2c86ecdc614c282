import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { can } from "./decide.ts";
import { mine, outside, scoped, WORKSPACE } from "./decisions.fixture.ts";
import type { Action } from "./policy.ts";
import { allowListProblem, isWithin, readScope, scopeProblem, UNLIMITED, type WrittenScope } from "./scope.ts";
import { permissions, role, subjectWith } from "./subject.fixture.ts";

const OTHER = "10000000-0000-4000-8000-000000000002";

describe("what a token is for", () => {
  const all = [role({ site: "+*:*" })];
  const cases: readonly (readonly [name: string, scopes: string[], allowList: string[], allowed: Action[]])[] = [
    ["all limits nothing", ["all"], ["*:*"], ["read", "stop"]],
    ["DEC-14: a type that is not named is not allowed", ["template:*"], ["*:*"], []],
    ["one action is allowed alone", ["workspace:read"], ["*:*"], ["read"]],
    ["all actions of a type are allowed", ["workspace:*"], ["*:*"], ["read", "stop"]],
    ["several scopes add up", ["workspace:read", "template:use", "workspace:stop"], ["*:*"], ["read", "stop"]],
    ["no scope allows nothing", [], ["*:*"], []],
    ["the thing that is listed is allowed", ["all"], [`workspace:${WORKSPACE}`], ["read", "stop"]],
    ["a thing that is not listed is not", ["all"], [`workspace:${OTHER}`], []],
    ["every thing of the listed type is allowed", ["all"], ["workspace:*"], ["read", "stop"]],
    ["things of other types are not", ["all"], ["template:*", `template:${WORKSPACE}`], []],
    ["a listed id counts whatever its type", ["all"], [`*:${WORKSPACE}`], ["read", "stop"]],
    ["one entry that fits is enough", ["all"], ["template:*", `workspace:${WORKSPACE}`], ["read", "stop"]],
    ["scope and list both limit", ["workspace:read"], [`workspace:${WORKSPACE}`], ["read"]],
    ["an empty list allows nothing", ["all"], [], []],
  ];
  for (const [name, scopes, allowList, allowed] of cases) {
    test(name, () => {
      const subject = subjectWith(all, scoped(scopes, allowList));
      assert.deepEqual(
        (["read", "stop"] as const).filter((action) => can(subject, action, mine)),
        allowed,
      );
    });
  }

  test("a token gives nothing that the user may not do", () => {
    assert.ok(!can(subjectWith([role({ site: "+workspace:read" })], scoped(["all"])), "stop", mine));
  });

  test("a thing that does not exist yet is not among those listed by id", () => {
    const { id: _, ...planned } = mine;
    assert.ok(!can(subjectWith(all, scoped(["all"], [`workspace:${WORKSPACE}`])), "create", planned));
    assert.ok(can(subjectWith(all, scoped(["all"], ["workspace:*"])), "create", planned));
  });

  test("the role of a token is judged level by level, like those of its user", () => {
    const scope = (site: string, user: string) => ({
      scope: {
        role: { name: "token", site: permissions(site), user: permissions(user) },
        allowList: [{ type: "*", id: "*" }],
      },
    });
    assert.ok(can(subjectWith(all, scope("", "+workspace:*")), "read", outside), "the user level of what is one's own");
    assert.ok(!can(subjectWith(all, scope("", "+workspace:*")), "read", mine), "but not in an organization");
    assert.ok(!can(subjectWith(all, scope("+*:* -workspace:read", "")), "read", mine), "a denial wins");
  });
});

const scopeProblems: readonly (readonly [text: string, problem: RegExp | undefined])[] = [
  ["all", undefined],
  ["workspace:read", undefined],
  ["workspace:*", undefined],
  ["api_key:delete", undefined],
  ["workspace", /must be `all`, type:action or type:\*/],
  ["workspace:", /must be `all`, type:action or type:\*/],
  ["", /must be `all`/],
  ["*", /must be `all`/],
  ["*:*", /must be `all`/],
  ["*:read", /must be `all`/],
  ["all:read", /no resource type "all"/],
  ["ALL", /must be `all`/],
  ["workspace:fly", /workspace has no action "fly"/],
  ["workspace:read:all", /workspace has no action "read:all"/],
  ["spaceship:read", /no resource type "spaceship"/],
  ["constructor:*", /no resource type "constructor"/],
];

const allowListProblems: readonly (readonly [text: string, problem: RegExp | undefined])[] = [
  ["*:*", undefined],
  ["workspace:*", undefined],
  [`workspace:${WORKSPACE}`, undefined],
  [`*:${WORKSPACE}`, undefined],
  ["all", /must be type:id/],
  ["workspace", /must be type:id/],
  ["workspace:", /must be type:id/],
  ["workspace:dev", /must be type:id/],
  [`workspace:${WORKSPACE}0`, /must be type:id/],
  [WORKSPACE, /must be type:id/],
  [`spaceship:${WORKSPACE}`, /no resource type "spaceship"/],
];

describe("the limits of a token as written", () => {
  for (const [text, problem] of scopeProblems) {
    test(`the scope ${JSON.stringify(text)} is ${problem ? "refused" : "taken"}`, () => {
      assert.match(scopeProblem(text) ?? "", problem ?? /^$/);
    });
  }

  for (const [text, problem] of allowListProblems) {
    test(`the entry ${JSON.stringify(text)} of an allow list is ${problem ? "refused" : "taken"}`, () => {
      assert.match(allowListProblem(text) ?? "", problem ?? /^$/);
    });
  }

  test("what is not known allows nothing, and what stands beside it counts", () => {
    const refused = <T>(list: readonly (readonly [string, T | undefined])[]) =>
      list.filter(([, problem]) => problem).map(([text]) => text);
    const unknown = { scopes: refused(scopeProblems), allowList: refused(allowListProblems) };
    assert.deepEqual(readScope(unknown), { role: { name: "token", site: [], user: [] }, allowList: [] });
    const known = { scopes: ["workspace:read"], allowList: [`workspace:${WORKSPACE}`] };
    const both = {
      scopes: [...unknown.scopes, ...known.scopes],
      allowList: [...unknown.allowList, ...known.allowList],
    };
    assert.deepEqual(readScope(both), readScope(known));
  });

  test("an id counts however it is written", () => {
    const { allowList } = readScope({ scopes: ["all"], allowList: ["workspace:ABCDEFAB-0000-4000-8000-000000000001"] });
    assert.deepEqual(allowList, [{ type: "workspace", id: "abcdefab-0000-4000-8000-000000000001" }]);
  });
});

const LETTERS = "workspace:abcdefab-0000-4000-8000-000000000001";
const reaches: readonly (readonly [wanted: string, held: string, within: boolean])[] = [
  ["all on *:*", "all on *:*", true],
  ["workspace:read on *:*", "all on *:*", true],
  ["workspace:* on *:*", "all on *:*", true],
  [`all on workspace:${WORKSPACE}`, "all on *:*", true],
  ["workspace:read on *:*", "workspace:* on *:*", true],
  ["workspace:read workspace:stop on *:*", "workspace:* on *:*", true],
  ["template:use workspace:read on *:*", "workspace:read template:use on *:*", true],
  [`all on workspace:${WORKSPACE}`, "all on workspace:*", true],
  [`all on workspace:${WORKSPACE}`, `all on *:${WORKSPACE}`, true],
  [`all on ${LETTERS.toUpperCase()}`, `all on ${LETTERS}`, true],
  ["all on *:*", "workspace:* on *:*", false],
  ["workspace:* on *:*", "workspace:read on *:*", false],
  ["workspace:read template:use on *:*", "workspace:read on *:*", false],
  ["workspace:read on *:*", "workspace_dormant:* on *:*", false],
  ["spaceship:read on *:*", "workspace:* on *:*", false],
  ["all on *:*", "all on workspace:*", false],
  ["all on workspace:*", `all on workspace:${WORKSPACE}`, false],
  [`all on workspace:${OTHER}`, `all on workspace:${WORKSPACE}`, false],
  [`all on template:${WORKSPACE}`, `all on workspace:${WORKSPACE}`, false],
  [`all on *:${WORKSPACE}`, `all on workspace:${WORKSPACE}`, false],
  [`all on workspace:${WORKSPACE} template:*`, `all on workspace:${WORKSPACE}`, false],
];

describe("nobody makes a token that reaches further than the one in hand", () => {
  const written = (text: string): WrittenScope => {
    const [scopes = "", allowList = ""] = text.split(" on ");
    return { scopes: scopes.split(" "), allowList: allowList.split(" ") };
  };
  for (const [wanted, held, within] of reaches) {
    test(`${wanted} is ${within ? "within" : "more than"} ${held}`, () => {
      assert.equal(isWithin(written(wanted), readScope(written(held))), within);
    });
  }

  test("a token that allows nothing is within every other, and only such a token within one that allows nothing", () => {
    const nothing: WrittenScope = { scopes: [], allowList: [] };
    assert.ok(isWithin(nothing, readScope(nothing)));
    assert.ok(isWithin(nothing, readScope(UNLIMITED)));
    assert.ok(!isWithin(UNLIMITED, readScope(nothing)));
  });

  test("words that are not known hand nothing on", () => {
    assert.ok(!isWithin(written("workspace:read on *:*"), readScope(written("*:read on *:*"))));
    assert.ok(!isWithin(written("workspace:fly on *:*"), readScope(written("workspace:fly on *:*"))));
  });
});
