// What the agent asks, answered on the page, with the real Claude Code (issue rows D13, V6; I7; T8).

import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import type { ConversationView, Entry } from "../../src/web/wire.ts";
import { scripted } from "../model/script.ts";
import { openPage } from "./page-client.ts";
import { sceneTest } from "./scene-test.ts";

const test = sceneTest({
  driver: "claude",
  env: { SIGNALBOX_PERMISSIONS: "ask", SIGNALBOX_WEB: "127.0.0.1:0" },
}).extend("page", { scope: "file" }, async ({ scene }) => openPage(scene.bridge));

type Asked = Entry & { kind: "ask" };

const askIn = ({ entries }: ConversationView, kind: Asked["state"]["kind"]) =>
  entries.findLast((entry): entry is Asked => entry.kind === "ask" && entry.state.kind === kind);

const answerIn = ({ entries }: ConversationView, text: string) =>
  entries.some((entry) => entry.kind === "answer" && entry.markdown === text);

const bash = (command: string) => ({ tool: "Bash", input: { command, description: "test" } });

test("a command is told exactly, waits for the answer, and runs after it", async ({ scene, page }) => {
  const command = "touch allowed-on-the-page && ls";
  expect(await page.send("once", scripted([[bash(command)], ["done"]]))).toBe(200);
  const asked = await page.until("once", (view) => askIn(view, "open"), "an ask");
  expect(asked.about).toMatchObject({
    kind: "approval",
    action: { kind: "command", command, directory: scene.home.workspace },
  });
  const lane = (await page.overview()).lanes.find(({ conversation }) => conversation === "web:once");
  expect([lane?.asks, lane?.state]).toEqual([1, "running"]);
  expect(existsSync(join(scene.home.workspace, "allowed-on-the-page"))).toBe(false);
  expect(await page.press("once", "Allow once")).toBe(200);
  await page.until("once", (view) => answerIn(view, "done"), "the answer");
  expect(existsSync(join(scene.home.workspace, "allowed-on-the-page"))).toBe(true);
  const closed = askIn(await page.view("once"), "answered");
  expect([closed?.id, closed?.buttons]).toEqual([asked.id, []]);
});

test("a denial reaches the agent with its reason", async ({ scene, page }) => {
  await page.send("denied", scripted([[bash("touch denied-on-the-page")], ["understood"]]));
  await page.until("denied", (view) => askIn(view, "open"), "an ask");
  expect(await page.answer("denied", "Use the cellar door.")).toBe(200);
  await page.until("denied", (view) => answerIn(view, "understood"), "the answer");
  expect(JSON.stringify(scene.model.requests.at(-1)?.body.messages)).toContain("Use the cellar door.");
  expect(existsSync(join(scene.home.workspace, "denied-on-the-page"))).toBe(false);
});

test("a stop while something is asked ends the run, and the card closes", async ({ scene, page }) => {
  await page.send("stopped", scripted([[bash("touch stopped-on-the-page")], ["done"]]));
  await page.until("stopped", (view) => askIn(view, "open"), "an ask");
  expect(await page.stop("stopped", "conversation")).toBe(200);
  const ended = await page.until("stopped", (view) => view.run === null && view, "the run to end");
  const card = ended.entries.find((entry) => entry.kind === "ask");
  // The agent takes its question back when it is interrupted; where it does not, the question expires with the run.
  expect(["withdrawn", "expired"]).toContain(card?.kind === "ask" ? card.state.kind : "none");
  expect(card?.kind === "ask" ? card.buttons : null).toEqual([]);
  expect(existsSync(join(scene.home.workspace, "stopped-on-the-page"))).toBe(false);
});

test("a file that the agent sends is saved by the browser", async ({ scene, page }) => {
  writeFileSync(join(scene.home.workspace, "numbers.csv"), "a;b\n1;2\n");
  const send = { tool: "mcp__signalbox__send_file", input: { path: "numbers.csv", caption: "The numbers" } };
  await page.send("file", scripted([[send], ["sent"]]));
  await page.until("file", (view) => answerIn(view, "sent"), "the answer");
  const response = await page.load("file", "numbers.csv");
  expect(response.headers.get("content-disposition")).toMatch(/^attachment; filename="numbers\.csv"/);
  expect(await response.text()).toBe("a;b\n1;2\n");
});

test("a file that is given to the page reaches the agent with its text (M7)", async ({ scene, page }) => {
  const file = { name: "notes.md", type: "text/markdown", bytes: Buffer.from("# remember the milk\n") };
  expect(await page.give("given", "what is in it?", file)).toBe(200);
  await page.until(
    "given",
    ({ entries }) =>
      entries.some((entry) => entry.kind === "answer" && entry.markdown.startsWith("echo: what is in it?")),
    "the answer",
  );
  expect(scene.model.requests.at(-1)?.prompt).toContain("# remember the milk");
});
