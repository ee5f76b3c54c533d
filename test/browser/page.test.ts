/**
 * The page in a real browser, served by the real server, in front of an engine that the tests step. Where no browser can start
 * the tests are skipped with the reason; with CI set they fail instead.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import axe from "axe-core";
import type { Page } from "playwright-core";
import { beforeEach, describe, expect, it } from "vitest";

import type { WebKit } from "../../src/web/web.test-kit.ts";
import type { Look } from "./browser.ts";
import * as scenes from "./scenes.ts";
import { openStage } from "./stage.ts";

const stage = await openStage("Claude Code");

const wide = { scheme: "light", width: 1280, height: 860 } as const;
const narrow = { scheme: "light", width: 360, height: 740 } as const;
const { website, reports } = scenes;
const atWebsite = `#/c/${encodeURIComponent(website)}`;

let kit: WebKit;
beforeEach(() => (kit = stage.kit));

const visit = (look: Look = wide, hash = ""): Promise<Page> => stage.visit(look, hash);

const box = (page: Page) => page.getByRole("textbox", { name: "Message" });
const tray = (page: Page) => page.getByRole("region", { name: "Waiting messages" });
const log = (page: Page) => page.getByRole("log");

async function write(page: Page, text: string): Promise<void> {
  await box(page).fill(text);
  await box(page).press("Enter");
}

/** The conversation that the page has just begun. */
async function begun(): Promise<typeof website> {
  const item = kit.engine.accepted[0];
  if (item === undefined) throw new Error("nothing was accepted");
  return item.conversation;
}

describe("a conversation", () => {
  it("begins with a message, is watched live, and ends with the answer", async () => {
    const page = await visit();
    await write(page, "Count to three");
    await page.getByRole("button", { name: /Stop/ }).waitFor();
    const thread = await begun();
    kit.engine.event(thread, { kind: "text", delta: "one, **two**" });
    await log(page).getByText("two").waitFor();
    kit.clock.advance(200);
    kit.engine.event(thread, { kind: "tool-started", tool: { id: "1", name: "Bash", target: "echo three" } });
    await log(page).getByText("echo three").waitFor();
    await log(page).getByText("Running Bash").waitFor();
    kit.engine.settle(thread, { kind: "completed", answer: "one, two, **three**" });
    await page.getByRole("article", { name: "Answer" }).getByText("three").waitFor();
    await page.getByRole("button", { name: /Stop/ }).waitFor({ state: "detached" });
    expect(await box(page).inputValue()).toBe("");
    expect(await page.getByRole("article", { name: "You" }).innerText()).toContain("Count to three");
  });

  it("is stopped by the button, and is said to be stopped after the proof only", async () => {
    await scenes.running(kit);
    const page = await visit(wide, atWebsite);
    await page.getByRole("button", { name: "Stop Esc Esc" }).click();
    await log(page).getByText("Stopping\u2026").waitFor();
    expect(await log(page).getByText("Stopped.").count()).toBe(0);
    expect(kit.engine.accepted.at(-1)?.request).toEqual({
      kind: "command",
      command: { name: "stop", scope: "conversation" },
    });
    kit.engine.settle(website, { kind: "interrupted" });
    await log(page).getByText("Stopped.").waitFor();
  });

  it("is stopped by Escape twice, and not by Escape once", async () => {
    await scenes.running(kit);
    const page = await visit(wide, atWebsite);
    const before = kit.engine.accepted.length;
    await page.keyboard.press("Escape");
    await page.getByText("Esc again").waitFor();
    expect(kit.engine.accepted.length).toBe(before);
    await page.keyboard.press("Escape");
    await log(page).getByText("Stopping\u2026").waitFor();
  });

  it("takes messages while a run works, in line, to steer with or to cancel", async () => {
    await scenes.running(kit);
    const page = await visit(wide, atWebsite);
    await write(page, "second");
    await write(page, "third");
    await tray(page).getByText("third").waitFor();
    await page.getByRole("button", { name: "Cancel: second" }).click();
    await tray(page).getByText("second").waitFor({ state: "detached" });
    await page.getByRole("button", { name: "Steer now: third" }).click();
    await log(page).getByText("given to the running turn").waitFor();
    expect(kit.engine.accepted.filter(({ state }) => state === "cancelled" || state === "merged")).toHaveLength(2);
  });

  it("offers what was on hold after a stop", async () => {
    await scenes.stopped(kit);
    const page = await visit(wide, atWebsite);
    await page.getByRole("button", { name: /^Run each/ }).click();
    await log(page)
      .getByText("Then fix the flakiest one.")
      .or(tray(page).getByText("Then fix the flakiest one."))
      .waitFor();
    await log(page).getByText("2 messages back in the queue, in order.").waitFor();
  });

  it("offers to run an interrupted message again, once", async () => {
    await scenes.interrupted(kit);
    const page = await visit(wide, atWebsite);
    const again = page.getByRole("button", { name: /^Run again/ });
    await again.click();
    await page.getByRole("region", { name: "Live run" }).waitFor();
    await again.waitFor({ state: "detached" });
  });

  it("releases a quarantined run only when a person says so", async () => {
    await scenes.quarantined(kit);
    const page = await visit(wide, atWebsite);
    await log(page).getByText("import.sh --all (pid 48211)").waitFor();
    await page.getByRole("button", { name: /^Force release/ }).click();
    await log(page).getByText("Released by you").waitFor();
  });

  it("of Telegram is watched and stopped from here, and not written into", async () => {
    await scenes.past(kit);
    const page = await visit(wide, `#/c/${encodeURIComponent(reports)}`);
    await page.getByText("This conversation lives in Telegram").waitFor();
    expect(await box(page).count()).toBe(0);
    await page.getByRole("button", { name: "Stop Esc Esc" }).click();
    await log(page).getByText("Stopping\u2026").waitFor();
  });
});

