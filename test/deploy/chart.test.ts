import assert from "node:assert/strict";
import { it, suite } from "node:test";
import { readConfig } from "../../src/config.ts";
import { createHealth } from "../../src/health.ts";
import { buildMetricsServer } from "../../src/http/server.ts";
import { createLogger } from "../../src/log.ts";
import {
  CHART,
  daemonsOf,
  environmentOf,
  knownSettings,
  type Manifest,
  nameOf,
  needsHelm,
  parseChartFile,
  podsOf,
  readChartFile,
  render,
  runHelm,
  template,
  VALUE_SETS,
} from "./support.ts";

const DATABASE = ["--set", "database.existingSecret=prebuildd-database"];

const find = (manifests: readonly Manifest[], name: string): Manifest => {
  const found = manifests.find((manifest) => nameOf(manifest) === name);
  return found ?? assert.fail(`there is no ${name} among ${manifests.map(nameOf).join(", ")}`);
};
const has = (manifests: readonly Manifest[], kind: string) => manifests.some((manifest) => manifest.kind === kind);

suite("the chart", needsHelm, () => {
  it("passes Helm's own strict check", () => {
    const { status, stdout, stderr } = runHelm(["lint", "--strict", "--quiet", CHART, ...DATABASE]);
    assert.equal(status, 0, stdout + stderr);
  });

  it("refuses to be installed without a database and says how to make the Secret", () => {
    const { status, stderr } = template([]);
    assert.equal(status, 1);
    assert.match(stderr, /database\.existingSecret is not set\. Make a Secret .* `kubectl create secret generic /);
  });

  it("refuses values that it does not know, with their names", () => {
    const { status, stderr } = template([
      ...["--set", "api.replica=3", "--set", "workers.provisioners=0", "--set", "settings.DATABASE_URL=postgresql://x"],
      ...["--set-json", 'extraEnv=[{"name":"PREBUILDD_DATA_DIR","value":"/data"}]', ...DATABASE],
    ]);
    assert.equal(status, 1);
    for (const wrong of [
      /'replica' not allowed/,
      /\/workers\/provisioners/,
      /'DATABASE_URL' not allowed/,
      /extraEnv\/0\/name/,
    ])
      assert.match(stderr, wrong);
  });

  it("has a PodDisruptionBudget only where there is more than one replica", () => {
    assert.deepEqual(has(render("single-replica"), "PodDisruptionBudget"), false);
    for (const name of ["prebuildd", "prebuildd-workers"]) {
      const { spec } = find(render("default"), `PodDisruptionBudget/${name}`);
      const deployment = find(render("default"), `Deployment/${name}`);
      assert.equal(spec.maxUnavailable, 1);
      assert.deepEqual(spec.selector, deployment.spec.selector);
    }
  });

  it("has the api run no builds while there are workers, and the builds of its own value otherwise", () => {
    const provisioners = (manifest: Manifest) =>
      daemonsOf(manifest.spec.template.spec).map((container) => environmentOf(container)["PREBUILDD_PROVISIONERS"]);
    assert.deepEqual(provisioners(find(render("default"), "Deployment/prebuildd")), ["0"]);
    assert.deepEqual(provisioners(find(render("default"), "Deployment/prebuildd-workers")), ["3"]);
    assert.deepEqual(
      podsOf(render("workers-off")).map(({ name }) => name),
      ["Deployment/prebuildd"],
    );
    assert.deepEqual(provisioners(find(render("workers-off"), "Deployment/prebuildd")), ["5"]);
  });

  it("migrates in a Job before everything else when it is told to, and only then", () => {
    const job = find(render("hook-migrations"), "Job/pools-migrations");
    assert.equal(
      (job.metadata as unknown as { annotations: Record<string, string> }).annotations["helm.sh/hook"],
      "pre-install,pre-upgrade",
    );
    assert.deepEqual(job.spec.template.spec.containers[0].args, ["migrate", "up"]);
    const { selector } = find(render("hook-migrations"), "Service/pools-metrics").spec;
    const labels = job.spec.template.metadata.labels;
    assert.ok(
      Object.entries(selector).some(([key, value]) => labels[key] !== value),
      "the Job's pod is not scraped",
    );
    assert.equal(has(render("default"), "Job"), false);
  });

  it("carries the alerts and the dashboard of its files, and further groups beside them", async () => {
    const rule = find(render("everything"), "PrometheusRule/prebuildd");
    const { groups } = await parseChartFile("files/prebuildd.rules.yaml");
    assert.deepEqual(rule.spec.groups.slice(0, -1), groups);
    assert.equal(rule.spec.groups.at(-1).name, "ours");
    const dashboard = find(render("everything"), "ConfigMap/prebuildd-dashboard").data?.["prebuildd.json"];
    assert.equal(dashboard?.trimEnd(), (await readChartFile("files/prebuildd.dashboard.json")).trimEnd());
    for (const kind of ["PrometheusRule", "ConfigMap", "ServiceMonitor", "NetworkPolicy", "ServiceAccount"])
      assert.equal(has(render("default"), kind), false, `${kind} is off unless asked for`);
  });

  it("has Prometheus scrape a port that every pod of the daemon has", () => {
    const manifests = render("everything");
    const { spec } = find(manifests, "ServiceMonitor/prebuildd");
    const service = find(manifests, "Service/prebuildd-metrics");
    assert.partialDeepStrictEqual(service.metadata.labels, spec.selector.matchLabels);
    assert.deepEqual(spec.namespaceSelector.matchNames, ["pools"]);
    assert.equal(service.spec.ports[0].name, spec.endpoints[0].port);
    for (const { kind, spec } of manifests)
      if (kind === "Deployment") assert.partialDeepStrictEqual(spec.template.metadata.labels, service.spec.selector);
  });
});

for (const set of VALUE_SETS) {
  suite(`the chart's pods, with the values ${set}`, needsHelm, () => {
    it("have settings that the daemon knows and takes, each once", async () => {
      const known = new Set(await knownSettings());
      for (const { name, pod } of podsOf(render(set))) {
        for (const container of pod.containers) {
          const names = container.env.map((variable) => variable.name);
          assert.equal(new Set(names).size, names.length, `${name}: ${names.join(", ")}`);
          const ours = names.filter((variable) => /^(PREBUILDD|DATABASE)_/.test(variable));
          assert.deepEqual(
            ours.filter((variable) => !known.has(variable)),
            [],
          );
          readConfig(environmentOf(container));
        }
      }
    });

    it("have more time to stop than the daemon takes after the delay", () => {
      for (const { name, pod } of podsOf(render(set))) {
        for (const container of daemonsOf(pod)) {
          const { preStop } = (container["lifecycle"] ?? {}) as { preStop?: { exec: { command: string[] } } };
          const delayMs = Number(preStop?.exec.command[1] ?? 0) * 1_000;
          const { shutdownTimeoutMs } = readConfig(environmentOf(container));
          const graceMs = Number(pod["terminationGracePeriodSeconds"]) * 1_000;
          assert.equal(graceMs, delayMs + shutdownTimeoutMs + 10_000, name);
        }
      }
    });

    it("get no token of Kubernetes unless it was asked for", () => {
      for (const { name, pod } of podsOf(render(set))) {
        const asked = set === "everything" && name === "Deployment/prebuildd-workers";
        assert.equal(pod["automountServiceAccountToken"], asked, name);
      }
    });

    it("may do nothing but run as an ordinary user that writes into its volumes", () => {
      for (const { name, pod } of podsOf(render(set))) {
        assert.partialDeepStrictEqual(pod["securityContext"], {
          runAsNonRoot: true,
          runAsUser: 1000,
          seccompProfile: { type: "RuntimeDefault" },
        });
        for (const container of pod.containers) {
          assert.deepEqual(container.securityContext, {
            allowPrivilegeEscalation: false,
            readOnlyRootFilesystem: true,
            capabilities: { drop: ["ALL"] },
          });
        }
        for (const container of daemonsOf(pod)) {
          const mounts = new Map(container.volumeMounts.map((mount) => [mount.mountPath, mount.name]));
          for (const path of [environmentOf(container)["PREBUILDD_DATA_DIR"] ?? "", "/tmp", "/home/node"])
            assert.ok(
              pod.volumes.some((volume) => volume.name === mounts.get(path)),
              `${name} can write to ${path}`,
            );
        }
      }
    });

    it("are asked for what the daemon answers, at a port that it listens on", async (t) => {
      const sources = { health: createHealth().report, metrics: async () => ({ contentType: "text/plain", body: "" }) };
      const server = await buildMetricsServer(createLogger("silent", process.stdout), sources);
      t.after(() => server.close());
      for (const { pod } of podsOf(render(set))) {
        for (const container of daemonsOf(pod)) {
          const ports = new Map(
            (container["ports"] as { name: string; containerPort: number }[]).map((port) => [
              port.name,
              port.containerPort,
            ]),
          );
          const { listen, metricsListen } = readConfig(environmentOf(container));
          assert.deepEqual([ports.get("http"), ports.get("metrics")], [listen.port, metricsListen?.port]);
          const paths = { startupProbe: "/healthz", livenessProbe: "/healthz", readinessProbe: "/readyz" };
          for (const [probe, path] of Object.entries(paths)) {
            const { httpGet } = container[probe] as { httpGet: { path: string; port: string } };
            assert.deepEqual(httpGet, { path, port: "metrics" });
            assert.notEqual((await server.inject(path)).statusCode, 404);
          }
        }
      }
    });
  });
}
