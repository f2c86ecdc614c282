import assert from "node:assert/strict";
import { it } from "node:test";
import { html } from "./html.ts";

it("html escapes every value that is not HTML itself, in text and in attributes, in lists too", () => {
  const hostile = `<a href="x" onclick='y'>&amp;`;
  const escaped = "&lt;a href=&quot;x&quot; onclick=&#39;y&#39;&gt;&amp;amp;";
  assert.equal(
    html`<p title="${hostile}">${[hostile, [hostile]]}</p>`.toString(),
    `<p title="${escaped}">${escaped}${escaped}</p>`,
  );
  assert.equal(html`<b>${html`<i>${1}</i>`}</b>`.toString(), "<b><i>1</i></b>");
  assert.equal(html`${false}${null}${undefined}${0}${""}`.toString(), "0");
});

it("html takes no object for HTML that only looks like it", () => {
  const forged = { toString: () => "<script>", html: "<script>" };
  assert.throws(() => html`${forged as never}`, TypeError);
});
