import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { it } from "node:test";
import { stringify } from "yaml";
import { type Manifest, needsHelm, render, VALUE_SETS } from "./support.ts";

const update = process.env["PREBUILDD_TEST_UPDATE_GOLDEN"] === "1";

/** Without alerts and dashboard, which are files of their own and tested as such. */
function withoutFiles(manifest: Manifest): unknown {
  if (manifest.kind === "PrometheusRule")
    return { ...manifest, spec: { groups: ["those of the rule file", manifest.spec.groups.at(-1)] } };
  if (manifest.kind === "ConfigMap") return { ...manifest, data: { "prebuildd.json": "the dashboard" } };
  return manifest;
}

for (const set of VALUE_SETS) {
  it(`the chart makes of the values ${set} what it made of them when somebody last looked`, needsHelm, async () => {
    const file = new URL(`golden/${set}.yaml`, import.meta.url);
    const documents = render(set).map((manifest) =>
      stringify(withoutFiles(manifest), { aliasDuplicateObjects: false }),
    );
    const text = documents.join("---\n");
    if (update) await writeFile(file, text);
    assert.equal(text, await readFile(file, "utf8"), "PREBUILDD_TEST_UPDATE_GOLDEN=1 writes what it makes now");
  });
}
