const ID_LENGTH = 10;
const SECRET_LENGTH = 22;

/** The two halves of a token: the id finds its row, the secret proves that the holder was given it. */
type TokenParts = { readonly id: string; readonly secret: string };

/** Letters and digits only, so that a token survives URLs, shells and double clicks. */
export const TOKEN_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/** How long both halves of a token are: 22 characters of 62 are 131 bits that nobody guesses. */
export const TOKEN_LENGTHS = { id: ID_LENGTH, secret: SECRET_LENGTH } as const;

const TOKEN = new RegExp(`^([A-Za-z0-9]{${ID_LENGTH}})-([A-Za-z0-9]{${SECRET_LENGTH}})$`);

/** Takes a token apart; undefined when the text cannot be one. */
export function parseToken(text: string): TokenParts | undefined {
  const [, id, secret] = TOKEN.exec(text) ?? [];
  return id === undefined || secret === undefined ? undefined : { id, secret };
}

/** Puts a token together. */
export function formatToken(parts: TokenParts): string {
  return `${parts.id}-${parts.secret}`;
}

/** The id in a token that was put together here. */
export function tokenIdOf(token: string): string {
  return token.slice(0, ID_LENGTH);
}
