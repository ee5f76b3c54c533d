/**
 * N-6. There: an answer was shown by the stream of a live message, which skipped what was short; "Done." was never sent.
 * Here: the final answer is a row of its own, stored with the settlement, and sent whatever was shown before it. So is what was heard in a
 * voice message, and one word of it is a message.
 */
import { expect, test } from "vitest";
import { createHouse } from "../engine-house.ts";
import { createManualFiles } from "../manual-files.ts";
import { asked, turnOf } from "./kit.ts";
import { createUpdateQueue, startPolling, startSending } from "./telegram-line.ts";

test.each(["Done.", "7", "\u{1F44D}"])("the answer %j arrives, although nothing of it was streamed", async (answer) => {
  const house = await createHouse();
  const updates = createUpdateQueue(house.clock);
  startPolling(house, updates);
  const line = startSending(house);
  updates.message("do it");
  await house.settled();
  turnOf(house, 0).end({ kind: "completed", answer });
  turnOf(house, 0).becomeQuiet();
  await house.settled();
  await line.end();
  expect(line.telegram.seen).toEqual([`text 7: ${answer}`]);
});

test("an answer that was stored and not sent when the program was killed is sent by its next life", async () => {
  const before = await createHouse();
  const updates = createUpdateQueue(before.clock);
  startPolling(before, updates);
  updates.message("do it");
  await before.settled();
  turnOf(before, 0).finish("Done.");
  await before.settled(); // and no sender ever looked
  const house = await createHouse({ database: before.database });
  const line = startSending(house);
  await house.settled();
  await line.end();
  expect(line.telegram.seen).toEqual(["text 7: Done."]);
});

test.each(["Yes.", "7", "\u{1F44D}"])(
  "one spoken word, %j, is told and asked, and its short answer arrives",
  async (word) => {
    const incoming = createManualFiles();
    const house = await createHouse({ incoming });
    const updates = createUpdateQueue(house.clock);
    startPolling(house, updates);
    const line = startSending(house);
    updates.voice("v");
    await house.settled();
    incoming.fetch("v").arrive(word);
    await house.settled();
    expect(asked(house)[0]?.split("\n")[0]).toBe(word);
    turnOf(house, 0).finish("Done.");
    await house.settled();
    await line.end();
    expect(line.telegram.seen).toEqual([expect.stringContaining(word), "text 7: Done."]);
  },
);

test("an answer to what was heard that was stored and not sent when the program was killed is sent once by its next life", async () => {
  const incoming = createManualFiles();
  const before = await createHouse({ incoming });
  const updates = createUpdateQueue(before.clock);
  startPolling(before, updates);
  updates.voice("v");
  await before.settled();
  incoming.fetch("v").arrive("Go on.");
  await before.settled();
  turnOf(before, 0).finish("Done.");
  await before.settled(); // and no sender ever looked
  const again = createManualFiles();
  const house = await createHouse({ database: before.database, incoming: again });
  const line = startSending(house);
  await house.settled();
  await line.end();
  expect(line.telegram.seen).toEqual([expect.stringContaining("Go on."), "text 7: Done."]);
  expect([again.fetches, asked(house)]).toEqual([[], []]);
});
