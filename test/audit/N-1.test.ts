/**
 * N-1. There: the timer of an album started a run by itself when its last picture had come, outside every gate; and photos, documents,
 * voice and video never looked whether something ran.
 * Here: a message with files is an item like every other from its first moment. It is admitted once, keeps its place while it is not
 * whole, and is claimed when its turn comes; a timer only says that it may be.
 */
import { expect, test } from "vitest";
import { createHouse, type House } from "../engine-house.ts";
import { createManualFiles, promptWithFiles } from "../manual-files.ts";
import { asked, createJealousDriver, moments, ticks, turnOf } from "./kit.ts";

/** Past every pause in which further parts may come. */
const quietMs = 5_000;

async function sendAlbum(house: House, ...messages: readonly string[]): Promise<void> {
  for (const message of messages) {
    const part = { of: "album:1:x", opens: true, otherwise: "message" as const };
    await house.give("a", promptWithFiles([message]), { message, part });
  }
}

test.each(["photo", "voice", "audio", "video", "document"] as const)(
  "a %s that comes while a turn runs waits for its turn, also when it is fetched long before",
  async (kind) => {
    const driver = createJealousDriver();
    const incoming = createManualFiles();
    const house = await createHouse({ driver, incoming });
    await house.send("a", "one");
    await house.give("a", promptWithFiles(["x"], { kind }));
    incoming.fetch("x").arrive(kind === "voice" ? "listen" : undefined);
    await house.clock.advance(quietMs);
    expect(asked(house)).toEqual(["one"]);
    expect(await house.items("a")).toEqual(["running", "queued"]);
    turnOf(house, 0).finish("1");
    await house.settled();
    expect(asked(house)[1]).toContain("/f/x");
    expect(driver.overlaps()).toBe(0);
  },
);

test("an album whose last moment comes while a turn runs is one prompt, after it", async () => {
  const driver = createJealousDriver();
  const incoming = createManualFiles();
  const house = await createHouse({ driver, incoming });
  await sendAlbum(house, "1", "2");
  await house.send("b", "elsewhere", { workspace: "/projects/a" }); // the same directory, taken first
  await sendAlbum(house, "3");
  await house.clock.advance(quietMs);
  for (const source of ["1", "2", "3"]) {
    incoming.fetch(source).arrive();
    await house.settled();
  }
  expect(asked(house)).toEqual(["elsewhere"]);
  turnOf(house, 0).finish("1");
  await house.settled();
  expect(asked(house)).toHaveLength(2);
  for (const source of ["1", "2", "3"]) expect(asked(house)[1]).toContain(`/f/${source} `);
  expect(driver.overlaps()).toBe(0);
});

test.each(moments)(
  "a stop that comes %i turns of the event loop after the last file leaves nothing of the album to start",
  async (moment) => {
    const incoming = createManualFiles();
    const house = await createHouse({ incoming });
    await house.send("a", "one");
    await sendAlbum(house, "1");
    await house.clock.advance(quietMs);
    incoming.fetch("1").arrive();
    await ticks(moment);
    await house.send("a", "stop");
    turnOf(house, 0).obey("ask");
    await house.clock.advance(quietMs);
    expect(asked(house)).toEqual(["one"]);
    expect(await house.items("a")).toEqual(["cancelled", "held", "done"]);
  },
);
