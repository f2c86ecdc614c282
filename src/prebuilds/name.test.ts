import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { it } from "node:test";
import { NAME_BYTES, prebuildNames } from "./name.ts";

it("each prebuild gets a name of its own, of 24 characters that are good everywhere", () => {
  const names = prebuildNames(1_000, randomBytes(1_000 * NAME_BYTES));
  assert.equal(new Set(names).size, 1_000);
  for (const name of names) assert.match(name, /^prebuild-[a-z2-7]{15}$/);
});
