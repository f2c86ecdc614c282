import assert from "node:assert/strict";
import { test } from "node:test";
import { formatToken, parseToken } from "./format.ts";

test("a token is taken apart as it was put together", () => {
  const parts = { id: "abcDEF0123", secret: "abcdefghijKLMNOPQRST12" };
  assert.deepEqual(parseToken(formatToken(parts)), parts);
});

test("what is too short, too long or has other characters is no token", () => {
  const good = "abcDEF0123-abcdefghijKLMNOPQRST12";
  for (const bad of ["", "-", good.slice(1), good.slice(0, -1), `${good}a`, `${good}\n`, good.replace("-", "_")]) {
    assert.equal(parseToken(bad), undefined, JSON.stringify(bad));
  }
});
