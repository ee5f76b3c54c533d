import { describe, expect, it } from "vitest";

import { createHouse, type House } from "../../test/engine-house.ts";

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
