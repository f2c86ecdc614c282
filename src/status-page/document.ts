import { type Html, html } from "./html.ts";
import { POOL_STATES } from "./pool-state.ts";

/** Where the page's style and script are; the addresses change with what is in them. */
export type Addresses = { readonly styles: readonly string[]; readonly script: string; readonly icon: string };

/** The shapes of the states, which tell them apart without colour. */
const SHAPES: Readonly<Record<(typeof POOL_STATES)[number], Html>> = {
  stopped: html`<path d="M4.2 1h5.6L13 4.2v5.6L9.8 13H4.2L1 9.8V4.2z" fill="currentColor"/><path d="M4.5 4.5l5 5m0-5l-5 5" class="cut"/>`,
  short: html`<path d="M7 1.2l6.2 11.3H.8z" fill="currentColor"/><path d="M7 5v3.6m0 1v1.3" class="cut"/>`,
  paused: html`<path d="M3 2h3v10H3zm5 0h3v10H8z" fill="currentColor"/>`,
  filling: html`<circle cx="7" cy="7" r="5.2" class="ring"/><path d="M7 1.8a5.2 5.2 0 0 1 0 10.4z" fill="currentColor"/>`,
  full: html`<circle cx="7" cy="7" r="5.2" class="ring"/><path d="M4.4 7.2l1.9 1.9 3.4-3.9" class="tick"/>`,
  retiring: html`<circle cx="7" cy="7" r="5.2" class="ring dashed"/>`,
};

const SHEET = html`<svg class="unseen" aria-hidden="true" width="0" height="0">${POOL_STATES.map(
  (state) => html`<symbol id="mark-${state}" viewBox="0 0 14 14">${SHAPES[state]}</symbol>`,
)}</svg>`;

/** A whole document; `head` is what one page has in its head beside what all have. */
export function documentOf(
  { styles, script, icon }: Addresses,
  { title, head, body, live = false }: { title: string; head?: Html | undefined; body: Html; live?: boolean },
): string {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title}</title>
<link rel="icon" href="${icon}" type="image/svg+xml">
${styles.map((style) => html`<link rel="stylesheet" href="${style}">`)}
${live && html`<script src="${script}" defer></script>`}
${head}
</head>
<body>
${live && SHEET}
${body}
</body>
</html>
`.toString();
}

/** The page for who is not signed in; `problem` says why the last attempt did not succeed. */
export function signInPage(addresses: Addresses, problem?: string): string {
  return documentOf(addresses, {
    title: "Sign in · prebuildd",
    body: html`<main class="card">
<h1>prebuildd</h1>
<p>Sign in with a token to see the pools.</p>
${problem !== undefined && html`<p class="problem" role="alert" id="problem">${sentence(problem)}</p>`}
<form method="post" action="/session">
<label for="token">Token</label>
<input id="token" name="token" type="password" required autofocus autocomplete="current-password" spellcheck="false" autocapitalize="off" aria-describedby="hint${problem !== undefined && " problem"}"${problem !== undefined && html` aria-invalid="true"`}>
<p class="hint" id="hint">With the embedded database it is in <code>.prebuildd/token</code>, below the directory in which the daemon was started. Otherwise <code>prebuildd token create</code> makes one.</p>
<button class="main">Sign in</button>
</form>
</main>`,
  });
}

/** A page that says what is wrong, and what can be done about it. */
export function problemPage(
  addresses: Addresses,
  problem: { readonly message: string; readonly detail?: string | undefined; readonly again?: boolean },
): string {
  return documentOf(addresses, {
    title: `${problem.again ? "Not ready" : "Not done"} · prebuildd`,
    head: problem.again ? html`<meta http-equiv="refresh" content="3">` : undefined,
    body: html`<main class="card">
<h1>prebuildd</h1>
<p role="alert" class="problem">${sentence(problem.message)}</p>
${problem.detail !== undefined && html`<p class="hint">${problem.detail}</p>`}
<p class="hint">${problem.again ? "This page tries again by itself." : html`<a href="/">Back to the pools</a>`}</p>
${!problem.again && SIGN_OUT}
</main>`,
  });
}

/** Ends the session. */
export const SIGN_OUT: Html = html`<form method="post" action="/session/end"><button class="quiet">Sign out</button></form>`;

/** What API and command line say without a capital and a full stop, as a sentence. */
function sentence(text: string): string {
  return `${text[0]?.toUpperCase() ?? ""}${text.slice(1)}${/[.!?]$/.test(text) ? "" : "."}`;
}
