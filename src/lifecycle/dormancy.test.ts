import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { deletingAt } from "./dormancy.ts";
import { at, DAY, T, template } from "./workspace.fixture.ts";

describe("a dormant workspace", () => {
  it("is deleted when it has been dormant for as long as the template says", () => {
    assert.deepEqual(deletingAt(T, template({ timeTilDormantAutodeleteMs: 30 * DAY })), at(30 * DAY));
  });

  it("is kept when the template deletes none, and so is one that is not dormant", () => {
    assert.equal(deletingAt(T, template()), null);
    assert.equal(deletingAt(null, template({ timeTilDormantAutodeleteMs: 30 * DAY })), null);
  });
});
