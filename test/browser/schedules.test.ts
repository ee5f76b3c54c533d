/**
 * Schedules on the page, in a real browser, before the real engine: made, changed, looked at and ended by hand. Skipped, with the reason,
 * where no browser can start; with CI set that is a failure.
 */
import axe from "axe-core";
import type { Page } from "playwright-core";
import { beforeEach, describe, expect, it } from "vitest";

import type { Look } from "./browser.ts";
import * as scenes from "./schedule-scenes.ts";
import { openStage } from "./stage.ts";

let scene: scenes.ScheduleHouse;
const stage = await openStage("scripted", async () => {
  scene = await scenes.openScheduleHouse();
  return scene.kit;
});

const wide = { scheme: "light", width: 1280, height: 860 } as const;
const narrow = { scheme: "light", width: 360, height: 740 } as const;
const hourMs = 3_600_000;

const visit = (look: Look = wide, hash = "#/schedules"): Promise<Page> => stage.visit(look, hash);
const stored = () => scene.house.store.history.schedules();
const card = (page: Page, name: string) => page.getByRole("article", { name: `Schedule ${name}` });
const addButton = (page: Page) => page.locator("#schedule-add");
const when = (page: Page) => page.getByRole("textbox", { name: "When" });
const text = (page: Page) => page.getByRole("textbox", { name: "What the agent is to do" });

beforeEach(() => expect(scene).toBeDefined());

describe("a new schedule", () => {
  it("says what its time means while it is typed, and is there once it is added, with what the engine answered", async () => {
    const page = await visit();
    await page.getByText("Nothing is scheduled.").waitFor();
    await addButton(page).click();
    await when(page).fill("weekdays");
    await page.getByRole("status").getByText("At what time of the day?").waitFor();
    expect(await when(page).getAttribute("aria-invalid")).toBe("true");
    await when(page).fill("weekdays 8:30");
    await page.getByText("weekdays at 08:30").waitFor();
    await page.getByText("Thu 26 Nov 2026, 08:30").waitFor();
    expect(await stored()).toEqual([]);
    await text(page).fill("am Montag die News lesen");
    await page.getByRole("button", { name: "Add schedule" }).click();
    await page.getByRole("status").getByText("Scheduled as am-montag-die-news").waitFor();
    await card(page, "am-montag-die-news").getByText("weekdays at 08:30").waitFor();
    expect(await stored()).toMatchObject([
      {
        home: "web:main",
        plan: { timing: { expression: "30 8 * * 1-5" }, work: { kind: "prompt", text: "am Montag die News lesen" } },
      },
    ]);
    // It went the way of every command, and stands in its conversation.
    await page.getByRole("button", { name: /^Main thread/ }).click();
    await page.getByText(/^\/cron add "weekdays 8:30"/).waitFor();
  });

  it("that the engine refuses keeps all that was written, and so does a reload", async () => {
    const page = await visit();
    await addButton(page).click();
    await when(page).fill("daily 7:00");
    await text(page).fill("Read the news");
    await page.getByText("More", { exact: true }).click();
    await page.getByRole("textbox", { name: "Agent", exact: true }).fill("nobody");
    await page.getByRole("button", { name: "Add schedule" }).click();
    await page.getByRole("alert").getByText("There is no agent nobody").waitFor();
    expect(await text(page).inputValue()).toBe("Read the news");
    await page.reload();
    await addButton(page).click();
    expect(await text(page).inputValue()).toBe("Read the news");
    expect(await stored()).toEqual([]);
  });

  it("is a reminder or a digest without anything of agents, in the conversation that was chosen", async () => {
    await scenes.many(scene);
    const page = await visit();
    await addButton(page).click();
    await page.getByRole("button", { name: "in 20m" }).click();
    await page.getByRole("radio", { name: /reminded/ }).check();
    await page.getByRole("textbox", { name: "What you are to be told" }).fill("The oven");
    await page.getByRole("combobox", { name: "Belongs to" }).selectOption({ label: "Make the build faster." });
    await page.getByText("More", { exact: true }).click();
    expect(await page.getByRole("textbox", { name: "Agent", exact: true }).count()).toBe(0);
    await page.getByRole("button", { name: "Add schedule" }).click();
    await card(page, "oven").getByText("in 20 min").waitFor();
    expect((await stored()).find(({ name }) => name === "oven")).toMatchObject({
      home: scenes.website,
      plan: { work: { kind: "reminder", text: "The oven" } },
    });
  });
});

