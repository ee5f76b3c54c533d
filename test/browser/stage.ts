/**
 * What the tests of the page stand on: one browser for a file, and for each test the real server in front of an engine that the test
 * steps. Where no browser can start the tests are skipped with the reason; with CI set they fail instead.
 */
import type { Browser, Page } from "playwright-core";
import { afterAll, afterEach, beforeEach } from "vitest";

import { startWebKit, type WebKit } from "../../src/web/web.test-kit.ts";
import { type Look, openBrowser, openPage } from "./browser.ts";

export type Stage = {
  readonly browser: Browser;
  /** Of the present test. */
  readonly kit: WebKit;
  /** Another server at the address of the one that the test has ended. */
  startAgain(): Promise<WebKit>;
  /** A signed-in page at `hash`, with its stream open. */
  visit(look: Look, hash: string): Promise<Page>;
};

/** Declares what comes before and after each test of the file. Rejects where CI is set and no browser starts. */
export async function openStage(
  agent: string,
  start: () => Promise<WebKit> = () => startWebKit({ agent: { name: agent, version: "2.1.8", isDemo: false } }),
): Promise<Stage> {
  const opened = await openBrowser();
  if (opened.kind === "missing" && process.env["CI"] !== undefined) throw new Error(opened.why);
  let kit: WebKit | null = null;

  beforeEach(async (context) => {
    if (opened.kind === "missing") context.skip(opened.why);
    kit = await start();
  });
  afterEach(async () => {
    if (opened.kind === "missing") return;
    await Promise.all(opened.browser.contexts().map((context) => context.close()));
    await kit?.[Symbol.asyncDispose]();
  });
  afterAll(async () => {
    if (opened.kind === "open") await opened.browser.close();
  });

  const stage: Stage = {
    get browser() {
      if (opened.kind === "missing") throw new Error(opened.why);
      return opened.browser;
    },
    get kit() {
      if (kit === null) throw new Error("it starts with the test");
      return kit;
    },
    async startAgain() {
      const port = Number(new URL(stage.kit.listening.url).port);
      kit = await startWebKit({ listen: { host: "127.0.0.1", port } });
      return kit;
    },
    async visit(look, hash) {
      const page = await openPage(stage.browser, stage.kit, look, hash);
      await page.getByText("Live", { exact: true }).waitFor();
      return page;
    },
  };
  return stage;
}
