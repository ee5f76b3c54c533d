import { describe, expect, it } from "vitest";

import { createHouse } from "../../test/engine-house.ts";
import { webConversation } from "../domain/conversation.ts";
import { defaultConversationSettings } from "../domain/conversation-settings.ts";

describe("a claimed run", () => {
  it("is shown as its conversation wants it", async () => {
    await using house = await createHouse();
    await house.send("a", "one");
    const first = await house.driver.nextTurn();
    const settings = { ...defaultConversationSettings, view: "quiet", stream: "drafts" } as const;
    await house.store.transact((tx) => tx.chooseSettings(webConversation("a"), settings));
    first.finish("1");
    await house.send("a", "two");
    const statuses = (await house.said("a")).filter(({ kind }) => kind === "status");
    expect(statuses).toMatchObject([
      { view: "normal", stream: "edits" },
      { view: "quiet", stream: "drafts" },
    ]);
  });
});