describe("what can be done with one", () => {
  it("paused, resumed and run now, each with the answer of the engine; it stays where it is", async () => {
    await scenes.many(scene);
    const page = await visit();
    const names = () => page.locator(".schedule h3").allInnerTexts();
    await card(page, "tea").waitFor();
    const before = await names();
    await page.getByRole("button", { name: "Pause tea" }).click();
    await card(page, "tea").getByText("Paused: tea.").waitFor();
    expect(await names()).toEqual(before);
    // The same button, so the keyboard goes on where it is.
    expect(await page.evaluate(() => document.activeElement?.textContent)).toBe("Resume");
    await page.keyboard.press("Enter");
    await card(page, "tea").getByText("tea goes on").waitFor();
    await page.getByRole("button", { name: "Run now: tea" }).click();
    await card(page, "tea").getByText("tea is in line now").waitFor();
    await card(page, "tea").getByText("run now", { exact: true }).waitFor();
    await page.getByRole("button", { name: "Hide this answer" }).click();
    expect(await page.getByText("tea is in line now").count()).toBe(0);
  });

  it("deleted after it was asked once", async () => {
    await scenes.many(scene);
    const page = await visit();
    await page.getByRole("button", { name: "Delete tea" }).click();
    expect(await page.evaluate(() => document.activeElement?.textContent)).toBe("Keep it");
    await page.keyboard.press("Enter");
    await expect.poll(() => page.evaluate(() => document.activeElement?.getAttribute("aria-label"))).toBe("Delete tea");
    expect((await stored()).some(({ name }) => name === "tea")).toBe(true);
    await page.keyboard.press("Enter");
    await page.getByRole("group", { name: "Delete tea?" }).getByRole("button", { name: "Delete tea" }).click();
    await page.getByText("Deleted: tea. It fires no more.").waitFor();
    expect((await stored()).some(({ name }) => name === "tea")).toBe(false);
    // The list is read again after the answer.
    await card(page, "tea").waitFor({ state: "detached" });
  });

  it("edited: what was not touched stays", async () => {
    await scenes.many(scene);
    const page = await visit();
    const before = (await stored()).find(({ name }) => name === "nightly-tests");
    await page.getByRole("button", { name: "Edit nightly-tests" }).click();
    const form = page.getByRole("form", { name: "Edit nightly-tests" });
    await form.getByText("weekdays at 02:00").waitFor();
    await form.getByRole("button", { name: "Save" }).click();
    await form.getByRole("alert").getByText("Nothing of it is different.").waitFor();
    await text(page).fill("Run the tests once.");
    await form.getByText("More", { exact: true }).click();
    await page.getByRole("combobox", { name: "You see" }).selectOption("silent");
    await form.getByRole("button", { name: "Save" }).click();
    await card(page, "nightly-tests").getByText("Changed: nightly-tests").waitFor();
    expect((await stored()).find(({ name }) => name === "nightly-tests")).toEqual({
      ...before,
      plan: { ...before?.plan, view: "silent", work: { kind: "prompt", text: "Run the tests once." } },
    });
  });

  it("its history says what became of every time", async () => {
    await scenes.past(scene);
    const page = await visit();
    await page.getByRole("button", { name: "History of tidy" }).click();
    const history = page.getByRole("region", { name: /^History of tidy/ });
    await history.getByText("skipped 9 times until Mon 23 Nov 2026, 19:00: Signalbox was not running").waitFor();
    await history.getByText("run now").waitFor();
    expect(await history.getByText("failed").count()).toBe(1);
    const before = await history.locator("li").count();
    // What happens meanwhile is seen.
    await scenes.pass(scene, hourMs);
    await expect.poll(() => history.locator("li").count()).toBe(before + 1);
  });
});

