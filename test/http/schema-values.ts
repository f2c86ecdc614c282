import type { Schema } from "./api-routes.ts";

/** A number from 0 up to, but not including, 1. */
export type Random = () => number;

/** One of the list, each as likely as any other. */
export function pick<T>(random: Random, list: readonly [T, ...T[]]): T {
  return list[Math.floor(random() * list.length)] ?? list[0];
}

/** Text that some field or other takes; what does not fit a field's pattern is not taken for it. */
const TEXTS: readonly [string, ...string[]] = [
  "mine",
  "devbox",
  "dev-2",
  "default",
  "carol@example.com",
  "Some words, and more.",
  "30 9 * * 1-5",
  "2025-06-02T09:00:00Z",
  "2025-06-02",
  "YWJj",
  "workspace:read",
  "00000000-0000-4000-8000-0000000000ff",
  "",
];

/** What there is that a value can name. */
export type Known = {
  readonly names: readonly string[];
  /** What is meant in fields of a name, such as `template_id`. */
  readonly fields: Readonly<Record<string, readonly [string, ...string[]]>>;
};

/** A value that fits the schema, as far as its keywords say; ids and names are mostly those of what there is. */
export function plausible(random: Random, schema: Schema, known: Known, field = ""): unknown {
  const again = (inner: Schema, of = field) => plausible(random, inner, known, of);
  const variants = schema.anyOf ?? schema.oneOf;
  if (variants?.[0]) return again(pick(random, [variants[0], ...variants.slice(1)]));
  if (schema.const !== undefined) return schema.const;
  if (schema.enum) return schema.enum[Math.floor(random() * schema.enum.length)];
  switch (schema.type) {
    case "object":
      if (typeof schema.additionalProperties === "object") return entries(random, schema.additionalProperties, known);
      return Object.fromEntries(
        Object.entries(schema.properties ?? {})
          .filter(([name]) => schema.required?.includes(name) || random() < 0.5)
          .map(([name, inner]) => [name, again(inner, name)]),
      );
    case "array":
      return Array.from({ length: Math.floor(random() * 3) }, () => again(schema.items ?? {}));
    case "boolean":
      return random() < 0.5;
    case "null":
      return null;
    case "integer":
    case "number":
      return numberFor(random, schema);
    case "string":
      return known.fields[field] && random() < 0.8
        ? pick(random, known.fields[field])
        : textFor(random, schema, known.names);
    default:
      return pick<unknown>(random, [null, {}, [], "x", 1, { name: "x" }]);
  }
}

/** An object whose fields may have any names, such as ids. */
function entries(random: Random, of: Schema, known: Known): object {
  const [first = "", ...others] = known.names;
  const names = Array.from({ length: Math.floor(random() * 3) }, () => pick(random, [first, ...others]));
  return Object.fromEntries(names.map((name) => [name, plausible(random, of, known)]));
}

function numberFor(random: Random, { minimum = 0, maximum = minimum + 100 }: Schema): number {
  return pick(random, [minimum, maximum, minimum + Math.floor(random() * Math.min(maximum - minimum, 100))]);
}

function textFor(
  random: Random,
  { pattern, format, minLength = 0, maxLength }: Schema,
  names: readonly string[],
): string {
  const fits = (text: string) =>
    (pattern === undefined || new RegExp(pattern, "u").test(text)) &&
    text.length >= minLength &&
    text.length <= (maxLength ?? Number.POSITIVE_INFINITY) &&
    (format !== "date-time" || text.includes("T"));
  const [first, ...others] = [...names, ...TEXTS].filter(fits);
  return first === undefined ? "x".repeat(Math.max(minLength, 1)) : pick(random, [first, ...others]);
}
