import { z } from "zod";
import { type DescribedParameter, PARAMETER_TYPES, regexProblem, valueProblem } from "../templates/parameters.ts";
import { label, listOf, parameterValue, rule, text } from "./fields.ts";

/** What the columns of the smallest and the largest number can hold. */
const BOUND = { min: -(2 ** 31), max: 2 ** 31 - 1 } as const;

const bound = rule<number>(
  `must be a whole number from ${BOUND.min} to ${BOUND.max}`,
  (value) => Number.isInteger(value) && Number(value) >= BOUND.min && Number(value) <= BOUND.max,
);

const regularExpression = text(512).superRefine((value, context) => {
  const problem = regexProblem(value);
  if (problem !== undefined) context.addIssue({ code: "custom", message: problem });
});

const declaration = z
  .strictObject({
    name: label(128),
    display_name: text(128).default(""),
    description: text(2_048).default(""),
    type: z.enum(PARAMETER_TYPES).default("string"),
    default: parameterValue.optional(),
    mutable: z.boolean().default(true),
    options: listOf(z.strictObject({ name: label(128), value: parameterValue })).default([]),
    validation: z
      .strictObject({
        regex: regularExpression.optional(),
        error: text(1_024).optional(),
        min: bound.optional(),
        max: bound.optional(),
      })
      .default({}),
  })
  .superRefine((given, context) => {
    for (const [path, message] of contradictions(given)) context.addIssue({ code: "custom", path: [...path], message });
  });

type Declaration = z.output<typeof declaration>;

/** The parameters that a template declares; none means that it takes any. */
export const declarations = listOf(declaration).default([]);

/** The parameters of a preset: names and values, which are text whatever they look like. */
export const presetParameters = z
  .record(label(128), parameterValue, { error: "must be a map of names to values" })
  .default({});

/** What a template's version declares, from what the document says of it. */
export function describedParameter(given: Declaration): DescribedParameter {
  const { regex = "", error = "", min = null, max = null } = given.validation;
  return {
    name: given.name,
    displayName: given.display_name,
    description: given.description,
    type: given.type,
    mutable: given.mutable,
    required: given.default === undefined,
    defaultValue: given.default ?? "",
    options: given.options,
    validation: { regex, error, min, max },
  };
}

/** What the document says of a parameter that a version declares: the reverse of `describedParameter`. */
export function declarationOf(parameter: DescribedParameter): z.input<typeof declaration> {
  const { regex, error, min, max } = parameter.validation;
  return {
    name: parameter.name,
    display_name: parameter.displayName,
    description: parameter.description,
    type: parameter.type,
    mutable: parameter.mutable,
    ...(parameter.required ? {} : { default: parameter.defaultValue }),
    options: [...parameter.options],
    validation: {
      ...(regex === "" ? {} : { regex }),
      ...(error === "" ? {} : { error }),
      ...(min === null ? {} : { min }),
      ...(max === null ? {} : { max }),
    },
  };
}

/** What of a declaration cannot be true together. */
function* contradictions(given: Declaration): Generator<readonly [path: readonly (string | number)[], says: string]> {
  const { regex, error, min, max } = given.validation;
  for (const key of ["min", "max"] as const) {
    if (given.validation[key] !== undefined && given.type !== "number") {
      yield [["validation", key], "is for parameters of the type number only"];
    }
  }
  if (min !== undefined && max !== undefined && min > max) {
    yield [["validation", "max"], `must not be below min, which is ${min}`];
  }
  if (error !== undefined && regex === undefined) {
    yield [["validation", "error"], "says what is wrong when regex does not match: add regex, or leave this out"];
  }
  const parameter = describedParameter(given);
  for (const [index, { value }] of given.options.entries()) {
    // The options of a list may also be its entries, which are any text.
    const problem = given.type === "list(string)" ? undefined : valueProblem({ ...parameter, options: [] }, value);
    if (problem !== undefined) yield [["options", index, "value"], `could never be chosen: it ${problem}`];
  }
  const problem = parameter.required ? undefined : valueProblem(parameter, parameter.defaultValue);
  if (problem !== undefined) yield [["default"], problem];
}
