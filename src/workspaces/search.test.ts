import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ProblemError } from "../errors.ts";
import { filterOf, parseSearch } from "./search.ts";

describe("parseSearch", () => {
  const cases: [string, object][] = [
    ["", {}],
    ["build", { name: "build" }],
    ["owner:alice", { owner: "alice" }],
    ["OWNER:alice status:running", { owner: "alice", status: "running" }],
    ['name:"two words" template:devbox', { name: "two words", template: "devbox" }],
    ["alice/dev", { owner: "alice", name: "dev" }],
    ["organization:lab  owner:me", { organization: "lab", owner: "me" }],
    ["name:a:b", { name: "a:b" }],
    ["initiator:me dormant:true id:7", { initiator: "me", dormant: "true", id: "7" }],
  ];
  for (const [text, expected] of cases) {
    test(`reads ${JSON.stringify(text)}`, () => assert.deepEqual(parseSearch(text), expected));
  }

  for (const text of ["colour:red", "owner:a owner:b", "a b", "a/b/c", "/b"]) {
    test(`refuses ${JSON.stringify(text)}`, () => assert.throws(() => parseSearch(text), { kind: "invalid" }));
  }
});

describe("filterOf", () => {
  const caller = { username: "alice" };
  const ids = ["00000000-0000-4000-8000-000000000001", "00000000-0000-4000-8000-000000000002"];

  test("a parameter of the query beats the search, and me is the caller", () => {
    const cases: [Parameters<typeof filterOf>[0], object][] = [
      [
        { q: "owner:me name:x", name: "y" },
        { owner: "alice", name: "y" },
      ],
      [{ owner: "me" }, { owner: "alice" }],
      [{ owner: undefined, q: "owner:bob" }, { owner: "bob" }],
      [{ q: "initiator:me" }, { initiator: "alice" }],
      [{ name: "me" }, { name: "me" }],
    ];
    for (const [query, expected] of cases) assert.partialDeepStrictEqual(filterOf(query, caller), expected);
  });

  test("words become what they stand for", () => {
    const { status, dormant, ids: found } = filterOf({ q: `status:running dormant:false`, id: ids.join(",") }, caller);
    assert.deepEqual([status, dormant, found], ["running", false, ids]);
    assert.ok(Object.values(filterOf({}, caller)).every((value) => value === undefined));
  });

  for (const [query, field] of [
    [{ q: "status:sleeping" }, "q"],
    [{ q: "dormant:yes" }, "q"],
    [{ q: "dormant:toString" }, "q"],
    [{ id: `${ids[0]},` }, "id"],
    [{ id: "1", q: "id:2" }, "id"],
  ] as const) {
    test(`refuses ${JSON.stringify(query)}, and names the field`, () => {
      assert.throws(
        () => filterOf(query, caller),
        (error: unknown) => error instanceof ProblemError && error.validations[0]?.field === field,
      );
    });
  }
});
