import assert from "node:assert/strict";
import { test } from "node:test";
import { storableJson } from "./storable.ts";

test("zero bytes and halves of characters are replaced in keys and values, all else is as it was", () => {
  const odd = { "a\u0000b": ["\ud800", "x\udfffy", "\u0000\u0000"] };
  assert.deepEqual(JSON.parse(storableJson(odd)), { "a\ufffdb": ["\ufffd", "x\ufffdy", "\ufffd\ufffd"] });
  const fine = { "\\u0000": "\\ud800", "\\\\u0000": '"\u0001\n\\', "👍": ["ü", 1, null, true] };
  assert.deepEqual(JSON.parse(storableJson(fine)), fine);
});
