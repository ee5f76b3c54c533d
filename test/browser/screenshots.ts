/**
 * Takes pictures of the page's states, to look at; `docs/page.png`, the picture of the README, is one of them.
 *
 *   node test/browser/screenshots.ts docs/page.png          the README's picture
 *   node test/browser/screenshots.ts all <directory>        every state, light and dark, wide and narrow
 *
 * Needs a built page (npm run build) and a browser (./browser.ts).
 */
import { mkdirSync } from "node:fs";
import { join } from "node:path";

import type { Browser, Page } from "playwright-core";

import { startWebKit, type WebKit } from "../../src/web/web.test-kit.ts";
import { openBrowser, openPage } from "./browser.ts";
import * as scheduleScenes from "./schedule-scenes.ts";
import * as scenes from "./scenes.ts";

type Look = { readonly scheme: "light" | "dark"; readonly width: 360 | 1280; readonly height: number };

const looks: readonly Look[] = [
  { scheme: "light", width: 1280, height: 860 },
  { scheme: "dark", width: 1280, height: 860 },
  { scheme: "light", width: 360, height: 740 },
  { scheme: "dark", width: 360, height: 740 },
];

const states: Record<string, (kit: WebKit) => Promise<void>> = {
  empty: async () => undefined,
  past: scenes.past,
  streaming: scenes.streaming,
  running: scenes.running,
  queued: scenes.queued,
  stopping: scenes.stopping,
  stopped: scenes.stopped,
  quarantined: scenes.quarantined,
  failed: scenes.failed,
  interrupted: scenes.interrupted,
  "ask-command": async (kit) => void (await scenes.asking(kit)),
  "ask-hiding": async (kit) => void (await scenes.asking(kit, scenes.hidingAsk)),
  "ask-edit": async (kit) => void (await scenes.asking(kit, scenes.editAsk)),
  "ask-tool": async (kit) => void (await scenes.asking(kit, scenes.toolAsk)),
  "ask-plan": async (kit) => void (await scenes.asking(kit, scenes.planAsk)),
  "ask-one": async (kit) => void (await scenes.asking(kit, scenes.questionsAsk)),
  "ask-many": scenes.askingMany,
  "ask-closed": scenes.closedAsks,
  changing: scenes.changing,
  changed: scenes.changed,
  choices: scenes.choices,
};

/** Of the schedules' place: what there is, and what is done before the picture. */
const scheduleStates: Record<
  string,
  readonly [play: (house: scheduleScenes.ScheduleHouse) => Promise<void>, act: (page: Page) => Promise<void>]
> = {
  "schedules-none": [async () => undefined, async () => undefined],
  schedules: [scheduleScenes.many, async () => undefined],
  "schedules-new": [scheduleScenes.many, async (page) => writeTime(page, "weekdays 8:30", "Next: ")],
  "schedules-wrong": [scheduleScenes.many, async (page) => writeTime(page, "sometimes", "is no time")],
  "schedules-edit": [
    scheduleScenes.many,
    async (page) => {
      await page.getByRole("button", { name: "Edit nightly-tests" }).click();
      await page.getByText("More", { exact: true }).click();
    },
  ],
  "schedules-answer": [
    scheduleScenes.many,
    async (page) => {
      await page.getByRole("button", { name: "Pause tea" }).click();
      await page.getByText("Paused: tea.").waitFor();
    },
  ],
  "schedules-history": [
    scheduleScenes.past,
    async (page) => {
      await page.getByRole("button", { name: "History of tidy" }).click();
      await page.getByRole("region", { name: /^History/ }).waitFor();
    },
  ],
};

async function writeTime(page: Page, when: string, answer: string): Promise<void> {
  await page.locator("#schedule-add").click();
  await page.getByRole("textbox", { name: "When" }).fill(when);
  await page.getByText(answer).waitFor();
}

const [what = "", directory = "screenshots"] = process.argv.slice(2);
const opened = await openBrowser();
if (opened.kind === "missing") throw new Error(opened.why);
try {
  if (what === "all") await takeAll(opened.browser, directory);
  else await takeOne(opened.browser, what);
} finally {
  await opened.browser.close();
}

async function takeAll(browser: Browser, into: string): Promise<void> {
  mkdirSync(into, { recursive: true });
  for (const [name, play] of Object.entries(states)) {
    for (const look of looks)
      await shoot(browser, play, look, join(into, `${name}-${look.width}-${look.scheme}.png`), name);
  }
  for (const [name, [play, act]] of Object.entries(scheduleStates)) {
    for (const look of looks) {
      const house = await scheduleScenes.openScheduleHouse();
      await play(house);
      const page = await openPage(browser, house.kit, look, "#/schedules");
      await settle(page);
      await page
        .getByRole("heading", { name: "Nothing is scheduled." })
        .or(page.locator(".schedule").first())
        .waitFor();
      await act(page);
      await page.screenshot({ path: join(into, `${name}-${look.width}-${look.scheme}.png`) });
      await page.context().close();
      await house.kit[Symbol.asyncDispose]();
    }
  }
}

async function takeOne(browser: Browser, path: string): Promise<void> {
  await shoot(browser, scenes.queued, { scheme: "light", width: 1280, height: 860 }, path, "queued");
}

async function shoot(
  browser: Browser,
  play: (kit: WebKit) => Promise<void>,
  look: Look,
  path: string,
  name: string,
): Promise<void> {
  await using kit = await startWebKit({
    agent: {
      name: name === "empty" ? "demo" : "Claude Code",
      version: name === "empty" ? null : "2.1.8",
      isDemo: name === "empty",
    },
  });
  await play(kit);
  const page = await openPage(
    browser,
    kit,
    look,
    name === "empty" ? "#/new" : `#/c/${encodeURIComponent(scenes.website)}`,
  );
  await settle(page);
  if (name === "past" && look.width === 360) {
    await page.goto(`${kit.listening.url}/#/`);
    await settle(page);
  }
  await page.screenshot({ path });
  await page.context().close();
}

/** The fonts are there and the arms of the signals have come to rest. */
async function settle(page: Page): Promise<void> {
  await page.getByText("Live", { exact: true }).waitFor();
  await page.evaluate(async () => {
    await document.fonts.ready;
    await Promise.all(
      document
        .getAnimations()
        .filter((one) => one instanceof CSSTransition)
        .map((one) => one.finished),
    );
  });
}
