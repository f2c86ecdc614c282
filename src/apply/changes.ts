import { isDeepStrictEqual } from "node:util";

/** What applying did to one object. */
export type AppliedObject = {
  readonly kind: "organization" | "user" | "member" | "template" | "template_version" | "preset";
  readonly id: string;
  /** What the object is called: `alice`, `alice in default`, `default/devbox`, `default/devbox: small`. */
  readonly name: string;
  readonly change: "created" | "updated" | "unchanged";
  /** The settings that an update changed. */
  readonly settings: readonly string[];
};

export type Writes<T> = { readonly insert: readonly T[]; readonly update: readonly T[] };

export type PlanOptions = {
  readonly newId: () => string;
  /** The name of each template's version, in the document's order. */
  readonly versionNames: readonly string[];
};

/** A setting's name, what it is and what it should be; undefined means that it stays as it is. */
export type Comparison = readonly [name: string, current: unknown, wanted: unknown];

/** The names of the settings that are to change. */
export function changedSettings(comparisons: readonly Comparison[]): string[] {
  return comparisons
    .filter(([, current, wanted]) => wanted !== undefined && !isDeepStrictEqual(current, wanted))
    .map(([name]) => name);
}

/** The sentence for an organization that neither the database nor the document has. */
export function unknownOrganization(name: string): string {
  return `there is no organization ${name}; list it under organizations to create it`;
}

/** How an object that was there already is reported. */
export function changeOf(settings: readonly string[]): Pick<AppliedObject, "change" | "settings"> {
  return { change: settings.length > 0 ? "updated" : "unchanged", settings };
}
