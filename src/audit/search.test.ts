import assert from "node:assert/strict";
import { test } from "node:test";
import { ProblemError } from "../errors.ts";
import { auditFilterOf } from "./search.ts";

const search = (q: string) => auditFilterOf({ q }, "carol");

test("a search takes every filter, and words without a key are parts of what the thing was called", () => {
  assert.deepEqual(search('username:alice  Action:write resource_type:template dev target:"big box" \'x'), {
    username: "alice",
    action: "write",
    resource_type: "template",
    targets: ["dev", "'x", "big box"],
  });
  assert.deepEqual(search(""), { targets: [] });
});

test("me is the caller", () => {
  assert.equal(search("username:me").username, "carol");
  assert.equal(auditFilterOf({ username: "me" }, "carol").username, "carol");
});

test("a day begins with its first millisecond and ends with its last, and an instant is itself", () => {
  const { from, to } = search("date_from:2025-06-02 date_to:2025-06-02");
  assert.deepEqual([from?.toISOString(), to?.toISOString()], ["2025-06-02T00:00:00.000Z", "2025-06-02T23:59:59.999Z"]);
  const instant = search("date_from:2025-06-02T09:00:00+02:00 date_to:2025-06-02T09:00:00Z");
  assert.deepEqual(
    [instant.from?.toISOString(), instant.to?.toISOString()],
    ["2025-06-02T07:00:00.000Z", "2025-06-02T09:00:00.000Z"],
  );
});

test("what stands in the query goes before what the search says", () => {
  assert.equal(auditFilterOf({ q: "username:alice", username: "bob" }, "carol").username, "bob");
});

test("what a search says wrong is named, with what there is instead", () => {
  for (const [q, says] of [
    ["colour:red", /^there is no filter "colour"; use username, resource_type, /],
    ["__proto__:x", /^there is no filter "__proto__"/],
    ["username:a username:b", /^username is given twice$/],
    ["action:destroy", /^action must be one of create, write, delete, /],
    ["resource_type:box", /^resource_type must be one of api_key, /],
    ["date_from:yesterday", /^date_from must be a day such as 2025-06-02, or an instant/],
    ["date_to:2025-02-30", /^date_to must be a day/],
  ] as const) {
    assert.throws(
      () => search(q),
      (error) => error instanceof ProblemError && says.test(error.validations[0]?.detail ?? ""),
      q,
    );
  }
});
