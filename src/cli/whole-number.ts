import { InvalidArgumentError } from "commander";

/** Reads an option that is a whole number from 1 to `most`. */
export const wholeNumber = (most: number) => (given: string) => {
  const number = Number(given);
  if (/^\d+$/.test(given) && given.length <= String(most).length && number >= 1 && number <= most) return number;
  throw new InvalidArgumentError(`It must be a whole number from 1 to ${most}.`);
};
