/** How a figure changes in a unit of time, and the standard error of that. */
export type Slope = { readonly perUnit: number; readonly standardError: number };

/** The line through some points with the least squares. */
export function slopeOf(points: readonly { readonly x: number; readonly y: number }[]): Slope {
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const middle = { x: mean(points.map(({ x }) => x)), y: mean(points.map(({ y }) => y)) };
  const spread = points.reduce((sum, { x }) => sum + (x - middle.x) ** 2, 0);
  const perUnit = points.reduce((sum, { x, y }) => sum + (x - middle.x) * (y - middle.y), 0) / spread;
  const squares = points.reduce((sum, { x, y }) => sum + (y - middle.y - perUnit * (x - middle.x)) ** 2, 0);
  return { perUnit, standardError: Math.sqrt(squares / (points.length - 2) / spread) };
}
