import {
  type DeclaredParameter,
  type ParameterProblem,
  parameterProblems,
  resolveParameters,
} from "../templates/parameters.ts";
import type { Parameter } from "./preset-match.ts";

/** The parameters of a workspace's next build, or what is wrong with those that were given for it. */
export type NextParameters =
  | { readonly ok: true; readonly parameters: readonly Parameter[] }
  | { readonly ok: false; readonly problems: readonly ParameterProblem[] };

/**
 * What a workspace is built with next: what is given, what its latest build had as far as the version still knows it,
 * and the version's defaults for the rest. What cannot change keeps the value that it had.
 */
export function nextParameters(
  declared: readonly DeclaredParameter[],
  latest: readonly Parameter[],
  given: readonly Parameter[],
): NextParameters {
  const had = new Map(latest.map(({ name, value }) => [name, value]));
  const namesGiven = new Set(given.map(({ name }) => name));
  const known = new Set(declared.map(({ name }) => name));
  const kept = latest.filter(({ name }) => !namesGiven.has(name) && (declared.length === 0 || known.has(name)));
  const fixed = new Set(declared.flatMap(({ name, mutable }) => (mutable ? [] : [name])));
  const changed = given
    .filter(({ name, value }) => fixed.has(name) && had.has(name) && had.get(name) !== value)
    .map(({ name }) => ({ name, problem: "cannot be changed any more: the template fixes it with the first build" }));
  const namesChanged = new Set(changed.map(({ name }) => name));
  const wrong = parameterProblems(declared, [...given, ...kept]).filter(({ name }) => !namesChanged.has(name));
  const problems = [...changed, ...wrong];
  return problems.length > 0
    ? { ok: false, problems }
    : { ok: true, parameters: resolveParameters(declared, [...given, ...kept]) };
}
