import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { isSkipped, leadsOutside, type SourceEntry, sourceManifest } from "./source-hash.ts";

const file = (path: string, over: { executable?: boolean; digest?: string } = {}): SourceEntry => ({
  kind: "file",
  path,
  executable: over.executable ?? false,
  digest: over.digest ?? "d",
});
const link = (path: string, target: string): SourceEntry => ({ kind: "link", path, target });

describe("the manifest of a source", () => {
  test("does not depend on the order in which entries were found", () => {
    assert.equal(
      sourceManifest([file("a"), file("b/c"), file("b")]),
      sourceManifest([file("b"), file("b/c"), file("a")]),
    );
  });

  for (const [what, entry] of [
    ["its path", file("b")],
    ["its content", file("a", { digest: "e" })],
    ["its executable bit", file("a", { executable: true })],
    ["its kind", link("a", "d")],
  ] as const) {
    test(`of a file changes with ${what}`, () => {
      assert.notEqual(sourceManifest([entry]), sourceManifest([file("a")]));
    });
  }

  test("of a link changes with its target", () => {
    assert.notEqual(sourceManifest([link("a", "b")]), sourceManifest([link("a", "c")]));
  });

  test("cannot be imitated by a path that contains line breaks and quotes", () => {
    const forged = file('a","-","d"]\n["file","b');
    assert.notEqual(sourceManifest([forged]), sourceManifest([file("a"), file("b")]));
  });
});

describe("a link of a source", () => {
  const table: readonly [path: string, target: string, outside: boolean][] = [
    ["a", "b", false],
    ["a", "./b/../c", false],
    ["d/a", "../b", false],
    ["d/a", "../../b", true],
    ["a", "..", true],
    ["a", "b/../../c", true],
    ["a", "/etc/passwd", true],
    ["d/e/a", "../../b", false],
  ];
  for (const [path, target, outside] of table) {
    test(`from ${path} to ${target} ${outside ? "leads outside" : "stays inside"}`, () => {
      assert.equal(leadsOutside(path, target), outside);
    });
  }
});

test("version control and our own data are no part of a source, names that only look like them are", () => {
  assert.deepEqual([".git", ".prebuildd", ".gitignore", "git"].map(isSkipped), [true, true, false, false]);
});
