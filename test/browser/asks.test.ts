/**
 * What an agent asks, in a real browser: seen, answered by mouse, by keyboard and in words, and never missed. Skipped, with the
 * reason, where no browser can start; with CI set that is a failure.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import type { Page } from "playwright-core";
import { beforeEach, describe, expect, it } from "vitest";

import type { AskId } from "../../src/domain/ask.ts";
import type { WebKit } from "../../src/web/web.test-kit.ts";
import type { Look } from "./browser.ts";
import * as scenes from "./scenes.ts";
import { openStage } from "./stage.ts";

const stage = await openStage("claude");

const wide = { scheme: "light", width: 1280, height: 860 } as const;
const narrow = { scheme: "light", width: 390, height: 844 } as const;
const { website, reports } = scenes;
const atWebsite = `#/c/${encodeURIComponent(website)}`;

let kit: WebKit;
beforeEach(() => (kit = stage.kit));

const visit = (look: Look = wide, hash = atWebsite): Promise<Page> => stage.visit(look, hash);

const card = (page: Page) => page.locator(".ask");
const closed = (page: Page) => page.locator(".ask-closed");
const stateOf = (id: AskId) => kit.engine.asks.get(id)?.state;

describe("an approval", () => {
  it("shows the exact command and where it would run, and is allowed by a button", async () => {
    const id = await scenes.asking(kit);
    const page = await visit();
    const { action } = scenes.commandAsk as { action: { command: string; directory: string } };
    expect(await card(page).getByRole("group", { name: "Command" }).innerText()).toBe(action.command);
    await card(page).getByText(action.directory).waitFor();
    await page.getByRole("region", { name: "Live run" }).getByText("Waiting for your answer").waitFor();
    expect(stateOf(id)?.kind).toBe("open");
    await page.getByRole("button", { name: "Allow once" }).click();
    await closed(page).getByText("Allowed once").waitFor();
    expect(stateOf(id)).toEqual({ kind: "answered", answer: { kind: "allow", scope: "once" } });
    expect(await card(page).count()).toBe(0);
    // What its tool does now is said again.
    await page.getByRole("region", { name: "Live run" }).getByText("Running Bash").waitFor();
  });

  it("is denied with a reason, in words", async () => {
    const id = await scenes.asking(kit);
    const page = await visit();
    const words = page.getByRole("textbox", { name: "Why not, or what to do instead" });
    await words.fill("Not on a Friday.");
    await page.getByRole("button", { name: "Deny with a reason" }).click();
    await closed(page).getByText("Denied").waitFor();
    expect(stateOf(id)).toEqual({ kind: "answered", answer: { kind: "deny", reason: "Not on a Friday." } });
    await closed(page).locator("summary").click();
    await closed(page).getByText("You wrote: Not on a Friday.").waitFor();
  });

  it("is not denied by an empty reason", async () => {
    const id = await scenes.asking(kit);
    const page = await visit();
    await page.getByRole("button", { name: "Deny with a reason" }).click({ force: true });
    await page.getByRole("textbox", { name: "Why not, or what to do instead" }).press("Enter");
    await page.getByRole("button", { name: "Allow once" }).click();
    await closed(page).getByText("Allowed once").waitFor();
    expect(stateOf(id)).toEqual({ kind: "answered", answer: { kind: "allow", scope: "once" } });
  });

  it("that could not be stored says so, keeps the words, and can be tried again, button and words alike", async () => {
    const id = await scenes.asking(kit);
    const page = await visit();
    kit.engine.failure = new Error("disk full");
    await page.getByRole("button", { name: "Allow once" }).click();
    await page.getByRole("status").getByText("Signalbox could not store this.").waitFor();
    const words = page.getByRole("textbox", { name: "Why not, or what to do instead" });
    await words.fill("Wait.");
    await words.press("Enter");
    await card(page).getByRole("alert").getByText("Signalbox could not store this.").waitFor();
    expect(await words.inputValue()).toBe("Wait.");
    kit.engine.failure = null;
    await page.getByRole("button", { name: "Allow once" }).click();
    await closed(page).getByText("Allowed once").waitFor();
    expect(stateOf(id)).toEqual({ kind: "answered", answer: { kind: "allow", scope: "once" } });
  });

  it("keeps the words that were begun when the page is left or loaded again", async () => {
    await scenes.asking(kit);
    const page = await visit();
    const words = page.getByRole("textbox", { name: "Why not, or what to do instead" });
    await words.fill("Half a reason");
    await page.getByRole("button", { name: /Telegram/ }).click();
    await card(page).waitFor({ state: "detached" });
    await page.goBack();
    await words.waitFor();
    expect(await words.inputValue()).toBe("Half a reason");
    await page.reload();
    await words.waitFor();
    expect(await words.inputValue()).toBe("Half a reason");
  });

  it("shows a button that was pressed as spent, and a double click presses it once", async () => {
    const id = await scenes.asking(kit);
    kit.engine.forgetAsk(id);
    const page = await visit();
    await page.getByRole("button", { name: "Allow once" }).dblclick();
    await expect
      .poll(() => page.getByRole("button", { name: "Allow once" }).getAttribute("aria-disabled"))
      .toBe("true");
    await page.reload();
    await card(page).waitFor();
    expect(await page.getByRole("button", { name: "Allow once" }).getAttribute("aria-disabled")).toBe("true");
    expect(await page.getByRole("button", { name: "Deny", exact: true }).getAttribute("aria-disabled")).toBe("false");
    expect(kit.engine.accepted.filter(({ request }) => request.kind === "press")).toHaveLength(1);
  });

  it("hides nothing: what reorders or has no width is a mark", async () => {
    await scenes.asking(kit, scenes.hidingAsk);
    const page = await visit();
    const shown = await card(page).getByRole("group", { name: "Command" }).innerText();
    expect(shown).toBe("ls -la \u27E8U+202E\u27E9# fr- mr\u27E8U+202C\u27E9\u27E8U+200B\u27E9; rm -rf ~");
    await card(page).getByText("Careful: there are characters in it that cannot be seen.").waitFor();
  });

  it("can only be denied when it had to be cut, and says so (T5)", async () => {
    await scenes.asking(kit, { ...scenes.toolAsk, isCut: true });
    const page = await visit();
    await card(page).getByText("This is too long to be shown whole, so it cannot be allowed.").waitFor();
    expect(
      await card(page)
        .getByRole("button", { name: /^Allow/ })
        .count(),
    ).toBe(0);
    await card(page).getByRole("button", { name: "Deny", exact: true }).waitFor();
  });

  it("of an edit shows each file's lines by their signs, and scrolls inside its box", async () => {
    await scenes.asking(kit, scenes.editAsk);
    const page = await visit(narrow);
    const diff = card(page).getByRole("group", { name: "Diff of src/pages/release.ts" });
    await diff.waitFor();
    expect(await diff.locator(".diff-removed").count()).toBe(2);
    expect(await diff.locator(".diff-added").count()).toBe(4);
    expect(await diff.evaluate((box) => box.scrollWidth > box.clientWidth)).toBe(true);
    const [inside, outside] = await page.evaluate(() => [document.documentElement.scrollWidth, window.innerWidth]);
    expect(inside).toBeLessThanOrEqual(outside ?? 0);
    await card(page).getByText("package.json").waitFor();
  });

  it("expires with its run, and says that nothing was done", async () => {
    await scenes.asking(kit);
    const page = await visit();
    await card(page).waitFor();
    kit.engine.crash(website);
    await closed(page).getByText("Expired with its run, nothing was done").waitFor();
    expect(await card(page).count()).toBe(0);
    await page.getByRole("button", { name: /^Run again/ }).waitFor();
  });

  it("of a Telegram conversation is answered from here, too", async () => {
    await scenes.past(kit);
    const id = kit.engine.ask(reports, scenes.toolAsk);
    const page = await visit(wide, `#/c/${encodeURIComponent(reports)}`);
    await page.getByRole("button", { name: "Allow for this session" }).click();
    await closed(page).getByText("Allowed for this session").waitFor();
    expect(stateOf(id)).toEqual({ kind: "answered", answer: { kind: "allow", scope: "session" } });
  });
});

describe("questions", () => {
  it("come one after the other, with options to choose one or many of, and words of one's own", async () => {
    const id = await scenes.asking(kit, scenes.questionsAsk);
    const page = await visit();
    await card(page).getByText("1 of 3").waitFor();
    await page.getByRole("button", { name: /^PostgreSQL/ }).click();
    await card(page).getByText("2 of 3").waitFor();
    await page.getByRole("button", { name: /^Unit/ }).click();
    await page.getByRole("button", { name: /^Unit/, pressed: true }).waitFor();
    await page.getByRole("button", { name: /^Load/ }).click();
    await page.getByRole("button", { name: /^Load/, pressed: true }).waitFor();
    await page.getByRole("button", { name: /^Unit/ }).click();
    await page.getByRole("button", { name: /^Unit/, pressed: false }).waitFor();
    await page.getByRole("button", { name: "Done (1 chosen)" }).click();
    await card(page).getByText("3 of 3").waitFor();
    await page.getByRole("textbox", { name: "Your answer" }).fill("Semaphore");
    await page.getByRole("button", { name: "Answer", exact: true }).click();
    await closed(page).getByText("PostgreSQL \u00B7 Load \u00B7 Semaphore").waitFor();
    const answers = [["PostgreSQL"], ["Load"], ["Semaphore"]];
    expect(stateOf(id)).toEqual({ kind: "answered", answer: { kind: "answers", answers } });
  });

  it("are answered with the keyboard alone, which never loses its place", async () => {
    const id = await scenes.asking(kit, scenes.questionsAsk);
    const page = await visit();
    await card(page).waitFor();
    const focused = (): Promise<string> =>
      page.evaluate(() => (document.activeElement as HTMLElement | null)?.innerText.split("\n")[0] ?? "");
    const tabTo = async (name: string): Promise<void> => {
      for (let presses = 0; presses < 30 && (await focused()) !== name; presses += 1) await page.keyboard.press("Tab");
      expect(await focused()).toBe(name);
    };
    await page.getByRole("button", { name: "Show" }).focus();
    await page.keyboard.press("Enter");
    await page.keyboard.press("Tab");
    expect(await focused()).toBe("PostgreSQL");
    await page.keyboard.press("Enter");
    await card(page).getByText("2 of 3").waitFor();
    await expect.poll(() => page.evaluate(() => document.activeElement?.className)).toBe("ask");
    await page.keyboard.press("Tab");
    await page.keyboard.press("Space");
    await page.getByRole("button", { name: /^Unit/, pressed: true }).waitFor();
    // The same button still has it, drawn anew.
    expect(await page.evaluate(() => document.activeElement?.getAttribute("aria-pressed"))).toBe("true");
    await tabTo("Done (1 chosen)");
    await page.keyboard.press("Enter");
    await card(page).getByText("3 of 3").waitFor();
    await page.keyboard.press("Tab");
    await page.keyboard.type("Semaphore");
    await page.keyboard.press("Enter");
    await closed(page).waitFor();
    await expect.poll(() => page.evaluate(() => document.activeElement?.tagName)).toBe("SUMMARY");
    const answers = [["PostgreSQL"], ["Unit"], ["Semaphore"]];
    expect(stateOf(id)).toEqual({ kind: "answered", answer: { kind: "answers", answers } });
  });
});

describe("a plan", () => {
  it("is read as Markdown, and goes back to planning with words", async () => {
    const id = await scenes.asking(kit, scenes.planAsk);
    const page = await visit();
    await card(page).getByRole("heading", { name: "Move the changelog into a build step" }).waitFor();
    await page.getByRole("button", { name: "Go, edit freely" }).waitFor();
    await page.getByRole("textbox", { name: "What should be different?" }).fill("Leave the cache alone.");
    await page.getByRole("button", { name: "Keep planning with this" }).click();
    await closed(page).getByText("Not carried out").waitFor();
    expect(stateOf(id)).toEqual({ kind: "answered", answer: { kind: "deny", reason: "Leave the cache alone." } });
  });
});

describe("an open ask is not missed", () => {
  it("in the list, in the title, and at the top of the conversation, until it is answered", async () => {
    await scenes.past(kit);
    const page = await visit();
    expect(await page.getByText("asks you").count()).toBe(0);
    kit.engine.ask(reports, scenes.toolAsk);
    const lane = page.getByRole("button", { name: /Telegram/ });
    await lane.getByText("asks you").waitFor();
    await expect.poll(() => page.title()).toMatch(/asks you/);
    await lane.click();
    const bar = page.locator(".asking");
    await bar.getByText("May it use this tool?").waitFor();
    await bar.getByRole("button", { name: "Show" }).click();
    expect(await page.evaluate(() => document.activeElement?.className)).toBe("ask");
    await page.getByRole("button", { name: "Deny", exact: true }).click();
    await bar.waitFor({ state: "detached" });
    await lane.getByText("asks you").waitFor({ state: "detached" });
    await expect.poll(() => page.title()).not.toMatch(/asks you/);
  });

  it("in the title of a tab that nobody has looked at for long", async () => {
    await scenes.running(kit);
    const page = await (await stage.browser.newContext()).newPage();
    await page.clock.install();
    await page.goto(kit.listening.newLink());
    await page.getByText("Live", { exact: true }).waitFor();
    await page.evaluate(() => {
      Object.defineProperty(document, "visibilityState", { value: "hidden" });
      document.dispatchEvent(new Event("visibilitychange"));
    });
    await page.clock.runFor(31_000);
    kit.engine.ask(website, scenes.toolAsk);
    await page.clock.runFor(21_000);
    await expect.poll(() => page.title()).toMatch(/asks you/);
  });

  it("on a phone: the way back to the list says so, and the card's buttons are as large as a finger", async () => {
    await scenes.asking(kit);
    const page = await visit(narrow);
    for (const button of await card(page).getByRole("button").all()) {
      expect((await button.boundingBox())?.height).toBeGreaterThanOrEqual(44);
    }
    await page.goto(`${kit.listening.url}/#/c/${encodeURIComponent(reports)}`);
    await page.getByRole("button", { name: /All.*1 ask/ }).click();
    await page.getByText("asks you").waitFor();
  });
});

describe("with what the next run works", () => {
  it("is in the head, and each of it is a button that opens its list", async () => {
    await scenes.past(kit);
    const page = await visit();
    await page.getByRole("button", { name: "Model: default model" }).click();
    await page.getByRole("button", { name: /^Sonnet/ }).click();
    await page.getByRole("button", { name: "Model: sonnet" }).waitFor();
    await page.getByRole("button", { name: "May do: permissions: ask" }).click();
    await page.getByRole("button", { name: /^plan/ }).click();
    await page.getByRole("button", { name: "May do: permissions: plan" }).waitFor();
    await page.getByRole("button", { name: "Agent: claude" }).click();
    await page.getByRole("button", { name: /^Use codex/ }).click();
    await page.getByRole("button", { name: "Agent: codex" }).waitFor();
  });
});

describe("what a run did", () => {
  it("is seen as it changes, and stays with the finished run", async () => {
    await scenes.changing(kit);
    const page = await visit();
    const run = page.getByRole("region", { name: "Live run" });
    await run.getByText("Context 171.2k of 200k (86%)").waitFor();
    await run.getByText(/Changes in 2 files/).click();
    await run.getByRole("group", { name: "Diff of scripts/changelog.ts" }).waitFor();
    // More of it arrives while it is open.
    kit.clock.advance(200);
    kit.engine.event(website, { kind: "diff", diff: "--- a/only.ts\n+++ b/only.ts\n@@ -1 +1 @@\n-a\n+b\n" });
    await run.getByRole("group", { name: "Diff of only.ts" }).waitFor();
    kit.clock.advance(200);
    kit.engine.event(website, { kind: "text", delta: " words" });
    await run.getByText("words").waitFor();
    expect(await run.getByText(/Changes in 1 file/).count()).toBe(1);
    kit.engine.settle(website);
    await page
      .locator(".summary")
      .getByText(/Changes in 1 file/)
      .waitFor();
  });

  it("a file that it sent is saved under its name", async () => {
    const directory = mkdtempSync(join(tmpdir(), "signalbox-sent-"));
    try {
      writeFileSync(join(directory, "copy"), "what was sent");
      kit.files.set("file-1", join(directory, "copy"));
      await scenes.changed(kit);
      const page = await visit();
      const download = page.waitForEvent("download");
      await page.getByRole("link", { name: "Save build-profile.html" }).click();
      const saved = await download;
      expect(saved.suggestedFilename()).toBe("build-profile.html");
      expect(readFileSync(await saved.path(), "utf8")).toBe("what was sent");
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
});
