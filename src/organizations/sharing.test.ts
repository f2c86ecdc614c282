import assert from "node:assert/strict";
import { test } from "node:test";
import { isDisabledIn, sharingBody, sharingView } from "./sharing.ts";

test("the switch is said in the new way, in the old one, or in both alike", () => {
  for (const [body, disabled] of [
    [{ sharing_disabled: true }, true],
    [{ sharing_disabled: false }, false],
    [{ shareable_workspace_owners: "none" }, true],
    [{ shareable_workspace_owners: "everyone" }, false],
    [{ shareable_workspace_owners: "", sharing_disabled: true }, true],
    [{ shareable_workspace_owners: "none", sharing_disabled: true }, true],
    [{ shareable_workspace_owners: "everyone", sharing_disabled: false }, false],
  ] as const) {
    assert.equal(isDisabledIn(sharingBody.parse(body)), disabled, JSON.stringify(body));
  }
});

test("a body that says nothing, two things or something unknown is refused by its field", () => {
  for (const [body, field, says] of [
    [{}, "shareable_workspace_owners", /none or everyone/],
    [{ shareable_workspace_owners: "" }, "shareable_workspace_owners", /none or everyone/],
    [{ shareable_workspace_owners: "none", sharing_disabled: false }, "shareable_workspace_owners", /contradicts/],
    [{ shareable_workspace_owners: "everyone", sharing_disabled: true }, "shareable_workspace_owners", /contradicts/],
    [{ shareable_workspace_owners: "service_accounts" }, "shareable_workspace_owners", /none or everyone/],
    [{ shareable_workspace_owners: null }, "shareable_workspace_owners", /none or everyone/],
    [{ sharing_disabled: "yes" }, "sharing_disabled", /true or false/],
  ] as const) {
    const issues = sharingBody.safeParse(body).error?.issues ?? [];
    assert.deepEqual(
      issues.map(({ path }) => path.join(".")),
      [field],
      JSON.stringify(body),
    );
    assert.match(issues[0]?.message ?? "", says);
  }
  assert.equal(sharingBody.safeParse({ sharing_disabled: true, x: 1 }).success, false);
});

test("while sharing is off in the whole deployment it is off in every organization, whatever is stored", () => {
  const on = { sharing_disabled: false, shareable_workspace_owners: "everyone" };
  const off = { sharing_disabled: true, shareable_workspace_owners: "none" };
  for (const [stored, globally, view] of [
    [false, false, on],
    [true, false, off],
    [false, true, off],
    [true, true, off],
  ] as const) {
    assert.deepEqual(sharingView(stored, globally), { sharing_globally_disabled: globally, ...view });
  }
});