describe("in conversations", () => {
  it("the session of its own is a lane with a clock, and its time stands before what it says", async () => {
    await scenes.many(scene);
    const page = await visit();
    await page.getByRole("button", { name: /Schedule release/ }).click();
    await page.locator(".fired").getByText("release").waitFor();
    await page.getByText("Tagged v2.4.0.").waitFor();
  });

  it("in the conversation's own session, what its runs say carries its name", async () => {
    await scenes.many(scene);
    const page = await visit(wide, `#/c/${encodeURIComponent(scenes.website)}`);
    await page.locator(".notice .origin").getByText("tidy").first().waitFor();
    await page.locator(".summary .origin").getByText("tidy").first().waitFor();
  });
});

/** Also that nothing stands out to the side. The page is closed after it. */
async function expectNothingToMend(page: Page): Promise<void> {
  await page.evaluate(axe.source);
  const results = await page.evaluate(() => (globalThis as unknown as { axe: typeof axe }).axe.run());
  expect(results.violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)])).toEqual([]);
  const [inside, outside] = await page.evaluate(() => [document.documentElement.scrollWidth, window.innerWidth]);
  expect(inside).toBeLessThanOrEqual(outside ?? 0);
  await page.context().close();
}

describe("for everybody", () => {
  const looks: readonly Look[] = [wide, { ...narrow, scheme: "dark" }];
  const states: Record<
    string,
    [play: (scene: scenes.ScheduleHouse) => Promise<void>, act: (page: Page) => Promise<void>]
  > = {
    "nothing scheduled": [async () => undefined, async () => undefined],
    "the list": [scenes.many, async (page) => card(page, "tea").waitFor()],
    "the form with a right time": [
      scenes.many,
      async (page) => {
        await addButton(page).click();
        await when(page).fill("weekdays 8:30");
        await page.getByText("Next: ").waitFor();
        await page.getByText("More", { exact: true }).click();
      },
    ],
    "the form with a wrong time": [
      scenes.many,
      async (page) => {
        await addButton(page).click();
        await when(page).fill("sometimes");
        await page.locator(".field-wrong").waitFor();
      },
    ],
    "a history": [
      scenes.past,
      async (page) => {
        await page.getByRole("button", { name: "History of tidy" }).click();
        await page.getByRole("region", { name: /^History/ }).waitFor();
      },
    ],
    "an answer": [
      scenes.many,
      async (page) => {
        await page.getByRole("button", { name: "Run now: tea" }).click();
        await page.getByText("tea is in line now").waitFor();
      },
    ],
    "a deletion": [scenes.many, async (page) => page.getByRole("button", { name: "Delete tea" }).click()],
  };

  it.each(Object.keys(states))("axe finds nothing to mend: %s", async (name) => {
    const [play, act] = states[name] ?? [];
    await play?.(scene);
    for (const look of looks) {
      const page = await visit(look);
      await act?.(page);
      await expectNothingToMend(page);
    }
  });

  it.each([scenes.website, `${scenes.website}~release`, "telegram:7~feed"])(
    "axe finds nothing to mend: the conversation %s",
    async (id) => {
      await scenes.many(scene);
      for (const look of looks) {
        const page = await visit(look, `#/c/${encodeURIComponent(id)}`);
        await page.getByRole("article", { name: "Schedule" }).first().waitFor();
        await expectNothingToMend(page);
      }
    },
  );

  it("on a phone every button is as large as a finger", async () => {
    await scenes.many(scene);
    const page = await visit(narrow);
    await card(page, "tea").waitFor();
    for (const button of await card(page, "tea").getByRole("button").all()) {
      expect((await button.boundingBox())?.height).toBeGreaterThanOrEqual(44);
    }
  });
});
