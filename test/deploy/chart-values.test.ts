import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { it } from "node:test";
import { isMap, isScalar, type Node, parseDocument } from "yaml";
import { z } from "zod";
import manifest from "../../package.json" with { type: "json" };
import { knownSettings, parseChartFile, readChartFile, VALUE_SETS } from "./support.ts";

type Schema = {
  readonly description?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: unknown;
  readonly allOf?: readonly { readonly $ref: string }[];
  readonly definitions?: Readonly<Record<string, Schema>>;
};

const schema = (await parseChartFile("values.schema.json")) as Schema;

/** What stands for a schema that only refers to another. */
function resolved(of: Schema): Schema {
  const name = of.allOf?.[0]?.$ref.replace("#/definitions/", "");
  if (name === undefined) return of;
  return schema.definitions?.[name] ?? assert.fail(`the schema has no definition ${name}`);
}

/** The paths that a schema names, and under each what it says of it. */
function pathsOf(of: Schema, path = ""): Map<string, Schema> {
  const own = Object.entries(resolved(of).properties ?? {});
  return new Map(own.flatMap(([key, value]) => [[path + key, value], ...pathsOf(value, `${path}${key}.`)]));
}

/** The paths of a map that the schema knows the keys of, with the comment above each. */
function commentsOf(node: Node | null | undefined, of: Schema, source: string, path = ""): Map<string, string> {
  const { properties } = resolved(of);
  if (!isMap(node) || properties === undefined) return new Map();
  return new Map(
    node.items.flatMap(({ key, value }) => {
      assert.ok(isScalar(key) && key.range);
      const name = String(key.value);
      const above = source.slice(0, key.range[0]).trimEnd().split("\n").at(-1)?.trim() ?? "";
      return [[path + name, above], ...commentsOf(value as Node, properties[name] ?? {}, source, `${path}${name}.`)];
    }),
  );
}

const source = await readChartFile("values.yaml");
const comments = commentsOf(parseDocument(source).contents as Node, schema, source);

it("every value of the chart has a comment above it", () => {
  for (const [path, above] of comments) assert.match(above, /^# ./, `${path} has none`);
});

it("the schema of the chart's values knows exactly the values that there are", () => {
  // Of the settings none has a value, so that the daemon's own defaults count; other charts share `global`.
  const known = [...pathsOf(schema).keys()].filter((path) => path !== "global" && !path.startsWith("settings."));
  assert.deepEqual([...comments.keys()].toSorted(), known.toSorted());
});

it("the schema of the chart's values describes each and lets no other through", () => {
  for (const [path, of] of pathsOf(schema)) {
    assert.ok(of.description, `${path} has no description`);
    if (resolved(of).properties) assert.equal(resolved(of).additionalProperties, false, path);
  }
  assert.equal(schema.additionalProperties, false);
});

it("the chart's defaults, and the values that the tests render, are what its schema allows", async () => {
  // zod has no `not`; Helm itself checks with that, too.
  const checked = JSON.parse(JSON.stringify(schema, (key, value) => (key === "not" ? undefined : value)));
  const allowed = z.fromJSONSchema(checked);
  allowed.parse(await parseChartFile("values.yaml"));
  for (const set of VALUE_SETS) {
    const values = parseDocument(await readFile(new URL(`values/${set}.yaml`, import.meta.url), "utf8")).toJS();
    allowed.parse(values);
  }
  assert.throws(() => allowed.parse({ api: { replica: 3 } }));
});

it("the chart takes every setting of the daemon, and none that holds a secret in the clear", async () => {
  const own = /^DATABASE_|_(LISTEN|DATA_DIR|PROVISIONERS|WORKERS_ONLY|SHUTDOWN_TIMEOUT|TERRAFORM_PATH|TERRAFORM_ENV)$/;
  const secret = /_SECRET$|^PREBUILDD_(WEBHOOK|SMTP)_URL$/;
  const settings = (await knownSettings()).filter((name) => !own.test(name) && !secret.test(name));
  assert.ok(settings.length > 10);
  assert.deepEqual(Object.keys(schema.properties?.["settings"]?.properties ?? {}).toSorted(), settings.toSorted());
});

it("the chart is released with the version of the daemon", async () => {
  const { version, appVersion } = await parseChartFile("Chart.yaml");
  assert.deepEqual([version, appVersion], [manifest.version, manifest.version]);
});
