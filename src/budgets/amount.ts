/** How many micros make one unit of the currency, which is shown as the US dollar. */
export const MICROS_PER_DOLLAR = 1_000_000;

/** The largest amount in micros: the largest whole number that JSON and JavaScript can say exactly. */
export const MAX_MICROS = Number.MAX_SAFE_INTEGER;

/** An amount as text, such as `$12.50`; what is less than half a cent is not shown. */
export function dollars(micros: number): string {
  const cents = (BigInt(micros) + 5_000n) / 10_000n;
  return `$${cents / 100n}.${String(cents % 100n).padStart(2, "0")}`;
}
