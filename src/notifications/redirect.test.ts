import assert from "node:assert/strict";
import { test } from "node:test";
import { redirected } from "./redirect.ts";

const to = (from: string, location: string) => redirected(new URL(from), location).href;

test("a redirect leads to what it says, relative or not", () => {
  assert.equal(to("https://a.example/x/y?z", "../w?v"), "https://a.example/w?v");
  assert.equal(to("http://a.example/x", "https://b.example/y"), "https://b.example/y");
  assert.equal(to("http://a.example/x", "//b.example/y"), "http://b.example/y");
});

test("what was encrypted is not sent on without encryption", () => {
  const refused =
    /^Error: the webhook at https:\/\/a\.example redirects to http:\/\/a\.example, which is not encrypted$/;
  assert.throws(() => to("https://user:secret@a.example/x", "http://user:secret@a.example/y"), refused);
});

test("a redirect to nothing, or by another protocol, is refused", () => {
  for (const location of ["", "http://", "ftp://a.example/", "file:///etc/passwd", "data:,x"]) {
    assert.throws(() => to("https://a.example/x", location), /redirects to no URL$/, location);
  }
});
