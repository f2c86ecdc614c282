import assert from "node:assert/strict";
import { it } from "node:test";
import { startApi, writeApplyFile } from "./api.ts";

it("claim finds the preset by its parameters, passes on what is asked for, and repeats with a key", async (t) => {
  const api = await startApi(t);
  await api.as(api.admin, "apply", "-f", await writeApplyFile(t));
  const claim = ["claim", "--template", "box", "--json", "--idempotency-key", "k1", "--name"];
  const wish = ["--parameter", "size=small", "--parameter", "note=a=b", "--autostop", "2h", "--automatic-updates"];
  const made = JSON.parse((await api.as(api.alice, ...claim, "mine", ...wish)).stdout);
  assert.deepEqual([made.miss_reason, made.ttl_ms, made.automatic_updates], ["pool_empty", 7_200_000, "always"]);
  const { rows } = await api.pool.query("select name, value from workspace_build_parameters order by name");
  assert.deepEqual(rows, [
    { name: "note", value: "a=b" },
    { name: "size", value: "small" },
  ]);
  const again = JSON.parse((await api.as(api.alice, ...claim, "mine", ...wish)).stdout);
  assert.equal(again.id, made.id);
  const other = await api.as(api.alice, ...claim, "other");
  assert.deepEqual(
    [other.code, other.stderr.split("\n")[0]],
    [1, "error: this Idempotency-Key was used for another request; use a new one for this"],
  );
});

it("claim refuses a parameter without a value in a sentence", async (t) => {
  const api = await startApi(t);
  const refused = await api.as(api.alice, "claim", "--template", "box", "--name", "x", "--parameter", "size");
  assert.equal(refused.code, 2);
  assert.match(refused.stderr, /must be a name and a value, such as size=small/);
});
