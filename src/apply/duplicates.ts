import type { Problem } from "./document.ts";

/**
 * Finds everything that is named twice. It reads the document as given, right or wrong in its other parts, so that
 * all problems of a file can be reported at once.
 */
export function findDuplicates(raw: unknown): Problem[] {
  const organizations = itemsOf(raw, "organizations");
  const users = itemsOf(raw, "users");
  const templates = itemsOf(raw, "templates");
  return [
    ...repeated(organizations, ["organizations"], "name", (item) => lower(item["name"])),
    ...repeated(users, ["users"], "username", (item) => lower(item["username"])),
    ...repeated(users, ["users"], "email", (item) => lower(item["email"])),
    ...users.flatMap((user, index) =>
      repeated(itemsOf(user, "organizations"), ["users", index, "organizations"], "name", (item) =>
        lower(item["name"]),
      ),
    ),
    ...repeated(templates, ["templates"], "name", (item) => {
      const [name, organization] = [lower(item["name"]), lower(item["organization"] ?? "default")];
      return name === undefined || organization === undefined ? undefined : `${organization}/${name}`;
    }),
    ...templates.flatMap((template, index) => {
      const presets = itemsOf(template, "presets");
      const parameters = itemsOf(template, "parameters");
      const path = ["templates", index, "presets"];
      return [
        ...repeated(presets, path, "name", (item) => nameOf(item)),
        ...repeated(presets, path, "default", (item) => (item["default"] === true ? "the default" : undefined)),
        ...repeated(parameters, ["templates", index, "parameters"], "name", (item) => nameOf(item)),
        ...parameters.flatMap((parameter, position) => {
          const options = itemsOf(parameter, "options");
          const optionsPath = ["templates", index, "parameters", position, "options"];
          return [
            ...repeated(options, optionsPath, "name", (item) => nameOf(item)),
            ...repeated(options, optionsPath, "value", (item) => scalar(item["value"])),
          ];
        }),
      ];
    }),
  ];
}

type Item = Readonly<Record<string, unknown>>;

/** One problem for each item whose key another item before it has too. */
function repeated(
  items: readonly Item[],
  path: readonly (string | number)[],
  field: string,
  keyOf: (item: Item) => string | undefined,
): Problem[] {
  const first = new Map<string, number>();
  return items.flatMap((item, index) => {
    const key = keyOf(item);
    if (key === undefined) return [];
    const earlier = first.get(key);
    if (earlier === undefined) {
      first.set(key, index);
      return [];
    }
    const message = `is there twice: ${JSON.stringify(key)} is also entry ${earlier} of this list`;
    return [{ path: [...path, index, field], message, atKey: false }];
  });
}

/** The items of the list at a key, each as a map; of anything else none. */
export function itemsOf(value: unknown, key: string): Item[] {
  const list = isItem(value) ? value[key] : undefined;
  return Array.isArray(list) ? list.map((item) => (isItem(item) ? item : {})) : [];
}

/** Whether this is a map. */
export function isItem(value: unknown): value is Item {
  return typeof value === "object" && value !== null;
}

function nameOf({ name }: Item): string | undefined {
  return typeof name === "string" ? name : undefined;
}

/** Values of parameters are text, so the number 4 is the same as the text. */
function scalar(value: unknown): string | undefined {
  return ["string", "number", "boolean"].includes(typeof value) ? String(value) : undefined;
}

function lower(value: unknown): string | undefined {
  return typeof value === "string" ? value.toLowerCase() : undefined;
}
