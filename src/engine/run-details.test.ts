import { describe, expect, it } from "vitest";

import { createHouse, type House } from "../../test/engine-house.ts";
import { telegramConversation } from "../domain/conversation.ts";
import type { ItemKey } from "../domain/inbox-item.ts";
import { readText } from "../domain/typed-text.ts";
import type { Outgoing } from "./ports.ts";

async function finishedRun(house: House): Promise<void> {
  await house.send("a", "one");
  const turn = await house.driver.nextTurn();
  turn.emit({ kind: "thinking", delta: "Let me look." });
  turn.emit({ kind: "tool-started", tool: { id: "1", name: "Bash", target: "ls" }, input: "ls -l" });
  turn.emit({ kind: "tool-ended", id: "1", ok: true, result: "a.txt" });
  turn.emit({ kind: "diff", diff: "--- a/x\n+++ b/x\n@@ -1 +1 @@\n-1\n+2\n" });
  turn.finish("done");
  await house.settled();
}

/** What is said last in a chat whose messages all wait, so that nothing of a run was shown there: not even that it runs. */
async function lastWords(house: House, chat: number, end: "finish" | "fail" | "stop", ...settings: readonly string[]) {
  const conversation = telegramConversation(chat, null);
  const say = async (text: string): Promise<void> => {
    const key = `run-details:${chat}:${text}` as ItemKey;
    const item = { key, conversation, user: "7", message: null, priority: "interactive" as const, sentAtMs: 0 };
    await house.engine.accept([{ ...item, request: readText(text), sentAtMs: house.clock.now() }]);
    await house.settled();
  };
  for (const setting of settings) await say(`/settings ${setting}`);
  await say("one");
  const turn = await house.driver.nextTurn();
  turn.emit({ kind: "tool-started", tool: { id: "1", name: "Bash", target: "ls" }, input: "ls -l" });
  turn.emit({ kind: "diff", diff: "+2" });
  if (end === "stop") await say("/stop");
  if (end === "finish") turn.finish("done");
  else turn.obey("ask");
  if (end === "fail") turn.end({ kind: "failed", fault: { kind: "overloaded" } });
  turn.becomeQuiet();
  await house.settled();
  return (await house.store.history.messages(conversation, 100)).at(-1)?.body;
}

const actions = (body: Outgoing | undefined): string[] =>
  body !== undefined && "buttons" in body ? (body.buttons ?? []).flat().map(({ action }) => action.kind) : [];

describe("the details of a run", () => {
  it("are shown as often as they are asked for", async () => {
    await using house = await createHouse();
    await finishedRun(house);
    const id = await house.button("a", "details");
    for (let times = 1; times <= 2; times += 1) {
      expect((await house.press("a", "details", { id })).toast).toBe("");
      const shown = (await house.said("a")).filter((body) => body.kind === "notice" && body.notice.kind === "details");
      expect(shown).toHaveLength(times);
      expect(shown.at(-1)).toMatchObject({
        notice: {
          page: 1,
          pages: 1,
          details: [
            { kind: "tool", name: "Bash", state: "ok", input: "ls -l", result: "a.txt" },
            { kind: "thinking", text: "Let me look." },
          ],
        },
        buttons: [],
      });
    }
  });

  it("stand under the answer where nothing was shown of the run, with its line where there are drafts", async () => {
    await using house = await createHouse();
    const said = [
      await lastWords(house, 1, "finish"),
      await lastWords(house, 2, "finish", "view quiet"),
      await lastWords(house, 3, "finish", "stream drafts"),
      await lastWords(house, 4, "finish", "stream drafts", "view quiet"),
    ];
    expect(said.map((body) => body?.kind === "answer" && body.line)).toEqual([
      null,
      null,
      { durationMs: 0, toolCount: 1, usage: null },
      null,
    ]);
    expect(said.map(actions)).toEqual(said.map(() => ["details", "changes"]));
  });

  it("stand under the word of a stop and of a failure as well, behind what can be done about it", async () => {
    await using house = await createHouse();
    const failed = await lastWords(house, 1, "fail", "view quiet");
    expect(failed).toMatchObject({ kind: "notice", notice: { kind: "failed" } });
    expect(actions(failed)).toEqual(["run-again", "details", "changes"]);
    const stopped = await lastWords(house, 2, "stop", "stream drafts");
    expect(stopped).toMatchObject({ kind: "notice", notice: { kind: "stopped" } });
    expect(actions(stopped)).toEqual(["details", "changes"]);
  });

  it("stand once: under the last line of a run that has one, and not under its answer", async () => {
    await using house = await createHouse();
    await finishedRun(house);
    const said = await house.said("a");
    expect(actions(said.find(({ kind }) => kind === "summary"))).toEqual(["details", "changes"]);
    expect(said.find(({ kind }) => kind === "answer")).toMatchObject({ line: null, buttons: [] });
  });

  it("have pages, each with the way to those beside it", async () => {
    await using house = await createHouse();
    await house.send("a", "one");
    const turn = await house.driver.nextTurn();
    for (let n = 0; n < 12; n += 1) {
      turn.emit({ kind: "tool-started", tool: { id: `${n}`, name: "Bash", target: `${n}` }, input: "x".repeat(700) });
    }
    turn.finish("done");
    await house.press("a", "details");
    await house.press("a", "details", { id: await house.button("a", "details", "Page 2") });
    const pages = (await house.said("a")).flatMap((body) =>
      body.kind === "notice" && body.notice.kind === "details" ? [body] : [],
    );
    expect(pages.map(({ notice }) => notice)).toMatchObject([
      { page: 1, pages: 4 },
      { page: 2, pages: 4 },
    ]);
    expect(
      pages
        .at(-1)
        ?.buttons.flat()
        .map(({ action }) => action),
    ).toMatchObject([{ page: 0 }, { page: 2 }]);
  });

  it("have what was changed beside them, and are kept once: the last line holds none", async () => {
    await using house = await createHouse();
    await finishedRun(house);
    await house.press("a", "changes");
    expect((await house.said("a")).at(-1)).toMatchObject({
      notice: { kind: "changes", diff: expect.stringContaining("+2") },
    });
    const summary = (await house.said("a")).find(({ kind }) => kind === "summary");
    expect(summary).toMatchObject({ summary: { transcript: { details: [] } } });
  });

  it("are offered only where there are some", async () => {
    await using house = await createHouse();
    await house.send("a", "one");
    (await house.driver.nextTurn()).finish("done");
    await expect(house.button("a", "details")).rejects.toThrow("no details button");
  });

  it("belong to their conversation: a button of another one does nothing", async () => {
    await using house = await createHouse();
    await finishedRun(house);
    const id = await house.button("a", "details");
    expect((await house.press("b", "details", { id })).toast).toBe(
      "This button does not belong here. Nothing was done.",
    );
    expect(await house.said("b")).toEqual([]);
  });
});
