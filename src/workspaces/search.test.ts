import assert from "node:assert/strict";
import { describe, test } from "node:test";
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
  ];
  for (const [text, expected] of cases) {
    test(`reads ${JSON.stringify(text)}`, () => assert.deepEqual(parseSearch(text), expected));
  }

  for (const text of ["colour:red", "owner:a owner:b", "a b", "a/b/c", "/b", "status:sleeping"]) {
    test(`refuses ${JSON.stringify(text)}`, () => assert.throws(() => parseSearch(text), { kind: "invalid" }));
  }
});

describe("filterOf", () => {
  test("a parameter of the query beats the search, and me is the caller", () => {
    const caller = { username: "alice" };
    assert.deepEqual(filterOf({ q: "owner:me name:x", name: "y" }, caller), { owner: "alice", name: "y" });
    assert.deepEqual(filterOf({ owner: "me" }, caller), { owner: "alice" });
    assert.deepEqual(filterOf({ owner: undefined, q: "owner:bob" }, caller), { owner: "bob" });
  });
});
