import { spawnSync } from "node:child_process";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { parse, parseAllDocuments } from "yaml";

export const CHART = fileURLToPath(new URL("../../deploy/chart/", import.meta.url));

const helm = process.env["HELM_PATH"] || "helm";
const found = spawnSync(helm, ["version", "--short"]).status === 0;

/** For tests that need Helm: why they are skipped, where it is not there. */
export const needsHelm = {
  skip: found ? false : "helm is neither on the PATH nor at HELM_PATH",
};

type Named = { readonly name: string; readonly [field: string]: unknown };

export type Container = Named & {
  readonly image: string;
  readonly args: readonly string[];
  readonly env: readonly (Named & { readonly value?: string })[];
  readonly securityContext: unknown;
  readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string }[];
};

export type PodSpec = {
  readonly containers: readonly Container[];
  readonly initContainers?: readonly Container[];
  readonly volumes: readonly Named[];
  readonly [field: string]: unknown;
};

export type Manifest = {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly labels: Readonly<Record<string, string>> };
  // biome-ignore lint/suspicious/noExplicitAny: its shape depends on the kind, and each test knows which one it looks at
  readonly spec: any;
  readonly data?: Readonly<Record<string, string>>;
};

/** The sets of values that are rendered: what `values/<name>.yaml` holds for each. */
export const VALUE_SETS = ["default", "single-replica", "everything", "hook-migrations", "workers-off"] as const;
export type ValueSet = (typeof VALUE_SETS)[number];

const rendered = new Map<ValueSet, readonly Manifest[]>();

/** The manifests that the chart makes of a set of values, by kind and name. */
export function render(set: ValueSet): readonly Manifest[] {
  let manifests = rendered.get(set);
  if (manifests === undefined) {
    const { status, stdout, stderr } = template([
      "--values",
      fileURLToPath(new URL(`values/${set}.yaml`, import.meta.url)),
    ]);
    if (status !== 0) throw new Error(stderr);
    manifests = readManifests(stdout).toSorted((a, b) => nameOf(a).localeCompare(nameOf(b), "en"));
    rendered.set(set, manifests);
  }
  return manifests;
}

/** Runs `helm template` with these arguments. */
export function template(args: readonly string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(helm, ["template", "prebuildd", CHART, "--namespace", "pools", ...args], { encoding: "utf8" });
}

/** Runs `helm` with these arguments. */
export function runHelm(args: readonly string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(helm, args, { encoding: "utf8" });
}

/** The documents of a stream of YAML; those that are empty are left out. */
export function readManifests(text: string): readonly Manifest[] {
  return parseAllDocuments(text, { uniqueKeys: true }).flatMap((document) => {
    if (document.errors.length > 0) throw document.errors[0];
    return (document.toJS() as Manifest | null) ?? [];
  });
}

export const nameOf = ({ kind, metadata }: Manifest): string => `${kind}/${metadata.name}`;

/** The pods that Deployments and Jobs among these make. */
export function podsOf(manifests: readonly Manifest[]): { readonly name: string; readonly pod: PodSpec }[] {
  return manifests
    .filter(({ kind }) => kind === "Deployment" || kind === "Job")
    .map((manifest) => ({ name: nameOf(manifest), pod: manifest.spec.template.spec }));
}

/** The containers of a pod that run prebuildd's `run`. */
export const daemonsOf = (pod: PodSpec): readonly Container[] =>
  [...pod.containers, ...(pod.initContainers ?? [])].filter(({ args }) => args?.[0] === "run");

/** A container's environment; what comes from a Secret is a URL here. */
export function environmentOf(container: Container): Record<string, string> {
  const secretOf = (name: string) =>
    `${name.startsWith("DATABASE_") ? "postgresql" : "smtps"}://user:password@host/path`;
  return Object.fromEntries(container.env.map(({ name, value }) => [name, value ?? secretOf(name)]));
}

export const readChartFile = (path: string): Promise<string> => readFile(`${CHART}${path}`, "utf8");

/** The parsed content of a YAML or JSON file of the chart. */
// biome-ignore lint/suspicious/noExplicitAny: files of several shapes
export const parseChartFile = async (path: string): Promise<any> => parse(await readChartFile(path));

/** The settings that the daemon knows, from the source of its configuration. */
export async function knownSettings(): Promise<string[]> {
  const source = await readFile(new URL("../../src/config.ts", import.meta.url), "utf8");
  return Array.from(source.matchAll(/^ {2}((?:DATABASE|PREBUILDD)_[A-Z_]+):/gm), ([, name = ""]) => name);
}
