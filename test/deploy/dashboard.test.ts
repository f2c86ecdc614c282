import assert from "node:assert/strict";
import { mkdtempDisposable, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { stringify } from "yaml";
import { EXPORTED_METRICS } from "./exported-metrics.ts";
import { metricsIn, needsPromtool, promtool, readText } from "./promql.ts";

type Panel = {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly description?: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly datasource?: unknown;
  readonly targets?: readonly { readonly refId: string; readonly expr: string; readonly datasource: unknown }[];
};
type Variable = { readonly name: string; readonly type: string; readonly query: string | { readonly query: string } };
type Dashboard = {
  readonly schemaVersion: number;
  readonly templating: { readonly list: readonly Variable[] };
  readonly panels: readonly Panel[];
};

// biome-ignore lint/suspicious/noTemplateCurlyInString: Grafana replaces it
const DATASOURCE = { type: "prometheus", uid: "${datasource}" };

const readDashboard = async () =>
  JSON.parse(await readText("deploy/chart/files/prebuildd.dashboard.json")) as Dashboard;
const expressionsOf = ({ panels }: Dashboard) => panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr));

describe("the dashboard", () => {
  it("has the rows that an operator looks for", async () => {
    const rows = (await readDashboard()).panels.filter(({ type }) => type === "row").map(({ title }) => title);
    assert.deepEqual(rows, [
      "Pools now",
      "Claims and misses",
      "Refill",
      "Failures",
      "Queue by priority",
      "Passes and leader",
      "Processes",
    ]);
  });

  it("says of each panel what is good", async () => {
    const panels = (await readDashboard()).panels.filter(({ type }) => type !== "row");
    for (const { title, description } of panels) assert.match(description ?? "", /Good: /, title);
  });

  it("has room for each panel, so that none covers another one", async () => {
    const taken = new Map<string, string>();
    for (const { title, gridPos } of (await readDashboard()).panels) {
      const { x, y, w, h } = gridPos;
      assert.ok(x >= 0 && w > 0 && h > 0 && x + w <= 24, title);
      for (let place = 0; place < w * h; place++) {
        const cell = `${x + (place % w)},${y + Math.floor(place / w)}`;
        assert.equal(taken.get(cell), undefined, `${title} covers ${taken.get(cell)}`);
        taken.set(cell, title);
      }
    }
  });

  it("gives each panel an id, each query a letter, and asks the data source that was chosen", async () => {
    const { panels } = await readDashboard();
    assert.equal(new Set(panels.map(({ id }) => id)).size, panels.length);
    for (const { type, title, datasource, targets = [] } of panels) {
      if (type === "row") continue;
      assert.deepEqual(datasource, DATASOURCE, title);
      assert.ok(targets.length > 0, title);
      assert.equal(new Set(targets.map(({ refId }) => refId)).size, targets.length, title);
      for (const target of targets) assert.deepEqual(target.datasource, DATASOURCE, title);
    }
  });

  it("is narrowed by namespace, organization, template and preset, and uses no other variable", async () => {
    const dashboard = await readDashboard();
    const names = dashboard.templating.list.map(({ name }) => name);
    assert.deepEqual(names, ["datasource", "namespace", "organization", "template", "preset"]);
    for (const expr of expressionsOf(dashboard)) {
      for (const [, name = ""] of expr.matchAll(/\$(\w+)/g)) {
        assert.ok(name === "__rate_interval" || names.includes(name), `${expr} uses $${name}`);
      }
      assert.match(expr, /namespace=~"\$namespace"/);
    }
  });

  it("asks only for metrics that prebuildd exports", async () => {
    const dashboard = await readDashboard();
    const ofVariables = dashboard.templating.list.flatMap(({ query }) =>
      typeof query === "string" ? [] : [query.query.replace(/^label_values\((.+), \w+\)$/, "$1")],
    );
    for (const expr of [...expressionsOf(dashboard), ...ofVariables]) {
      const names = metricsIn(expr);
      assert.ok(names.length > 0, expr);
      for (const name of names) assert.ok(name in EXPORTED_METRICS, `${name}, which nobody exports, in ${expr}`);
    }
  });

  it("has queries that Prometheus can read", needsPromtool, async () => {
    const rules = expressionsOf(await readDashboard()).map((expr, index) => ({
      record: `panel:${index}`,
      expr: expr.replaceAll("$__rate_interval", "5m").replaceAll(/\$\w+/g, ".*"),
    }));
    await using directory = await mkdtempDisposable(join(tmpdir(), "prebuildd-dashboard-"));
    const file = join(directory.path, "panels.yaml");
    await writeFile(file, stringify({ groups: [{ name: "panels", rules }] }));
    await promtool("check", "rules", file);
  });
});
