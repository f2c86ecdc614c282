/** One thing to tell of somebody or something, in a form that can be compared. */
export type Telling = { readonly about: string; readonly says: string };

/**
 * Remembers what was told last of each thing, and answers with what is new: of which nothing was told the last time, or
 * something else. What is left out once is new when it comes again.
 */
export function createNews<T extends Telling>(): (current: readonly T[]) => T[] {
  let told: ReadonlyMap<string, string> = new Map();
  return (current) => {
    const news = current.filter(({ about, says }) => told.get(about) !== says);
    told = new Map(current.map(({ about, says }) => [about, says]));
    return news;
  };
}
