/**
 * The browser of the tests: the one that an npm package carries, else one that is installed. Where none can start, the tests
 * say why they are skipped.
 */
import { existsSync } from "node:fs";

import chromiumPackage from "@sparticuz/chromium";
import { type Browser, chromium, type Page } from "playwright-core";

import type { WebKit } from "../../src/web/web.test-kit.ts";

export type Opened =
  | { readonly kind: "open"; readonly browser: Browser }
  | { readonly kind: "missing"; readonly why: string };

const args = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"];
const installed = ["/usr/bin/chromium", "/usr/bin/google-chrome"];

/** Resolves, never rejects. The caller closes the browser. */
export async function openBrowser(): Promise<Opened> {
  const reasons: string[] = [];
  for (const find of [() => chromiumPackage.executablePath(), ...installed.map((path) => async () => path)]) {
    try {
      const executablePath = await find();
      if (!existsSync(executablePath)) continue;
      return { kind: "open", browser: await chromium.launch({ executablePath, args, headless: true }) };
    } catch (error) {
      reasons.push(firstLine(error));
    }
  }
  const why = `no browser starts here (${reasons.join("; ") || "none found"}); apt-get install libnss3 lets the packaged one start`;
  return { kind: "missing", why };
}

/** A foreign error, cut to what helps: Playwright's holds the whole log of the browser. */
function firstLine(error: unknown): string {
  return (
    String(error instanceof Error ? error.message : error)
      .split("\n")[0]
      ?.slice(0, 200) ?? ""
  );
}

export type Look = { readonly scheme: "light" | "dark"; readonly width: number; readonly height: number };

/** A signed-in page of this server, at `hash`. The caller closes its context. */
export async function openPage(browser: Browser, kit: WebKit, look: Look, hash = ""): Promise<Page> {
  const context = await browser.newContext({
    colorScheme: look.scheme,
    viewport: { width: look.width, height: look.height },
    hasTouch: look.width < 500,
    locale: "en-GB",
    timezoneId: "UTC",
  });
  const page = await context.newPage();
  await page.goto(kit.listening.newLink());
  if (hash !== "") await page.goto(`${kit.listening.url}/${hash}`);
  return page;
}
