// The playground in a browser: what a person can do on it, and that nothing of a message becomes markup.

import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openBrowser } from "../browser/browser.ts";
import { createEmulator, type Emulator } from "./emulator.ts";
import { pngPicture } from "./pictures.ts";
import { get } from "./rules/rule.ts";

const opened = await openBrowser();
const browser = (): Browser => {
  if (opened.kind === "missing") throw new Error(opened.why);
  return opened.browser;
};

async function openPlayground(emulator: Emulator) {
  const page = await browser().newPage();
  const errors: string[] = [];
  page.on("pageerror", ({ message }) => errors.push(message));
  page.on("console", (line) => {
    if (line.type() === "error") errors.push(line.text());
  });
  await page.goto(emulator.apiRoot);
  return { page, errors, [Symbol.asyncDispose]: () => page.close() };
}

describe.skipIf(opened.kind === "missing")("the playground", () => {
  let emulator: Emulator;
  beforeAll(async () => {
    emulator = await createEmulator();
  });
  afterAll(async () => {
    await emulator[Symbol.asyncDispose]();
    await browser().close();
  });

  it("writes, answers, edits and taps as the person", async () => {
    await using open = await openPlayground(emulator);
    const { page } = open;
    const { owner } = emulator;
    const message = page.getByLabel("Message", { exact: true });
    await message.fill("hello");
    await message.press("Enter");
    await page.getByText("hello").last().waitFor();
    expect(emulator.updates.pending().at(-1)?.message?.text).toBe("hello");

    const keyboard = { inline_keyboard: [[{ text: "Go", callback_data: "go" }]] };
    await get(emulator, "sendMessage", { chat_id: owner.chatId, text: "choose", reply_markup: keyboard });
    await page.getByRole("button", { name: "Go", exact: true }).click();
    const tap = await emulator.until(() => emulator.updates.pending().at(-1)?.callback_query);
    await get(emulator, "answerCallbackQuery", { callback_query_id: tap.id, text: "gone" });
    await page.getByText("gone").waitFor();

    const answer = page.getByLabel("Message 2");
    await answer.hover();
    await answer.getByRole("button", { name: "Reply" }).click();
    await message.fill("why");
    await message.press("Enter");
    const reply = await emulator.until(() =>
      emulator.updates.pending().find((update) => update.message?.text === "why"),
    );
    expect(reply.message?.reply_to_message?.message_id).toBe(2);

    await page.getByLabel("Message 3").waitFor();
    await message.press("ArrowUp");
    await message.fill("why not");
    await message.press("Enter");
    const edited = await emulator.until(() => emulator.updates.pending().at(-1)?.edited_message);
    expect(edited).toMatchObject({ message_id: 3, text: "why not" });
    expect(open.errors).toEqual([]);
  });

  it("sends two pictures as one album, with the text as caption", async () => {
    await using open = await openPlayground(emulator);
    const { page } = open;
    const picture = (name: string) => ({ name, mimeType: "image/png", buffer: pngPicture(8, 8) });
    await page.getByLabel("Attach files").setInputFiles([picture("a.png"), picture("b.png")]);
    await page.getByLabel("Message", { exact: true }).fill("both");
    await page.getByRole("button", { name: "Send", exact: true }).click();
    const parts = await emulator.until(() => {
      const photos = emulator.updates.pending().filter(({ message }) => message?.photo !== undefined);
      return photos.length === 2 && photos;
    });
    const [first, second] = parts.map(({ message }) => message);
    expect(first?.media_group_id).toBe(second?.media_group_id);
    expect([first?.caption, second?.caption]).toEqual(["both", undefined]);
    const shown = page.locator("#log img");
    await shown.last().waitFor();
    const widths = await shown.evaluateAll((images) =>
      Promise.all(
        images.map(async (image) => {
          await (image as unknown as { decode(): Promise<void> }).decode();
          return (image as unknown as { naturalWidth: number }).naturalWidth;
        }),
      ),
    );
    expect(widths).toEqual([8, 8]);
  });

  it("shows markup as the text it is, and follows no link that runs something", async () => {
    await using open = await openPlayground(emulator);
    const { page } = open;
    const evil = `<img src=x onerror="document.title='owned'">`;
    const entities = [{ type: "text_link", offset: 0, length: 4, url: "javascript:document.title='owned'" }];
    const mallory = emulator.user({ firstName: evil });
    mallory.sends(`evil ${evil}`, { entities: entities as never });
    mallory.sendsFile("document", { name: `${evil}.txt`, filler: 3 });
    await page.locator("#chats button").last().click();
    await page.getByText(`evil ${evil}`).last().waitFor();
    await page.getByText(`${evil}.txt`).last().waitFor();
    expect(await page.locator("#log img, #log a:not(.file)").count()).toBe(0);
    expect(await page.title()).toBe("A local Telegram");
  });
});
