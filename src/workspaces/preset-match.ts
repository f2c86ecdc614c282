export type Parameter = { readonly name: string; readonly value: string };

export type PresetParameters = { readonly id: string; readonly parameters: readonly Parameter[] };

/**
 * The preset that a request means although it names none: of those whose every parameter the request gives with the
 * same value, the one with the most parameters; among equals the first.
 */
export function matchPreset<P extends PresetParameters>(
  presets: readonly P[],
  given: readonly Parameter[],
): P | undefined {
  const values = new Map(given.map(({ name, value }) => [name, value]));
  const matching = presets.filter((preset) => preset.parameters.every(({ name, value }) => values.get(name) === value));
  return matching.reduce<P | undefined>(
    (best, preset) => (best && best.parameters.length >= preset.parameters.length ? best : preset),
    undefined,
  );
}

/** A declared parameter, as far as it decides whether a prebuild can still take a value for it. */
type Declared = { readonly name: string; readonly mutable: boolean; readonly defaultValue: string };

/**
 * Whether prebuilds of a preset can be given to a request: a parameter that cannot be changed later, and that the preset
 * leaves open, was built with its default, so the request must not ask for another value.
 */
export function fitsPrebuilds(
  declared: readonly Declared[],
  preset: readonly Parameter[],
  given: readonly Parameter[],
): boolean {
  const fixed = new Set(preset.map(({ name }) => name));
  const built = new Map(declared.filter(({ mutable }) => !mutable).map((one) => [one.name, one.defaultValue]));
  return given.every(({ name, value }) => fixed.has(name) || (built.get(name) ?? value) === value);
}

/** The parameters a build gets: what the preset fixes, and from the request what the preset leaves open. */
export function mergeParameters(preset: readonly Parameter[], given: readonly Parameter[]): Parameter[] {
  const fixed = new Set(preset.map(({ name }) => name));
  return [...preset, ...given.filter(({ name }) => !fixed.has(name))];
}
