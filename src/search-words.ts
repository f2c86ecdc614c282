/** One word of a search: `owner:me`, `name:"dev box"`, or without a key `dev`. */
export type SearchWord = { readonly key: string | undefined; readonly value: string };

/** Takes a search apart; keys are in small letters, and quotes keep words together. */
export function searchWords(text: string): SearchWord[] {
  return Array.from(text.matchAll(/(?:([^\s:"]+):)?(?:"([^"]*)"|(\S+))/g), ([, key, quoted, plain]) => ({
    key: key?.toLowerCase(),
    value: quoted ?? plain ?? "",
  }));
}
