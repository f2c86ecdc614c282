import assert from "node:assert/strict";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { it } from "node:test";
import { fileURLToPath } from "node:url";
import type { BrowserContextOptions, Page } from "playwright-core";
import { startTestServer } from "../http/server.ts";
import { findChromium, startBrowser } from "../support/browser.ts";
import { givenPrebuild } from "../support/given-prebuild.ts";
import { waitFor } from "../support/wait-for.ts";
import { givenHistory, givenPools } from "./world.ts";

const RESULTS = fileURLToPath(new URL("../../test-results/", import.meta.url));
const AXE = fileURLToPath(import.meta.resolve("axe-core/axe.min.js"));
const WIDE = { width: 1_280, height: 800 };
const chromium = findChromium();
const skip = chromium === undefined && "there is no chromium: install it, or say in CHROMIUM_PATH where it is";

it("the status page in a browser", { skip, timeout: 60_000 }, async (t) => {
  const poolsChanged = new EventTarget();
  const server = await startTestServer(t, { poolsChanged });
  const at = await givenPools(server);
  await givenHistory(server, at);
  const url = await server.app.listen({ host: "127.0.0.1", port: 0 });
  const browser = await startBrowser(chromium ?? "");
  t.after(() => browser.close());
  const problems: string[] = [];

  async function open(options: BrowserContextOptions = {}): Promise<Page> {
    const page = await (await browser.newContext(options)).newPage();
    page.setDefaultTimeout(10_000);
    page.on("pageerror", (error) => problems.push(String(error)));
    page.on("console", (message) => {
      if (message.type() === "error") problems.push(message.text());
    });
    await page.goto(url);
    return page;
  }

  async function openSignedIn(options: BrowserContextOptions = {}, token = server.admin.token): Promise<Page> {
    const page = await open(options);
    await page.context().addCookies([{ name: "prebuildd_session", value: token, url }]);
    await page.goto(url);
    return page;
  }

  async function keepScreenshot(page: Page, name: string): Promise<void> {
    const path = join(RESULTS, `status-page-${name}.png`);
    await mkdir(RESULTS, { recursive: true });
    await page.screenshot({ path, fullPage: true });
    t.diagnostic(`screenshot: ${path}`);
  }

  await t.test("is signed in to, filtered and steered with the keyboard alone", async () => {
    const page = await open();
    await page.keyboard.type("not a token");
    await page.keyboard.press("Enter");
    await page.getByRole("alert").getByText("not a token").waitFor();
    await page.keyboard.type(server.admin.token);
    await page.keyboard.press("Enter");
    await page.getByText("Of 6 pools, 1 is stopped").waitFor();
    assert.equal(await page.title(), "2 of 6 pools short · prebuildd");
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    assert.equal(await page.evaluate("document.activeElement?.id"), "pools", "the first link skips to the pools");
    await page.getByLabel("Show pools whose name").focus();
    await page.keyboard.type("DEVBOX");
    assert.deepEqual(await shownPools(page), ["default/devbox/large", "default/devbox/small"]);
    await page.keyboard.press("Tab");
    await page.keyboard.press("Space");
    assert.deepEqual(await shownPools(page), ["default/devbox/large"]);
    await page.getByRole("button", { name: "Pause default/devbox/large", exact: true }).focus();
    await page.keyboard.press("Enter");
    await page.getByText("default/devbox/large is paused").waitFor();
    const focused = () => page.evaluate<string | undefined>("document.activeElement?.textContent");
    await waitFor(
      "the focus on the button that is there instead",
      async () => (await focused()) === "Resume default/devbox/large",
    );
    await page.keyboard.press("Enter");
    await page.getByText("default/devbox/large is no longer paused").waitFor();
    await page.context().close();
  });

  await t.test(
    "shows to all who look how a pool fills and that somebody pauses it, and moves nothing under a focus",
    async () => {
      const [page, other] = [await openSignedIn(), await openSignedIn({}, server.alice.token)];
      const large = (viewer: Page) => viewer.locator(".pool", { hasText: "devbox/large" });
      assert.equal(
        await other.getByRole("button", { name: /^(Pause|Resume|Reset)/ }).count(),
        0,
        "a member only looks",
      );
      await page.getByRole("button", { name: "Pause default/devbox/large", exact: true }).focus();
      for (let made = 0; made < 3; made += 1) await givenPrebuild(server.context, at("devbox/large"));
      poolsChanged.dispatchEvent(new Event("change"));
      await large(other).getByText("full").waitFor();
      assert.equal(await large(page).getAttribute("data-state"), "filling", "the row waits for the focus to go");
      await page.getByRole("searchbox").focus();
      await large(page).getByText("full").waitFor();
      await page.getByRole("button", { name: "Pause default/devbox/large", exact: true }).click();
      for (const viewer of [page, other]) await large(viewer).getByText("paused", { exact: true }).waitFor();
      await Promise.all([page.context().close(), other.context().close()]);
    },
  );

  await t.test("has nothing that axe objects to, light and dark, and fits into a narrow window", async () => {
    const page = await openSignedIn({ viewport: WIDE, bypassCSP: true, reducedMotion: "reduce" });
    for (const [name, colorScheme, viewport] of [
      ["light", "light", WIDE],
      ["dark", "dark", WIDE],
      ["narrow", "light", { width: 360, height: 740 }],
    ] as const) {
      await page.emulateMedia({ colorScheme });
      await page.setViewportSize(viewport);
      await page.getByText("Of 6 pools, ").waitFor();
      await keepScreenshot(page, name);
      assert.ok(await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), `${name}: scrolls sideways`);
      assert.deepEqual(await violations(page), [], name);
    }
    await page.context().clearCookies();
    await page.goto(url);
    for (const colorScheme of ["light", "dark"] as const) {
      await page.emulateMedia({ colorScheme });
      assert.deepEqual(await violations(page), [], `the form to sign in, ${colorScheme}`);
    }
    await page.context().close();
  });

  await t.test("works without JavaScript", async () => {
    const page = await open({ javaScriptEnabled: false });
    await page.getByLabel("Token").fill(server.admin.token);
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByRole("button", { name: "Pause default/devbox/small", exact: true }).click();
    await page.getByText("default/devbox/small is paused").waitFor();
    await page.getByLabel("Show pools whose name").fill("small");
    await page.getByRole("button", { name: "Show" }).click();
    assert.deepEqual(await shownPools(page), ["default/devbox/small"]);
    await page.getByRole("button", { name: "Resume default/devbox/small", exact: true }).click();
    await page.getByText("default/devbox/small is no longer paused").waitFor();
    await page.getByRole("button", { name: "Sign out" }).click();
    await page.getByLabel("Token").waitFor();
    await page.context().close();
  });

  await t.test("goes back to the form when its token is no longer good, and says when the daemon is gone", async () => {
    const page = await openSignedIn();
    const other = await openSignedIn({}, server.alice.token);
    await server.pool.query("delete from api_keys where user_id = $1", [server.alice.id]);
    server.advance(16_000);
    poolsChanged.dispatchEvent(new Event("change"));
    await other.getByLabel("Token").waitFor();
    assert.deepEqual(
      problems.filter((text) => !text.includes("401")),
      [],
    );
    await server.app.close();
    await page.getByText("Connection lost, last update at").waitFor();
  });
});

async function shownPools(page: Page): Promise<string[]> {
  const names = await page.locator(".pool:visible .name").allTextContents();
  return names.sort();
}

/** What axe objects to, as `rule: element`. */
async function violations(page: Page): Promise<string[]> {
  await page.addScriptTag({ path: AXE });
  return page.evaluate(async () => {
    const { axe } = globalThis as unknown as {
      axe: { run(): Promise<{ violations: { id: string; nodes: { html: string }[] }[] }> };
    };
    const found = await axe.run();
    return found.violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html.slice(0, 200)}`));
  });
}
