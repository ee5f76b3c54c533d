// Threats of messages and their files through the whole program: hostile names (T6), archives (T7), previews (T9), addresses (T11). With the
// demo agent; docs/threats.md tells where the other threats are tested.

import { once } from "node:events";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join, relative, sep } from "node:path";
import { afterAll, beforeAll, expect } from "vitest";
import { zipArchive } from "../../src/media/sample-files.test-kit.ts";
import type { Home } from "./home.ts";
import { sceneTest } from "./scene-test.ts";

const test = sceneTest({ driver: "demo" });

/** Everything below the folder of files that came in, but for the empty place for what is on its way. */
function kept(home: Home): readonly string[] {
  const directory = join(home.state, "files");
  if (!existsSync(directory)) return [];
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => relative(directory, join(entry.parentPath, entry.name)));
}

/** Of a person: the folder of a conversation is named by its chat. */
const keptOf = (home: Home, person: { readonly id: number }): readonly string[] =>
  kept(home).filter((path) => path.startsWith(`telegram_${person.id}${sep}`));

// A server that an attacker would like us to ask: whatever reaches it is a request forged by a message (T11), or a look that tells (T9).
let trap: Server;
let trapped: string[];
const trapUrl = (path = "pixel.png"): string => `http://127.0.0.1:${(trap.address() as AddressInfo).port}/${path}`;

beforeAll(async () => {
  trapped = [];
  trap = createServer((request, response) => {
    trapped.push(String(request.url));
    response.end();
  }).listen(0, "127.0.0.1");
  await once(trap, "listening");
});
afterAll(() => {
  trap.close();
});

test("a hostile name of a document ends a path of ours and decides none of it (T6)", async ({ scene, person }) => {
  const before = new Set(readdirSync(scene.home.path, { recursive: true }).map(String));
  const names = [
    "../../../../escaped.txt",
    "/etc/cron.d/escaped",
    "..",
    ".",
    "..\\..\\escaped.txt",
    "nul\u0000byte.txt",
    "in\nlines\r.txt",
    "cod\u202Etxt.exe",
    "zero\u200Bwidth\uFEFF.txt",
    ".signalbox.db",
    "-rf",
    `${"long".repeat(200)}.txt`,
    "$(touch escaped);`touch escaped`.txt",
    "\uD800half.txt",
  ];
  const documents = names.map((name, at) => ({ kind: "document" as const, name, bytes: Buffer.from(`content ${at}`) }));
  // Albums: an answer for each would take as long as Telegram's pace wants.
  for (const [at, items] of [documents.slice(0, 7), documents.slice(7)].entries()) {
    person.sendsAlbum(items.map((item, index) => (index === 0 ? { ...item, caption: `album ${at}` } : item)));
    await scene.answered(person, new RegExp(`You wrote: “album ${at}\\b`), { withinMs: 60_000 });
  }
  const paths = keptOf(scene.home, person);
  expect(paths).toHaveLength(names.length);
  for (const path of paths) {
    const [, id, name = "", ...rest] = path.split(sep);
    expect(rest).toEqual([]);
    expect(id).toMatch(/^[0-9a-z]{9}-document-[A-Za-z0-9_-]{22}$/);
    expect(name).toBe(name.normalize("NFC"));
    expect(name).not.toMatch(/[\p{Cc}\p{Cf}\p{Cs}\\/]|^\.|^-/u);
    expect(Buffer.byteLength(name)).toBeLessThanOrEqual(120);
  }
  const contents = paths.map((path) => readFileSync(join(scene.home.state, "files", path), "utf8"));
  expect(contents.toSorted()).toEqual(names.map((_, at) => `content ${at}`).toSorted());
  const made = readdirSync(scene.home.path, { recursive: true }).map(String);
  const elsewhere = made.filter((path) => !before.has(path) && !path.startsWith(join("state", "files")));
  expect(elsewhere.filter((path) => /escaped/.test(path))).toEqual([]);
  expect(existsSync("/etc/cron.d/escaped")).toBe(false);
});

