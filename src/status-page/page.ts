import { instantText } from "../cli/words.ts";
import type { PoolView } from "../prebuilds/status.ts";
import { type Addresses, documentOf, SIGN_OUT } from "./document.ts";
import { type Html, html } from "./html.ts";
import { button } from "./pool-row.ts";
import { headlineOf, orderOf, sentenceOf, stateOf, titleOf, totalsOf } from "./pool-state.ts";
import type { RecentPass, RecentRequest } from "./recent.ts";

/** What one viewer is shown: only what they may see. */
export type View = {
  readonly username: string;
  /** When it was read. */
  readonly at: Date;
  readonly pools: readonly { readonly pool: PoolView; readonly row: Html }[];
  readonly lastPass: { readonly replica: string | null; readonly endedAt: Date } | null;
  readonly allPaused: boolean;
  readonly maySteerAll: boolean;
  /** Null when they are not for the viewer. */
  readonly passes: readonly RecentPass[] | null;
  readonly requests: readonly RecentRequest[];
  /** How many starts may be under way at once; 0: no limit. */
  readonly maxInFlight: number;
};

/** The parts of the page that are sent again when they change, by the id of the element that they are in. */
export type Parts = Readonly<Record<"sentence" | "totals" | "steering" | "passes" | "requests", Html>> & {
  readonly title: string;
};

/** What the viewer has asked the table to show, where no script does it. */
export type Filter = { readonly text: string; readonly troubled: boolean };

/** The parts of the page beside its rows. */
export function partsOf(view: View): Parts {
  const totals = totalsOf(view.pools.map(({ pool }) => pool));
  return {
    title: `${headlineOf(totals)} · prebuildd`,
    sentence: html`${sentenceOf(totals)}`,
    totals: totalsList(view, totals),
    steering: html`${view.maySteerAll && button(view.allPaused ? "/pools/resume" : "/pools/pause", view.allPaused ? "resume all" : "pause all", "pools")}`,
    passes: view.passes ? passesTable(view.passes) : html``,
    requests: requestsTable(view.requests),
  };
}

function totalsList({ lastPass, maxInFlight, allPaused }: View, totals: ReturnType<typeof totalsOf>): Html {
  const item = (name: string, value: Html | string | number, note: Html | string | false = false) =>
    html`<div><dt>${name}</dt><dd><b>${value}</b>${note && html` <span>${note}</span>`}</dd></div>`;
  return html`<dl>
${item("Full", totals.byState.full, `of ${totals.pools} pools`)}
${item("Ready", totals.ready, `of ${totals.desired} wanted`)}
${item("Missing", totals.missing)}
${item("Building", totals.building, maxInFlight > 0 && `of ${maxInFlight} at most`)}
${item("Failing", totals.failing)}
${item("Last pass", lastPass ? time(lastPass.endedAt, true) : "none yet", lastPass?.replica ? `by ${lastPass.replica}` : allPaused && "all pools are paused")}
</dl>`;
}

