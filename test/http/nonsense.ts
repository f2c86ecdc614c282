import { pick, type Random } from "./schema-values.ts";

/** Text that programs trip over: in other scripts, half characters, and what some language takes for its own. */
export const TRAPS = [
  "",
  " ",
  "\0",
  "a\0b",
  "\ud800",
  "x\udc00y",
  "\u202eevil\u202c",
  "👩‍👩‍👧‍👦",
  "e\u0301\u0301\u0301",
  "ａｄｍｉｎ",
  "İstanbul",
  "ß",
  "\r\nset-cookie: a=b",
  "\u2028",
  "\ufeff",
  "\uffff",
  "'",
  "' or 1=1 --",
  '"; drop table users; --',
  "\\",
  "%",
  "%s%n",
  "_",
  "$1",
  "{}",
  "../../etc/passwd",
  "__proto__",
  "constructor",
  "toString",
  "null",
  "undefined",
  "NaN",
  "true",
  "-1",
  "1e999",
  "0x10",
  "99999999999999999999",
  "2025-02-31",
  "+275760-09-13T00:00:00.001Z",
  "-000001-01-01T00:00:00Z",
  "0000-00-00",
  "00000000-0000-0000-0000-000000000000",
  "FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF",
  "{00000000-0000-4000-8000-000000000000}",
  "me",
  "prebuilds",
  "default",
  "*:*",
  "owner:me owner:you",
  'name:"',
  ":",
] as const;

const VALUES = [
  null,
  true,
  false,
  0,
  -0,
  -1,
  1.5,
  1e-7,
  2_147_483_647,
  2_147_483_648,
  -2_147_483_649,
  2 ** 53,
  2 ** 63,
  1e308,
  [],
  {},
  [[]],
  [null],
  { "": "" },
  { length: 1 },
  { toString: 1 },
] as const;

/** Something that hardly any field takes. */
export function nonsense(random: Random): unknown {
  const kind = random();
  if (kind < 0.5) return pick(random, TRAPS);
  if (kind < 0.85) return pick<unknown>(random, VALUES);
  const size = pick(random, [33, 255, 1_025, 9_000, 300_000]);
  return pick<() => unknown>(random, [
    () => "x".repeat(size),
    () => "é👍".repeat(Math.ceil(size / 3)),
    () => Array.from({ length: size / 30 }, () => "x"),
    () => nested(Math.min(size, 1_000)),
    () => Object.fromEntries(Array.from({ length: size / 30 }, (_, index) => [`field-${index}`, index])),
  ])();
}

function nested(depth: number): unknown {
  let value: unknown = 1;
  for (let level = 0; level < depth; level += 1) value = level % 2 ? [value] : { a: value };
  return value;
}

/** The value with nonsense somewhere in it, with something more, or with something missing. */
export function spoiled(random: Random, value: unknown): unknown {
  if (typeof value !== "object" || value === null || random() < 0.1) return nonsense(random);
  const copy: Record<string, unknown> | unknown[] = Array.isArray(value) ? [...value] : { ...value };
  const [first, ...others] = Object.keys(copy);
  if (first === undefined || random() < 0.1) {
    return Array.isArray(copy) ? [...copy, nonsense(random)] : { ...copy, [pick(random, TRAPS)]: nonsense(random) };
  }
  const key = pick(random, [first, ...others]);
  if (random() < 0.1) Reflect.deleteProperty(copy, key);
  else Reflect.set(copy, key, spoiled(random, Reflect.get(copy, key)));
  return copy;
}
