import assert from "node:assert/strict";
import { it } from "node:test";
import { startApi } from "./api.ts";

it("`users quota` shows what somebody's workspaces cost and may cost, one's own unless somebody is named", async (t) => {
  const api = await startApi(t);
  const allow = ["groups", "edit", "Everyone", "--quota-allowance", "20"];
  assert.equal((await api.as(api.admin, ...allow)).code, 0);
  const own = await api.as(api.alice, "users", "quota");
  assert.deepEqual(own, { code: 0, stdout: "0 of 20 a day are in use\n", stderr: "" });
  const { stdout } = await api.as(api.admin, "users", "quota", "bob", "--organization", "other", "--json");
  assert.deepEqual(JSON.parse(stdout), { credits_consumed: 0, budget: 0 });
  const refused = await api.as(api.alice, "users", "quota", "admin");
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /^error: what you asked for does not exist, or you may not see it/);
});