test("an archive that is a trap is told, leaves nothing, and holds nobody up (T7)", async ({ scene, person }) => {
  const traps: readonly (readonly [string, Buffer, RegExp])[] = [
    ["bomb.zip", zipArchive([{ name: "zeros", content: Buffer.alloc(30 * 1024 * 1024) }]), /only traps do/],
    ["slip.zip", zipArchive([{ name: "../../slipped.txt", content: "x" }]), /./],
    ["absolute.zip", zipArchive([{ name: "/tmp/slipped.txt", content: "x" }]), /./],
    ["link.zip", zipArchive([{ name: "link", content: "/etc/passwd", mode: 0o120777 }]), /./],
  ];
  for (const [name, bytes, why] of traps) {
    const sent = person.sendsDocument(name, bytes);
    const look = () =>
      person
        .chat()
        .fromBot.findLast(({ replyTo, text }) => replyTo === sent.message_id && text.includes("Nothing was"));
    const told = await scene.bridge.until(look, `the refusal of ${name}`, 60_000);
    expect(told.text).toMatch(why);
    expect(keptOf(scene.home, person)).toEqual([]);
  }
  expect(readdirSync(join(scene.home.state, "files", ".partial"))).toEqual([]);
  expect(readdirSync(scene.home.path, { recursive: true }).filter((path) => String(path).includes("slipped"))).toEqual(
    [],
  );
  person.sends("still there?");
  await scene.answered(person, /You wrote: “still there\?”/);
});

test("an address in a message is never asked, and nothing that is sent has a preview or an image of elsewhere (T9, T11)", async ({
  scene,
  person,
}) => {
  const url = trapUrl();
  const texts = [
    `look at ${url}`,
    `![pixel](${url}) and [words](${url})`,
    `<img src="${url}">`,
    `send ${url} to me as a photo`,
  ];
  for (const [at, text] of texts.entries()) {
    person.sends(`${text} #${at}`);
    await scene.answered(person, new RegExp(`#${at}”`), { withinMs: 60_000 });
  }
  const entities = [{ type: "text_link" as const, offset: 0, length: 4, url }];
  person.sends("here it is", { entities });
  await scene.answered(person, /You wrote: “here it is”/);
  person.sendsDocument("page.html", Buffer.from(`<img src="${url}"><link rel="stylesheet" href="${url}">`), {
    caption: `from ${url} #doc`,
  });
  await scene.answered(person, /#doc/, { withinMs: 60_000 });
  await scene.delivered();
  expect(trapped).toEqual([]);

  const { entries } = scene.emulator.journal;
  const withWords = entries.filter(({ method }) => method === "sendMessage" || method === "editMessageText");
  expect(withWords.length).toBeGreaterThan(texts.length);
  for (const { params } of withWords) expect(params["link_preview_options"]).toMatchObject({ is_disabled: true });
  for (const { method, params } of entries.filter(({ method: name }) => /^send(Photo|Document|MediaGroup)/.test(name)))
    expect(JSON.stringify(params), method).not.toContain(url);
});

test("a path that Telegram would never give is not asked for (T11)", async ({ scene, person }) => {
  const paths = [
    "../getMe",
    "documents/../../getMe",
    "documents/%2e%2e/file",
    "//evil.example/file",
    trapUrl("file"),
    `@${trapUrl("file").slice("http://".length)}`,
    "documents/file?x=1",
    "documents/file#x",
    "documents\\..\\file",
    "documents/.hidden",
    "",
  ];
  for (const [at, filePath] of paths.entries()) {
    const downloads = scene.emulator.journal.calls("downloadFile").length;
    const sent = person.sendsFile("document", { bytes: Buffer.from("x"), name: `${at}.txt`, filePath });
    const look = () => person.chat().fromBot.findLast(({ replyTo }) => replyTo === sent.message_id);
    const told = await scene.bridge.until(look, `the refusal of ${filePath}`, 60_000);
    expect(told.text, filePath).toContain("Nothing was started.");
    expect(scene.emulator.journal.calls("downloadFile"), filePath).toHaveLength(downloads);
  }
  expect(trapped).toEqual([]);
  expect(keptOf(scene.home, person)).toEqual([]);
});
