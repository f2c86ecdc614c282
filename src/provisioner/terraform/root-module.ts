import {
  assignedNames,
  assignedNamesInJson,
  declaredVariables,
  declaredVariablesInJson,
  type Variable,
} from "./hcl.ts";
import { isFields } from "./plan-json.ts";

/** A file right in a source's directory. */
export type RootFile = { readonly name: string; readonly text: string };

/** Whatever backend or cloud the template names: its state is ours to keep. The last file has the last word. */
export const OVERRIDE = { name: "~prebuildd_override.tf", text: 'terraform {\n  backend "local" {}\n}\n' } as const;

/** Whether something here is decided by what the file says. */
export function isOfInterest(name: string): boolean {
  return isValueFile(name) || CONFIGURATION.test(name);
}

/** Says which of the files in a source's directory would have the last word instead of ours; undefined when none would. */
export function problemWithNames(names: readonly string[]): string | undefined {
  const ours = Buffer.from(OVERRIDE.name);
  const last = names.find((name) => OVERRIDES.test(name) && Buffer.compare(Buffer.from(name), ours) >= 0);
  if (last === undefined) return undefined;
  return `the file ${JSON.stringify(last)} would have the last word about where the state is kept: give it a name that begins with a letter from a to z`;
}

/**
 * Says which file of values would silently take the place of what a build says; undefined when none would.
 * @param parameters the names of the workspace's parameters
 */
export function problemWithValues(files: readonly RootFile[], parameters: Iterable<string>): string | undefined {
  const taken = new Set(parameters);
  for (const { name: file, text } of files.filter(({ name }) => isValueFile(name))) {
    const names = file.endsWith(".json") ? assignedNamesInJson(text) : assignedNames(text);
    const name = names.find((one) => taken.has(one) || one.startsWith("prebuildd_"));
    if (name === undefined) continue;
    const what = taken.has(name) ? "is a parameter of workspaces" : "tells about the workspace";
    return `${file} sets the variable ${JSON.stringify(name)}, which ${what}: remove it from that file`;
  }
  return undefined;
}

/** The names that a template's presets and declared parameters give values to; what is none says nothing. */
export function parameterNamesIn(declared: {
  readonly presets: readonly unknown[];
  readonly parameters: readonly unknown[];
}): string[] {
  const ofPresets = declared.presets.flatMap((preset) =>
    isFields(preset) && isFields(preset["parameters"]) ? Object.keys(preset["parameters"]) : [],
  );
  const names = declared.parameters.map((parameter) => (isFields(parameter) ? parameter["name"] : undefined));
  return [...ofPresets, ...names.filter((name) => typeof name === "string")];
}

/** Of these parameters those that the source declares as variables, as they stand in a JSON file of values. */
export function fileValues(
  files: readonly RootFile[],
  parameters: Readonly<Record<string, string>>,
): Readonly<Record<string, unknown>> {
  const types = new Map<string, string | undefined>();
  for (const { name, type } of files.filter(({ name }) => CONFIGURATION.test(name)).flatMap(variablesOf)) {
    types.set(name, type ?? types.get(name));
  }
  const declared = Object.entries(parameters).filter(([name]) => types.has(name));
  return Object.fromEntries(declared.map(([name, value]) => [name, givenAs(value, types.get(name))]));
}

const CONFIGURATION = /^[^.].*\.(tf|tofu)(\.json)?$/s;
const OVERRIDES = /^(?:[^.].*_)?override\.(tf|tofu)(\.json)?$/s;
const LITERAL: readonly (string | undefined)[] = [undefined, "string", "number", "bool"];

/** A file that Terraform reads of itself, after the environment. */
function isValueFile(name: string): boolean {
  return /^terraform\.tfvars(\.json)?$|\.auto\.tfvars(\.json)?$/.test(name);
}

function variablesOf({ name, text }: RootFile): Variable[] {
  return name.endsWith(".json") ? declaredVariablesInJson(text) : declaredVariables(text);
}

/** As Terraform reads variables of the environment: those of other types than these hold more than text. */
function givenAs(value: string, type: string | undefined): unknown {
  if (LITERAL.includes(type)) return value;
  try {
    return JSON.parse(value);
  } catch {
    return value; // Terraform says what is wrong with it
  }
}
