import type { Spread } from "./measure.ts";

/** What a figure must reach, in words, and whether it does. */
export type Target = { readonly text: string; readonly met: boolean };

/** One figure with its relation to the baseline, and whether it is good enough where that is laid down. */
export type Row = {
  readonly name: string;
  readonly value: Spread;
  readonly unit: "ms" | "µs" | "s" | "per s" | "MB" | "MB/min" | "prebuilds";
  /** The figure divided by the baseline's; the baseline itself has none. */
  readonly ratio?: Spread;
  readonly details?: string;
  readonly target?: Target;
};

/** How one figure grows with another one; it is drawn as a plot. */
export type Curve = {
  /** The plot's file name without its ending, and its anchor. */
  readonly name: string;
  readonly title: string;
  /** What grows, for instance "pools". Logarithmic unless it is time. */
  readonly x: { readonly label: string; readonly scale: "log" | "linear" };
  readonly y: { readonly label: string; readonly unit: Row["unit"]; readonly scale: "log" | "linear" };
  readonly series: readonly {
    readonly name: string;
    readonly points: readonly { readonly x: number; readonly value: Spread }[];
  }[];
  /** Why it bends where it does, in a sentence or two; where it does not, says so. */
  readonly explanation: string;
};

/** All figures about one subject. */
export type Table = {
  readonly subject: string;
  readonly title: string;
  readonly baseline: string;
  readonly rows: readonly Row[];
  readonly curves?: readonly Curve[];
};

/** A figure that must not be below (`least`) or above (`most`) a limit. */
export function target(what: string, value: number, limit: { least: number } | { most: number }): Target {
  if ("least" in limit) return { text: `${what} ≥ ${limit.least}`, met: value >= limit.least };
  return { text: `${what} ≤ ${limit.most}`, met: value <= limit.most };
}

/** A table as a person reads it. */
export function formatTable({ title, baseline, rows }: Table): string {
  const heading = ["", "median", "min–max", "ratio", "min–max", "", "target"];
  const lines = rows.map((row) => [
    row.name,
    `${short(row.value.median)} ${row.unit === "per s" ? "/s" : row.unit}`,
    `${short(row.value.min)}–${short(row.value.max)}`,
    row.ratio ? short(row.ratio.median) : "",
    row.ratio ? `${short(row.ratio.min)}–${short(row.ratio.max)}` : "",
    row.details ?? "",
    row.target ? `${row.target.text}${row.target.met ? "" : "  MISSED"}` : "",
  ]);
  const widths = heading.map((_, column) => Math.max(...[heading, ...lines].map((line) => line[column]?.length ?? 0)));
  const aligned = [heading, ...lines].map((line) =>
    line
      .map((cell, column) =>
        column > 0 && column < 5 ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0),
      )
      .join("  ")
      .trimEnd(),
  );
  return `\n## ${title}\nratio: to ${baseline}\n${aligned.join("\n")}\n`;
}

/** Three digits are more than any of this is exact to. */
export function short(value: number): string {
  if (value >= 100) return value.toFixed(0);
  return value >= 10 ? value.toFixed(1) : value.toFixed(2);
}
