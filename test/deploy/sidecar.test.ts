import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { it } from "node:test";
import { readConfig } from "../../src/config.ts";
import { daemonsOf, environmentOf, knownSettings, type PodSpec, podsOf, readManifests } from "./support.ts";

async function readSidecar(): Promise<PodSpec> {
  const text = await readFile(new URL("../../deploy/examples/sidecar.yaml", import.meta.url), "utf8");
  const [first, ...others] = podsOf(readManifests(text));
  assert.ok(first);
  assert.deepEqual(others, []);
  return first.pod;
}

it("the sidecar's API is out of reach from outside of the pod, and its probes are not", async () => {
  const [daemon, ...others] = daemonsOf(await readSidecar());
  assert.ok(daemon);
  assert.deepEqual(others, []);
  const { listen, metricsListen } = readConfig(environmentOf(daemon));
  assert.equal(listen.host, "127.0.0.1");
  assert.equal(metricsListen?.host, "0.0.0.0");
  assert.partialDeepStrictEqual(daemon, {
    restartPolicy: "Always",
    ports: [{ name: "metrics", containerPort: metricsListen.port }],
    startupProbe: { httpGet: { path: "/readyz", port: "metrics" } },
    livenessProbe: { httpGet: { path: "/healthz", port: "metrics" } },
  });
});

it("the sidecar has settings that the daemon knows, and its database's URL from a Secret", async () => {
  const [daemon] = daemonsOf(await readSidecar());
  const known = await knownSettings();
  for (const { name } of daemon?.env ?? []) assert.ok(known.includes(name), name);
  assert.deepEqual(Object.keys(daemon?.env.find(({ name }) => name === "DATABASE_URL") ?? {}), ["name", "valueFrom"]);
});

it("the application finds the sidecar where it listens", async () => {
  const pod = await readSidecar();
  const [daemon] = daemonsOf(pod);
  assert.ok(daemon);
  const { listen } = readConfig(environmentOf(daemon));
  const url = pod.containers[0]?.env.find(({ name }) => name === "PREBUILDD_URL")?.value;
  assert.equal(url, `http://${listen.host}:${listen.port}`);
});

it("the sidecar's pod may do as little as the chart's, and gives it time to stop", async () => {
  const pod = await readSidecar();
  const [daemon] = daemonsOf(pod);
  assert.ok(daemon);
  assert.equal(pod["automountServiceAccountToken"], false);
  assert.ok(Number(pod["terminationGracePeriodSeconds"]) * 1_000 > readConfig(environmentOf(daemon)).shutdownTimeoutMs);
  for (const { securityContext } of [...pod.containers, daemon]) {
    assert.deepEqual(securityContext, {
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ["ALL"] },
    });
  }
});
