import { notesAbout, pauseText } from "../cli/pool-notes.ts";
import { instantText, oneLine, reasonsInWords } from "../cli/words.ts";
import type { PoolView } from "../prebuilds/status.ts";
import type { SteeringVerb } from "../prebuilds/steer.ts";
import { type Html, html } from "./html.ts";
import { orderOf, stateOf, titleOf } from "./pool-state.ts";
import type { PoolRights } from "./sight.ts";

/** The most failures that one row tells of. */
const SHOWN_FAILURES = 3;

/** A state as the page shows it: a shape and the word. */
const mark = (state: string): Html =>
  html`<span class="mark ${state}"><svg aria-hidden="true" width="14" height="14"><use href="#mark-${state}"/></svg> ${state}</span>`;

/**
 * One pool as a row of the table. It says its roles, because narrow windows show it as a card, and browsers forget that
 * what is not laid out as a table is one.
 */
export function poolRow(pool: PoolView, spark: Html, rights: PoolRights): Html {
  const state = stateOf(pool);
  const failing = pool.failed + pool.delete_failed;
  const { organization_name, template_name, preset_name } = pool;
  return html`<tr role="row" id="pool-${pool.preset_id}" class="pool ${state}" data-state="${state}" data-order="${orderOf(pool)}">
<th role="rowheader" scope="row"><span class="name"><span class="organization">${organization_name}/</span>${template_name}/<b>${preset_name}</b></span>${why(pool, rights)}</th>
<td role="cell" class="state">${mark(state)}</td>
<td role="cell" class="number ready" data-label="ready">${pool.eligible}</td>
<td role="cell" class="number" data-label="wanted">${pool.desired}</td>
<td role="cell" class="number${pool.starting === 0 && " zero"}" data-label="building">${pool.starting}</td>
<td role="cell" class="number${failing === 0 ? " zero" : " some"}" data-label="failing">${failing}</td>
<td role="cell" class="hour">${spark}</td>
<td role="cell" class="actions">${rights.steer && buttons(pool)}</td>
</tr>`;
}

/** Why the pool is as it is, in the words of `prebuildd status`. */
function why(pool: PoolView, { logs }: PoolRights): Html[] {
  const { said } = notesAbout(pool, pool.desired);
  const reasons = reasonsInWords(pool.reasons);
  const words = [...(reasons === "" ? [] : [reasons]), ...said, ...(pool.active ? [] : ["no longer kept"])];
  const paused = pool.paused?.scope === "all" ? [`all pools ${pauseText(pool.paused)}`] : [];
  return [
    ...[...words, ...paused].map((text) => html`<span class="why">${text}</span>`),
    ...pool.failures
      .slice(0, SHOWN_FAILURES)
      .map(
        ({ workspace_name, failed_at, error, build_id }) =>
          html`<span class="why failure">${workspace_name} failed at ${instantText(failed_at)}: ${oneLine(error) || "no error"}${
            logs && html` <a href="/builds/${build_id}/log">log<span class="unseen"> of ${workspace_name}</span></a>`
          }</span>`,
      ),
  ];
}

function buttons(pool: PoolView): Html[] {
  const isTroubled =
    pool.status !== "healthy" ||
    pool.failures.length > 0 ||
    pool.reasons.some(({ reason }) => reason === "recent_failures");
  const verbs: SteeringVerb[] = [];
  // While all are paused, whether this one is paused, too, is not known here.
  if (pool.active && pool.paused?.scope !== "all") verbs.push(pool.paused ? "resume" : "pause");
  if (pool.active && isTroubled) verbs.push("reset");
  return verbs.map((verb) => button(`/pools/${pool.preset_id}/${verb}`, verb, titleOf(pool)));
}

/** A button that says to a screen reader what it is about, and works without any script. */
export function button(action: string, verb: string, about: string): Html {
  const word = `${verb[0]?.toUpperCase()}${verb.slice(1)}`;
  return html`<form method="post" action="${action}"><button>${word}<span class="unseen"> ${about}</span></button></form>`;
}