/** The whole page, as it is before any script runs; without one it reads itself anew now and then. */
export function statusPage(
  addresses: Addresses,
  view: View,
  shown: Filter,
  given: { since: string; message?: string | undefined },
): string {
  const parts = partsOf(view);
  const pools = view.pools.toSorted((a, b) => (orderOf(a.pool) < orderOf(b.pool) ? -1 : 1));
  const again = new URLSearchParams({
    ...(shown.text === "" ? {} : { q: shown.text }),
    ...(shown.troubled ? { troubled: "1" } : {}),
  });
  const address = again.size === 0 ? "/" : `/?${again}`;
  const isHidden = ({ pool }: View["pools"][number]) =>
    (shown.troubled && stateOf(pool) === "full") ||
    !shown.text
      .toLowerCase()
      .split(/\s+/)
      .every((word) => titleOf(pool).toLowerCase().includes(word));
  const rows = pools.filter((pool) => !isHidden(pool)).map(({ row }) => row);
  const rest = pools.filter(isHidden).map(({ row }) => row);
  return documentOf(addresses, {
    title: parts.title,
    live: true,
    head: html`<noscript><meta http-equiv="refresh" content="30;url=${address}"></noscript>`,
    body: html`<a class="skip" href="#pools">Skip to the pools</a>
<header><h1>prebuildd</h1><p id="connection" role="alert"></p><div class="who"><span>${view.username}</span>${SIGN_OUT}</div></header>
<main data-since="${given.since}" data-at="${view.at.toISOString()}">
<p id="sentence" role="status" aria-live="polite">${parts.sentence}</p>
<div id="totals">${parts.totals}</div>
<p id="message" role="status">${given.message}</p>
<section aria-labelledby="pools-title">
<div class="bar"><h2 id="pools-title">Pools</h2>
<form id="filter" method="get" action="/" role="search"><label class="unseen" for="q">Show pools whose name contains</label><input id="q" name="q" type="search" placeholder="Filter by name" value="${shown.text}" maxlength="200" autocomplete="off" spellcheck="false"><label class="check"><input type="checkbox" name="troubled" value="1"${shown.troubled && html` checked`}> only those that are not full</label><noscript><button>Show</button> <a href="${address}">Refresh</a></noscript></form>
<div id="steering">${parts.steering}</div></div>
<table id="pools" tabindex="-1" role="table">
<caption class="unseen">Every pool, the most urgent first: its state, its prebuilds, and how many were ready in the last hour</caption>
<thead role="rowgroup"><tr role="row">${["Pool", "State", "Ready", "Wanted", "Building", "Failing", "Last hour"].map(
      (name, index) =>
        html`<th role="columnheader" scope="col"${index > 1 && index < 6 && html` class="number"`}>${name}</th>`,
    )}<th role="columnheader" scope="col"><span class="unseen">What can be done</span></th></tr></thead>
<tbody role="rowgroup">
${rows}
</tbody>
<tbody role="rowgroup" hidden>
${rest}
</tbody>
</table>
<p id="nothing"${rows.length > 0 && html` hidden`}>${pools.length === 0 ? "There are no pools that you may see. A preset gets one with prebuilds in the apply file." : "No pool matches the filter."}</p>
</section>
<div class="recent"><div id="passes">${parts.passes}</div><div id="requests">${parts.requests}</div></div>
</main>
<footer>Times are UTC. As of <time id="as-of" datetime="${view.at.toISOString()}">${clockText(view.at)}</time>.</footer>`,
  });
}

function passesTable(passes: readonly RecentPass[]): Html {
  const rows = passes.map(({ startedAt, replica, durationMs, actions, failures, pools }) => {
    const did = actions.map(
      ({ kind, reason, count }) => `${kind.replaceAll("_", " ")} ${count} (${reason.replaceAll("_", " ")})`,
    );
    const failed = failures === 0 ? [] : [pools === 0 && actions.length === 0 ? "failed" : `${failures} not done`];
    const what = [...did, ...failed].join(", ") || "nothing to do";
    return html`<tr><td>${time(startedAt)}</td><td class="replica">${replica}</td><td class="number">${duration(durationMs)}</td><td${failures > 0 && html` class="some"`}>${what}</td></tr>`;
  });
  return table("Last passes", ["Began", "Replica", "Took", "Did"], rows, "No pass in the last hour.");
}

function requestsTable(requests: readonly RecentRequest[]): Html {
  const rows = requests.map(({ at, pool, result, durationMs }) => {
    const name = pool ? titleOf(pool) : "no preset";
    // Nobody waits for a daemon where a prebuild is claimed in SQL, so there is nothing to measure.
    const took = durationMs === 0 ? "in SQL" : duration(durationMs);
    return html`<tr><td>${time(at)}</td><td>${name}</td><td class="number">${took}</td><td${result !== "claimed" && html` class="some"`}>${result.replaceAll("_", " ")}</td></tr>`;
  });
  return table("Last requests", ["Asked", "Pool", "Took", "Result"], rows, "No request in the last hour.");
}

function table(caption: string, headings: readonly string[], rows: readonly Html[], none: string): Html {
  if (rows.length === 0) return html`<h2>${caption}</h2><p class="hint">${none}</p>`;
  const heads = headings.map((name) => html`<th scope="col"${name === "Took" && html` class="number"`}>${name}</th>`);
  return html`<table class="list"><caption><h2>${caption}</h2></caption><thead><tr>${heads}</tr></thead><tbody>${rows}</tbody></table>`;
}

/** A time that a script may replace by how long ago it is. */
function time(at: Date, isCounted = false): Html {
  return html`<time datetime="${at.toISOString()}" title="${instantText(at.toISOString())}"${isCounted && html` data-ago`}>${clockText(at)}</time>`;
}

const clockText = (at: Date) => at.toISOString().slice(11, 19);

function duration(ms: number): string {
  if (ms < 1_000) return `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`;
  return `${(ms / 1_000).toFixed(1)} s`;
}
