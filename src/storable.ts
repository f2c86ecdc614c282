/** What JSON writes for characters that PostgreSQL's `jsonb` cannot hold, and every other escape, to get past it. */
const ESCAPES = /\\(?:(u0000|ud[89a-f][0-9a-f]{2})|.)/g;

/** JSON for a column of type `jsonb`, where zero bytes and halves of characters are refused: each becomes U+FFFD. */
export function storableJson(value: unknown): string {
  return JSON.stringify(value).replaceAll(ESCAPES, (found, refused) => (refused === undefined ? found : "\ufffd"));
}
