import assert from "node:assert/strict";
import { glob, readdir } from "node:fs/promises";
import { describe, it } from "node:test";
import { parse } from "yaml";
import { EXPORTED_METRICS } from "./exported-metrics.ts";
import { inCheckout, metricsIn, needsPromtool, promtool, readText } from "./promql.ts";

const RULES = "deploy/chart/files/prebuildd.rules.yaml";
const RUNBOOKS = "docs/runbooks";
const SECTIONS = ["What it means", "What people notice", "What to look at", "What to do", "When it is over"];

type Rule = {
  readonly alert: string;
  readonly expr: string;
  readonly labels: { readonly severity: string };
  readonly annotations: { readonly summary: string; readonly description: string; readonly runbook_url: string };
};
type RuleTest = {
  readonly alert_rule_test: readonly { readonly alertname: string; readonly exp_alerts: readonly unknown[] }[];
};

async function readRules(): Promise<Rule[]> {
  const { groups } = parse(await readText(RULES)) as { groups: { rules: Rule[] }[] };
  return groups.flatMap(({ rules }) => rules);
}

async function findTests(): Promise<string[]> {
  return (await Array.fromAsync(glob("test/deploy/rules/*.yaml", { cwd: inCheckout("") }))).sort();
}

describe("the alert rules", () => {
  it("are taken by Prometheus", needsPromtool, () => promtool("check", "rules", RULES));

  it("fire when they should, with the words that they should, and only then", needsPromtool, async () => {
    await promtool("test", "rules", ...(await findTests()));
  });

  it("are each seen to fire and to stay silent by the tests of the rules", async () => {
    const checks = (await Promise.all((await findTests()).map(readText)))
      .flatMap((text) => (parse(text) as { tests: RuleTest[] }).tests)
      .flatMap((test) => test.alert_rule_test);
    for (const { alert } of await readRules()) {
      const ofAlert = checks.filter(({ alertname }) => alertname === alert);
      assert.ok(
        ofAlert.some(({ exp_alerts }) => exp_alerts.length > 0),
        `${alert} never fires`,
      );
      assert.ok(
        ofAlert.some(({ exp_alerts }) => exp_alerts.length === 0),
        `${alert} is never silent`,
      );
    }
  });

  it("have a name, a severity, words and a runbook of their own each", async () => {
    const rules = await readRules();
    assert.equal(new Set(rules.map(({ alert }) => alert)).size, rules.length);
    for (const { alert, labels, annotations } of rules) {
      assert.match(labels.severity, /^(page|ticket|info)$/, alert);
      assert.deepEqual(Object.keys(annotations), ["summary", "description", "runbook_url"], alert);
      assert.equal(annotations.runbook_url, `${RUNBOOKS}/${pageOf(alert)}`);
      assert.match(annotations.description, /\.$/, `the description of ${alert} is no sentence`);
    }
  });

  it("name only metrics that prebuildd exports", async () => {
    for (const { alert, expr } of await readRules()) {
      const names = metricsIn(expr);
      assert.ok(names.length > 0, alert);
      for (const name of names) assert.ok(name in EXPORTED_METRICS, `${alert} asks for ${name}, which nobody exports`);
    }
  });
});

describe("the runbooks", () => {
  it("are there for each alert, with the same sections in the same order", async () => {
    for (const { alert, annotations } of await readRules()) {
      const text = await readText(annotations.runbook_url);
      assert.equal(text.split("\n", 1)[0], `# ${alert}`);
      const sections = Array.from(text.matchAll(/^## (.+)$/gm), ([, title]) => title);
      assert.deepEqual(sections, SECTIONS, annotations.runbook_url);
    }
  });

  it("are all listed in the index, with the severity of their alert, and none is about an alert of the past", async () => {
    const rules = await readRules();
    const index = await readText(`${RUNBOOKS}/README.md`);
    for (const { alert, labels } of rules) {
      const row = index.split("\n").find((line) => line.includes(`[${alert}](${pageOf(alert)})`));
      assert.ok(row, `${alert} is not in the index`);
      assert.ok(
        row.split("|").some((cell) => cell.trim() === labels.severity),
        `${alert} is not said to be ${labels.severity}`,
      );
    }
    const pages = (await readdir(inCheckout(RUNBOOKS))).filter((name) => name !== "README.md");
    assert.deepEqual(pages.sort(), rules.map(({ alert }) => pageOf(alert)).sort());
  });

  it("name only alerts and metrics that exist", async () => {
    const alerts = new Set((await readRules()).map(({ alert }) => alert));
    for (const name of await readdir(inCheckout(RUNBOOKS))) {
      const text = await readText(`${RUNBOOKS}/${name}`);
      for (const [alert] of text.matchAll(/\bPrebuildd[A-Z]\w+/g)) assert.ok(alerts.has(alert), `${name}: ${alert}`);
      for (const [, query = ""] of text.matchAll(/```promql\n([^`]+)```/g)) {
        for (const metric of metricsIn(query)) assert.ok(metric in EXPORTED_METRICS, `${name}: ${metric}`);
      }
    }
  });
});

/** The page about an alert: `PrebuilddPoolEmpty` is explained in `pool-empty.md`. */
function pageOf(alert: string): string {
  const words = alert.replace(/^Prebuildd/, "").replaceAll(/(?<=[a-z])(?=[A-Z])/g, "-");
  return `${words.toLowerCase()}.md`;
}
