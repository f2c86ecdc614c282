import { type Html, html } from "./html.ts";

/** How full a pool was at a time. */
export type Level = { readonly at: number; readonly ready: number; readonly desired: number };

/** How far back the picture goes. */
export const SHOWN_MS = 3_600_000;
/** Where nothing was noted for longer than this, the line has a gap. */
const GAP_MS = 150_000;
const WIDTH = 120;
const HEIGHT = 24;
/** So that lines at the edge are as thick as others. */
const MARGIN = 1.5;

/**
 * The last hour of a pool as a picture: what was ready as a line above its area, what there was to be as a dashed one.
 * It depends on the levels only, and is the same as long as nothing in it changes.
 */
export function sparkline(levels: readonly Level[]): Html {
  const last = levels.at(-1);
  if (!last) return html`<span class="none">no history yet</span>`;
  const highest = Math.max(1, ...levels.map(({ ready, desired }) => Math.max(ready, desired)));
  const x = ({ at }: Level) => round(WIDTH * (1 - (last.at - at) / SHOWN_MS));
  const y = (count: number) => round(MARGIN + (HEIGHT - 2 * MARGIN) * (1 - count / highest));
  const runs = runsOf(levels);
  const line = (of: (level: Level) => number) => runs.map((run) => steps(run, x, (level) => y(of(level)))).join("");
  const area = runs
    .map((run) => `${steps(run, x, ({ ready }) => y(ready))}V${HEIGHT}H${run[0] ? x(run[0]) : 0}Z`)
    .join("");
  return html`<svg class="spark" viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}" height="${HEIGHT}" role="img" aria-label="${inWords(levels, last)}"><path class="area" d="${area}"/><path class="wanted" d="${line(({ desired }) => desired)}"/><path class="ready" d="${line(({ ready }) => ready)}"/></svg>`;
}

/** The levels between gaps. */
function runsOf(levels: readonly Level[]): Level[][] {
  const runs: Level[][] = [];
  let before: Level | undefined;
  for (const level of levels) {
    if (!before || level.at - before.at > GAP_MS) runs.push([]);
    runs.at(-1)?.push(level);
    before = level;
  }
  return runs;
}

/** A path that is level between two levels, and leaves out what does not change it. */
function steps(run: readonly Level[], x: (level: Level) => number, y: (level: Level) => number): string {
  let path = "";
  let height: number | undefined;
  for (const level of run) {
    const next = y(level);
    if (next === height) continue;
    path += height === undefined ? `M${x(level)} ${next}` : `H${x(level)}V${next}`;
    height = next;
  }
  const last = run.at(-1);
  return last ? `${path}H${x(last)}` : path;
}

function inWords(levels: readonly Level[], last: Level): string {
  const ready = levels.map((level) => level.ready);
  const [least, most] = [Math.min(...ready), Math.max(...ready)];
  const range = least === most ? `${least}` : `${least} to ${most}`;
  return `Last hour: ${range} ready, ${last.ready} of ${last.desired} in the end`;
}

const round = (value: number) => Math.round(value * 10) / 10;
