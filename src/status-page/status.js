// Keeps the status page up to date. Without it the page is the same, and reads itself anew now and then.

const byId = (id) => document.getElementById(id);
const main = document.querySelector("main");
const table = byId("pools");
const [body, rest] = table.tBodies;
const filter = byId("filter");
const connection = byId("connection");

/** After so long without news something is wrong: the daemon reads the pools every few seconds. */
const SILENT_MS = 15_000;
const RETRY_MS = 3_000;

let lastUpdate = new Date(main.dataset.at);
let heardAt = performance.now();
let source;

// The filter. The server has shown what the address asks for; from here on all rows are in one place.

body.append(...rest.rows);
rest.remove();

function matches(row) {
  const { q, troubled } = filter.elements;
  if (troubled.checked && row.dataset.state === "full") return false;
  const name = row.querySelector(".name").textContent.toLowerCase();
  return q.value
    .toLowerCase()
    .split(/\s+/)
    .every((word) => name.includes(word));
}

function applyFilter() {
  let shown = 0;
  for (const row of body.rows) {
    row.hidden = !matches(row);
    if (!row.hidden) shown += 1;
  }
  const nothing = byId("nothing");
  nothing.hidden = shown > 0;
  if (body.rows.length > 0) nothing.textContent = "No pool matches the filter.";
}

filter.addEventListener("input", applyFilter);
filter.addEventListener("submit", (event) => event.preventDefault());
applyFilter();

// Rows. Nothing moves or goes away under somebody's pointer or focus.

const waiting = new Map();
let isOrderDue = false;

function rowOf(text) {
  const template = document.createElement("template");
  template.innerHTML = text;
  return template.content.firstElementChild;
}

function putRow(id, text) {
  const old = byId(`pool-${id}`);
  if (old?.contains(document.activeElement)) {
    waiting.set(id, text);
    return;
  }
  waiting.delete(id);
  const row = rowOf(text);
  row.hidden = !matches(row);
  row.classList.toggle("fresh", old !== null && old.dataset.state !== row.dataset.state);
  if (old) old.replaceWith(row);
  else body.append(row);
  isOrderDue ||= old?.dataset.order !== row.dataset.order;
}

/** Text that a screen reader would read out again is left alone unless it has changed. */
function putPart(name, text) {
  if (name === "title") {
    document.title = text;
    return;
  }
  const part = byId(name);
  if (part.contains(document.activeElement)) waiting.set(name, text);
  else if (part.innerHTML !== text) part.innerHTML = text;
}

function settle() {
  for (const [name, text] of [...waiting]) {
    waiting.delete(name);
    if (byId(name)) putPart(name, text);
    else putRow(name, text);
  }
  if (!isOrderDue || body.matches(":hover") || body.contains(document.activeElement)) return;
  isOrderDue = false;
  const rows = [...body.rows];
  rows.sort((a, b) => (a.dataset.order < b.dataset.order ? -1 : 1));
  rows.forEach((row, index) => {
    if (body.rows[index] !== row) body.insertBefore(row, body.rows[index]);
  });
}

table.addEventListener("mouseleave", settle);
document.addEventListener("focusout", () => setTimeout(settle));

function take({ at, rows, all, parts }) {
  lastUpdate = new Date(at);
  for (const [id, text] of rows) putRow(id, text);
  if (all) {
    const ids = new Set(all.map((id) => `pool-${id}`));
    for (const row of [...body.rows]) if (!ids.has(row.id)) row.remove();
  }
  for (const [name, text] of Object.entries(parts)) putPart(name, text);
  if (rows.length > 0 || all) {
    settle();
    applyFilter();
  }
  countAgo();
  heard();
}

// The connection.

const clockText = (date) => date.toISOString().slice(11, 19);

function heard() {
  heardAt = performance.now();
  connection.textContent = "";
  const asOf = byId("as-of");
  asOf.dateTime = lastUpdate.toISOString();
  asOf.textContent = clockText(lastUpdate);
}

function lost() {
  const text = `Connection lost, last update at ${clockText(lastUpdate)}`;
  if (connection.textContent !== text) connection.textContent = text;
}

function listen(since) {
  source = new EventSource(since ? `/events?since=${encodeURIComponent(since)}` : "/events");
  source.addEventListener("message", ({ data }) => take(JSON.parse(data)));
  source.addEventListener("end", () => location.reload());
  source.addEventListener("error", () => {
    lost();
    // A refusal ends it for good; a connection that broke is tried again by the browser.
    if (source.readyState === EventSource.CLOSED) setTimeout(tryAgain, RETRY_MS);
  });
}

async function tryAgain() {
  const answer = await fetch("/", { headers: { accept: "text/plain" } }).catch(() => undefined);
  if (answer?.ok) listen();
  else if (answer?.status === 401 || answer?.status === 403) location.reload();
  else setTimeout(tryAgain, RETRY_MS);
}

setInterval(() => {
  if (performance.now() - heardAt > SILENT_MS) lost();
}, 1_000);
listen(main.dataset.since);
addEventListener("pagehide", () => source.close());
addEventListener("pageshow", (event) => {
  if (event.persisted) listen();
});

// How long ago things were.

function ago(date) {
  const seconds = Math.max(Math.round((Date.now() - date) / 1_000), 0);
  if (seconds < 60) return `${seconds} s ago`;
  return seconds < 3_600 ? `${Math.floor(seconds / 60)} min ago` : `${Math.floor(seconds / 3_600)} h ago`;
}

function countAgo() {
  for (const time of document.querySelectorAll("time[data-ago]")) time.textContent = ago(new Date(time.dateTime));
}

setInterval(countAgo, 1_000);
countAgo();

// The buttons.

document.addEventListener("submit", async (event) => {
  const form = event.target;
  if (!form.matches("#pools form, #steering form")) return;
  event.preventDefault();
  const button = form.querySelector("button");
  if (button.ariaDisabled === "true") return;
  button.ariaDisabled = "true";
  const message = byId("message");
  try {
    const answer = await fetch(form.action, { method: "POST", headers: { accept: "text/plain" } });
    message.textContent = await answer.text();
    message.classList.toggle("problem", !answer.ok);
    if (answer.status === 401) location.reload();
  } catch {
    message.textContent = "The daemon cannot be reached; nothing is known to have changed. Try again.";
    message.classList.add("problem");
  }
  button.ariaDisabled = null;
  // What was sent meanwhile for the row waits for the focus to go; its button has done what it says.
  if (form.contains(document.activeElement)) moveFocus(form);
});

/** Puts what is new in place of a row or part whose button was used, and the focus on its successor. */
function moveFocus(form) {
  const place = form.closest("tr, #steering");
  const { id } = place;
  document.activeElement.blur();
  const until = performance.now() + SILENT_MS;
  const again = () => {
    const now = byId(id);
    const isNew = !now?.contains(form);
    if (!isNew && performance.now() < until && document.activeElement === document.body) setTimeout(again, 50);
    else if (document.activeElement === document.body) now?.querySelector("button")?.focus({ preventScroll: true });
  };
  again();
}
