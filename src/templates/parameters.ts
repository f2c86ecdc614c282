import { RE2JS } from "re2js";

/** What the value of a parameter, which is always text, may stand for. */
export const PARAMETER_TYPES = ["string", "number", "bool", "list(string)"] as const;

/** The longest value of a declared parameter, in characters. */
const MAX_VALUE_LENGTH = 8_192;
/** The longest regular expression of a declared parameter, in characters. */
const MAX_REGEX_LENGTH = 512;
/** How many of its options a message lists. */
const MAX_LISTED = 10;

/** A parameter that a template version declares, as far as it decides which values are taken. */
export type DeclaredParameter = {
  readonly name: string;
  readonly type: (typeof PARAMETER_TYPES)[number];
  /** Whoever builds has to give a value, because there is no default. */
  readonly required: boolean;
  /** The value when none is given; it means nothing when the parameter is required. */
  readonly defaultValue: string;
  /** Whether a later build of a workspace may have another value. */
  readonly mutable: boolean;
  /** The only values that are allowed, or, of a list, the only entries; empty means any. */
  readonly options: readonly { readonly name: string; readonly value: string }[];
  readonly validation: {
    /** Has to match somewhere in the value, unless it says `^` and `$`; empty means that any text will do. */
    readonly regex: string;
    /** The smallest and the largest number; null means that there is none. */
    readonly min: number | null;
    readonly max: number | null;
    /** What to say when the regular expression does not match; empty means a sentence of our own. */
    readonly error: string;
  };
};

/** A declared parameter with what people see of it. */
export type DescribedParameter = DeclaredParameter & { readonly displayName: string; readonly description: string };

type Parameter = { readonly name: string; readonly value: string };

/** What is wrong with one parameter, in a sentence that goes on from its name. */
export type ParameterProblem = { readonly name: string; readonly problem: string };

/**
 * What is wrong with the parameters that are given for a build, at most one problem for each. A version that declares
 * no parameters takes any.
 */
export function parameterProblems(
  declared: readonly DeclaredParameter[],
  given: readonly Parameter[],
): ParameterProblem[] {
  if (declared.length === 0) return [];
  const declaredByName = new Map(declared.map((parameter) => [parameter.name, parameter]));
  const namesGiven = new Set(given.map(({ name }) => name));
  const wrong = given.flatMap(({ name, value }) => {
    const parameter = declaredByName.get(name);
    const problem = parameter ? valueProblem(parameter, value) : undeclared(declared);
    return problem === undefined ? [] : [{ name, problem }];
  });
  const missing = declared
    .filter(({ name, required }) => required && !namesGiven.has(name))
    .map(({ name }) => ({ name, problem: "is missing: it has no default, so a value has to be given" }));
  return [...wrong, ...missing];
}

/** The values that a build gets: those that are given and the defaults of the rest, in the order of their names. */
export function resolveParameters(declared: readonly DeclaredParameter[], given: readonly Parameter[]): Parameter[] {
  const defaults = declared.filter(({ required }) => !required);
  const values = new Map(defaults.map(({ name, defaultValue }) => [name, defaultValue]));
  for (const { name, value } of given) values.set(name, value);
  return [...values].map(([name, value]) => ({ name, value })).toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

/** Why a parameter does not take a value, if it does not. */
export function valueProblem(
  parameter: Pick<DeclaredParameter, "type" | "options" | "validation">,
  value: string,
): string | undefined {
  const { type, options, validation } = parameter;
  if (value.length > MAX_VALUE_LENGTH) return `must have at most ${MAX_VALUE_LENGTH} characters`;
  return typeProblem(type, value) ?? optionProblem(type, options, value) ?? validationProblem(type, validation, value);
}

/** Why a regular expression cannot be used, if it cannot. */
export function regexProblem(regex: string): string | undefined {
  const compiled = compile(regex);
  return compiled instanceof RE2JS ? undefined : compiled.problem;
}

function undeclared(declared: readonly DeclaredParameter[]): string {
  return `is not a parameter of this template version, which takes ${listing(declared.map(({ name }) => name))}`;
}

function typeProblem(type: DeclaredParameter["type"], value: string): string | undefined {
  switch (type) {
    case "string":
      return undefined;
    case "number":
      return isDecimal(value) ? undefined : "must be a number, such as 4 or 0.5";
    case "bool":
      return value === "true" || value === "false" ? undefined : "must be true or false";
    case "list(string)":
      return entriesOf(value) ? undefined : 'must be a JSON list of text, such as ["a", "b"]';
  }
}

function optionProblem(
  type: DeclaredParameter["type"],
  options: DeclaredParameter["options"],
  value: string,
): string | undefined {
  const allowed = options.map((option) => option.value);
  if (allowed.length === 0 || allowed.includes(value)) return undefined;
  if (type !== "list(string)") return `must be one of ${listing(allowed)}`;
  const stray = entriesOf(value)?.find((entry) => !allowed.includes(entry));
  return stray === undefined ? undefined : `may list ${listing(allowed)} only`;
}

function validationProblem(
  type: DeclaredParameter["type"],
  { regex, min, max, error }: DeclaredParameter["validation"],
  value: string,
): string | undefined {
  if (type === "number") {
    if (min !== null && Number(value) < min) return `must be at least ${min}`;
    if (max !== null && Number(value) > max) return `must be at most ${max}`;
  }
  if (regex === "") return undefined;
  const compiled = compile(regex);
  if (!(compiled instanceof RE2JS)) {
    return `cannot be checked, because the regular expression that the template gives ${compiled.problem}`;
  }
  return compiled.test(value) ? undefined : error || `must match the regular expression ${regex}`;
}

/**
 * Compiled with RE2, as the templates of the reference expect: its time grows with the length of the value only, so no
 * expression and value can keep the daemon busy.
 */
function compile(regex: string): RE2JS | { readonly problem: string } {
  if (regex.length > MAX_REGEX_LENGTH) return { problem: `has more than ${MAX_REGEX_LENGTH} characters` };
  try {
    return RE2JS.compile(regex);
  } catch (error) {
    const reason = error instanceof Error ? error.message.replace(/^error parsing regexp: /, "") : String(error);
    return { problem: `is invalid: ${reason}` };
  }
}

function isDecimal(value: string): boolean {
  return /^-?\d+(?:\.\d+)?$/.test(value) && Number.isFinite(Number(value));
}

/** The entries of a list that is written as JSON; undefined when it is not one. */
function entriesOf(value: string): string[] | undefined {
  try {
    const parsed: unknown = JSON.parse(value);
    return Array.isArray(parsed) && parsed.every((entry) => typeof entry === "string") ? parsed : undefined;
  } catch {
    return undefined;
  }
}

function listing(words: readonly string[]): string {
  const more = words.length - MAX_LISTED;
  return [...words.slice(0, MAX_LISTED), ...(more > 0 ? [`${more} more`] : [])].join(", ");
}