describe("what a person writes is never lost", () => {
  it("when the store refuses it: it is shown, and sent again with the same key", async () => {
    const page = await visit();
    const keys: unknown[] = [];
    page.on("request", (request) => request.method() === "POST" && keys.push(request.postDataJSON().key));
    kit.engine.failure = new Error("disk full");
    await write(page, "precious words");
    await tray(page).getByText("Signalbox could not store this.").waitFor();
    await page.reload();
    await tray(page).getByText("precious words").waitFor();
    kit.engine.failure = null;
    await page.getByRole("button", { name: "Send again" }).click();
    await log(page).getByText("precious words").waitFor();
    expect(keys).toEqual([keys[0], keys[0]]);
    expect(kit.engine.accepted.map(({ key }) => key)).toEqual([`web:${String(keys[0])}`]);
  });

  it("when its directory is wrong: it goes back into the box, with the directory", async () => {
    const page = await visit();
    await page.getByLabel("Directory").fill("/no/such/place");
    await write(page, "precious words");
    await tray(page).getByText("The directory /no/such/place does not exist.").waitFor();
    await page.getByRole("button", { name: "Edit" }).click();
    await page.getByLabel("Directory").waitFor();
    expect(await box(page).inputValue()).toBe("precious words");
    expect(await page.getByLabel("Directory").inputValue()).toBe("/no/such/place");
    const directory = mkdtempSync(join(tmpdir(), "signalbox-chosen-"));
    try {
      await page.getByLabel("Directory").fill(directory);
      await page.getByRole("button", { name: "Send" }).click();
      await page.getByRole("region", { name: "Live run" }).waitFor();
      expect((await kit.engine.history.lanes()).map(({ workspace }) => workspace)).toEqual([directory]);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });

  it("when the page is left or loaded again before it was sent", async () => {
    await scenes.past(kit);
    const page = await visit(wide, atWebsite);
    await box(page).fill("half a thought");
    await page.getByRole("button", { name: "New thread" }).click();
    await page.getByLabel("Directory").waitFor();
    expect(await box(page).inputValue()).toBe("");
    await page.goBack();
    await page.getByRole("article", { name: "Answer" }).waitFor();
    expect(await box(page).inputValue()).toBe("half a thought");
    await page.reload();
    await page.getByRole("article", { name: "Answer" }).waitFor();
    expect(await box(page).inputValue()).toBe("half a thought");
  });

  it("when the server goes away: the page says so, and finds everything again by itself", async () => {
    await scenes.past(kit);
    const page = await visit(wide, atWebsite);
    await kit[Symbol.asyncDispose]();
    await page.getByText("Connection lost.").waitFor();
    await write(page, "written in between");
    await tray(page).getByText("Signalbox did not answer.").waitFor();
    kit = await stage.startAgain();
    await scenes.interrupted(kit);
    await page.getByText("Live", { exact: true }).waitFor();
    await log(page).getByText("Nothing of it runs any more").waitFor();
    await page.getByRole("button", { name: "Send again" }).click();
    await log(page).getByText("written in between").waitFor();
  });

  it("when the first read fails: the page says so, and tries again by itself", async () => {
    await scenes.past(kit);
    const page = await visit(wide, atWebsite);
    const { history } = kit.engine;
    const { lanes } = history;
    history.lanes = () => Promise.reject(new Error("the disk is away"));
    await page.reload();
    await page.getByText("Signalbox could not answer.").waitFor();
    history.lanes = lanes;
    await page.getByRole("article", { name: "Answer" }).waitFor();
    await page.getByText("Live", { exact: true }).waitFor();
  });

  it("when the browser's cookie is worth nothing any more", async () => {
    await scenes.past(kit);
    const page = await visit(wide, atWebsite);
    await page.context().clearCookies();
    await kit[Symbol.asyncDispose]();
    kit = await stage.startAgain();
    await page.getByText("This browser is not signed in any more.").waitFor();
    await write(page, "precious words");
    await tray(page).getByText("precious words").waitFor();
  });
});

it("nothing that an agent or a tool writes runs, loads or leads where it should not (T9, T15)", async () => {
  const page = await visit();
  const complaints: string[] = [];
  page.on("console", (message) => complaints.push(message.text()));
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("request", (request) => {
    if (!request.url().startsWith(kit.listening.url)) complaints.push(`asked for ${request.url()}`);
  });
  await write(page, "<img src=x onerror=\"document.title='mine'\">");
  const thread = await begun();
  const element = "<img src=x onerror=\"document.title='theirs'\"><script>document.title='theirs'</script>";
  const use = { id: "1", name: element, target: element };
  kit.engine.event(thread, { kind: "tool-started", tool: use, input: element });
  kit.engine.event(thread, { kind: "tool-ended", id: "1", ok: false, result: element });
  kit.engine.event(thread, { kind: "notice", text: element });
  kit.engine.event(thread, {
    kind: "diff",
    diff: `--- a/${element}\n+++ b/${element}\n@@ -1 +1 @@\n-${element}\n+${element}\n`,
  });
  await page.getByRole("region", { name: "Live run" }).getByText("document.title='theirs'").first().waitFor();
  expect(await page.locator("img, script:not([src])").count()).toBe(0);
  const hostile = [
    "<script>document.title = 'theirs'</script>",
    "<img src=x onerror=\"document.title='theirs'\">",
    "![pixel](http://evil.example/pixel.png)",
    "[a](javascript:document.title='theirs') [b](data:text/html,x) [c](file:///etc/passwd) [d](https://example.org/)",
    "<a href='javascript:1'>e</a>",
    "[f]: javascript:1",
    "[f]",
  ].join("\n\n");
  kit.engine.settle(thread, { kind: "completed", answer: hostile });
  const answer = page.getByRole("article", { name: "Answer" });
  await answer.getByText("<script>").waitFor();
  const targets = await answer.locator("a").evaluateAll((links) => links.map((link) => link.getAttribute("href")));
  expect(targets).toEqual(["http://evil.example/pixel.png", "https://example.org/"]);
  expect(await page.locator("img, iframe, object, embed").count()).toBe(0);
  expect(await page.title()).not.toMatch(/mine|theirs/);
  expect(complaints).toEqual([]);
});

it("a phone shows the list or a conversation, and nothing is wider than the screen", async () => {
  await scenes.queued(kit);
  const page = await visit(narrow);
  await page.getByRole("button", { name: /Telegram/ }).waitFor();
  expect(await log(page).isVisible()).toBe(false);
  await page.getByRole("button", { name: /^The build takes/ }).click();
  await tray(page).getByText("Then fix the flakiest one.").waitFor();
  const [inside, outside] = await page.evaluate(() => [document.documentElement.scrollWidth, window.innerWidth]);
  expect(inside).toBeLessThanOrEqual(outside ?? 0);
  await page.getByRole("button", { name: /All/ }).click();
  await page.getByRole("button", { name: /Telegram/ }).waitFor();
});

it("the reader stays at the end while text grows, and where they are once they scrolled up", async () => {
  await scenes.streaming(kit);
  const page = await visit(wide, atWebsite);
  const scroll = page.getByRole("region", { name: "Conversation" });
  const distance = (): Promise<number> =>
    scroll.evaluate((at) => Math.round(at.scrollHeight - at.scrollTop - at.clientHeight));
  const grow = async (word: string): Promise<void> => {
    kit.clock.advance(200);
    kit.engine.event(website, { kind: "text", delta: `\n\n${"line\n\n".repeat(30)}${word}` });
    await log(page).getByText(word).waitFor();
  };
  await grow("oranges");
  await expect.poll(distance).toBeLessThan(2);
  await scroll.evaluate((at) => (at.scrollTop = 0));
  const newest = page.getByRole("button", { name: /Newest/ });
  await newest.waitFor();
  await grow("lemons");
  expect(await scroll.evaluate((at) => at.scrollTop)).toBe(0);
  await newest.click();
  await expect.poll(distance).toBeLessThan(2);
});

describe("accessible", () => {
  const screens: Record<string, { play: (kit: WebKit) => Promise<void>; hash: string }> = {
    "the first screen": { play: async () => undefined, hash: "#/new" },
    "a finished conversation": { play: scenes.past, hash: atWebsite },
    "a streaming run": { play: scenes.streaming, hash: atWebsite },
    "a queue": { play: scenes.queued, hash: atWebsite },
    "a stopping run": { play: scenes.stopping, hash: atWebsite },
    "messages on hold": { play: scenes.stopped, hash: atWebsite },
    "a quarantined run": { play: scenes.quarantined, hash: atWebsite },
    "a failed run": { play: scenes.failed, hash: atWebsite },
    "an interrupted run": { play: scenes.interrupted, hash: atWebsite },
    "a Telegram conversation": { play: scenes.past, hash: `#/c/${encodeURIComponent(reports)}` },
    "an approval": { play: async (at) => void (await scenes.asking(at)), hash: atWebsite },
    "an edit to approve": { play: async (at) => void (await scenes.asking(at, scenes.editAsk)), hash: atWebsite },
    "a tool to approve": { play: async (at) => void (await scenes.asking(at, scenes.hidingAsk)), hash: atWebsite },
    "a plan": { play: async (at) => void (await scenes.asking(at, scenes.planAsk)), hash: atWebsite },
    "a question with many choices": { play: scenes.askingMany, hash: atWebsite },
    "closed asks": { play: scenes.closedAsks, hash: atWebsite },
    "a run that changes files": { play: scenes.changing, hash: atWebsite },
    "a run that changed and sent files": { play: scenes.changed, hash: atWebsite },
    "lists to choose from": { play: scenes.choices, hash: atWebsite },
    "the list": { play: scenes.queued, hash: "#/" }, // narrow: the list alone
  };

  for (const [name, { play, hash }] of Object.entries(screens)) {
    it(`${name}, light and dark, wide and narrow`, async () => {
      await play(kit);
      const page = await visit(wide, hash);
      for (const [colorScheme, viewport] of [
        ["light", wide],
        ["dark", wide],
        ["dark", narrow],
        ["light", narrow],
      ] as const) {
        await page.emulateMedia({ colorScheme });
        await page.setViewportSize(viewport);
        await page
          .locator("details")
          .evaluateAll((all) => all.forEach((one) => ((one as HTMLDetailsElement).open = true)));
        expect(await violations(page)).toEqual([]);
      }
    });
  }

  it("the page that asks for a link, light and dark", async () => {
    for (const colorScheme of ["light", "dark"] as const) {
      const page = await (await stage.browser.newContext({ colorScheme })).newPage();
      await page.goto(kit.listening.url);
      expect(await violations(page)).toEqual([]);
      await page.goto(`${kit.listening.url}/enter?token=used`);
      expect(await violations(page)).toEqual([]);
    }
  });

  it("a lost connection and an unsent message", async () => {
    await scenes.past(kit);
    const page = await visit(wide, atWebsite);
    await kit[Symbol.asyncDispose]();
    await page.getByText("Connection lost.").waitFor();
    await write(page, "unsent");
    await page.getByRole("button", { name: "Send again" }).waitFor();
    expect(await violations(page)).toEqual([]);
  });

  it("files that are picked are uploaded at once, can be taken out again, and go with the message", async () => {
    await scenes.past(kit);
    const page = await visit(wide, atWebsite);
    const [chooser] = await Promise.all([
      page.waitForEvent("filechooser"),
      page.getByRole("button", { name: "Attach files" }).click(),
    ]);
    await chooser.setFiles([
      { name: "plan.txt", mimeType: "text/plain", buffer: Buffer.from("the plan") },
      { name: "wrong.txt", mimeType: "text/plain", buffer: Buffer.from("not this") },
    ]);
    const attached = page.getByRole("list", { name: "Attached files" });
    await attached.getByText("8 B").nth(1).waitFor();
    await page.getByRole("button", { name: "Remove wrong.txt" }).click();
    await write(page, "look at it");
    await expect
      .poll(() => kit.engine.accepted.at(-1)?.request)
      .toMatchObject({
        kind: "prompt",
        prompt: { text: "look at it", files: [{ state: "sent", file: { name: "plan.txt", bytes: 8 } }] },
      });
    await attached.waitFor({ state: "detached" });
  });
});

/** What axe finds, in words. It is evaluated, not loaded: the page's own rules allow no script but its own. */
async function violations(page: Page): Promise<string[]> {
  if (!(await page.evaluate(() => "axe" in window))) await page.evaluate(axe.source);
  return page.evaluate(async () => {
    await Promise.all(document.getAnimations().flatMap((one) => (one instanceof CSSTransition ? [one.finished] : [])));
    const { axe: run } = window as unknown as { axe: typeof axe };
    const { violations } = await run.run();
    return violations.flatMap(({ id, nodes }) =>
      nodes.map((node) => `${id}: ${node.html} ${node.failureSummary ?? ""}`),
    );
  });
}
