const UNITS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** Milliseconds of a duration such as `90s`, `5m` or `1h30m`; undefined when it is not one. */
export function parseDuration(text: string): number | undefined {
  if (text === "0") return 0;
  if (!/^(\d+(ms|s|m|h|d))+$/.test(text)) return undefined;
  let total = 0;
  for (const [, count, unit] of text.matchAll(/(\d+)(ms|s|m|h|d)/g)) {
    total += Number(count) * UNITS[unit as keyof typeof UNITS];
  }
  return Number.isSafeInteger(total) ? total : undefined;
}

/** Milliseconds as people write them, such as `1h30m`, which `parseDuration` reads. */
export function durationText(ms: number): string {
  let rest = ms;
  const parts = Object.entries(UNITS)
    .toReversed()
    .map(([unit, size]) => {
      const count = Math.floor(rest / size);
      rest -= count * size;
      return count === 0 ? "" : `${count}${unit}`;
    });
  return parts.join("") || "0";
}
