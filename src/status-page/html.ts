/** Text that is HTML already: what `html` has made. Nothing else can be one, so nothing goes into a page unescaped. */
export class Html {
  readonly #text: string;

  private constructor(text: string) {
    this.#text = text;
  }

  /** Fills the holes of a template; see `html`. */
  static of(parts: readonly string[], holes: readonly Hole[]): Html {
    return new Html(parts.reduce((text, part, index) => text + textOf(holes[index - 1]) + part));
  }

  toString(): string {
    return this.#text;
  }
}

/** What a template may be filled with: `false`, `null` and `undefined` are nothing, lists are what they hold in a row. */
export type Hole = Html | string | number | false | null | undefined | readonly Hole[];

const ESCAPES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

function textOf(hole: Hole): string {
  if (hole === false || hole === null || hole === undefined) return "";
  if (hole instanceof Html) return hole.toString();
  if (typeof hole === "object") return hole.map(textOf).join("");
  return String(hole).replaceAll(/[&<>"']/g, (character) => ESCAPES[character] ?? "");
}

/**
 * HTML in which every value is escaped that is not HTML itself. Holes are for text and for the values of attributes, which
 * always stand between double quotes; never for names, nor within scripts and styles, of which the page has none.
 */
export function html(parts: TemplateStringsArray, ...holes: readonly Hole[]): Html {
  return Html.of(parts, holes);
}
