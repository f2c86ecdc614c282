import { MAX_MICROS, MICROS_PER_DOLLAR } from "./amount.ts";

const DECIMALS = 6;
const AMOUNT = new RegExp(`^\\$?(\\d+)(?:\\.(\\d{1,${DECIMALS}}))?$`);

/** An amount in micros as text that says all of it: `$12.50`, `$0.000001`. */
export function exactDollars(micros: number): string {
  const rest = micros % MICROS_PER_DOLLAR;
  const fraction = String(rest)
    .padStart(DECIMALS, "0")
    .replace(/0{1,4}$/, "");
  return `$${(micros - rest) / MICROS_PER_DOLLAR}.${fraction}`;
}

/** The largest amount, as text without the dollar sign. */
export const MAX_DOLLARS = exactDollars(MAX_MICROS).slice(1);

/**
 * Reads an amount such as `50`, `12.50` or `$0.000001`.
 * @returns micros; undefined when the text is no amount, says parts of a micro, or is too much
 */
export function parseDollars(text: string): number | undefined {
  const [, whole, fraction = ""] = AMOUNT.exec(text) ?? [];
  if (whole === undefined) return undefined;
  const micros = BigInt(`${whole}${fraction.padEnd(DECIMALS, "0")}`);
  return micros <= BigInt(MAX_MICROS) ? Number(micros) : undefined;
}
