/**
 * N-7, N-15. There: queues, schedules and sessions were JSON files; several writers read, changed and wrote them without a lock, and the
 * last one to write undid the others.
 * Here: one database, one transaction per decision, one program that may write.
 */
import { expect, test } from "vitest";
import { createHouse } from "../engine-house.ts";
import { turnOf } from "./kit.ts";

test("nothing is lost of what many write at the same time", async () => {
  const house = await createHouse({ runsMax: 2 });
  await house.send("a0", "first");
  const writers = Array.from({ length: 40 }, (_, n) =>
    house.send(`a${n % 4}`, `text ${n}`, { workspace: "/projects" }),
  );
  turnOf(house, 0).finish("done"); // a settlement writes among them
  await Promise.all([...writers, house.command("a1", { name: "queue" }), house.command("b", { name: "status" })]);
  const { received, byState } = await house.store.history.counts();
  expect(received).toBe(43);
  expect(Object.values(byState).reduce((sum, count) => sum + count, 0)).toBe(43);
  const kept = await Promise.all([0, 1, 2, 3].map((n) => house.store.history.items(house.conversation(`a${n}`), 100)));
  const texts = kept.flat().flatMap(({ request }) => (request.kind === "prompt" ? [request.prompt.text] : []));
  expect(texts.toSorted()).toEqual(["first", ...Array.from({ length: 40 }, (_, n) => `text ${n}`)].toSorted());
});

test("a decision that fails half-way leaves nothing of itself, and takes nothing from those beside it", async () => {
  const house = await createHouse();
  const torn = house.store.transact(async (tx) => {
    await tx.openLane(house.conversation("torn"), "/projects/torn", true, "session-torn");
    throw new Error("half-way");
  });
  await Promise.all([house.send("a", "one"), expect(torn).rejects.toThrow("half-way"), house.send("b", "two")]);
  expect((await house.store.history.lanes()).map(({ workspace }) => workspace)).toEqual(["/projects/a", "/projects/b"]);
});

test("a program that was succeeded by another one writes nothing more", async () => {
  const before = await createHouse();
  await before.send("a", "one");
  const house = await createHouse({ database: before.database });
  const counts = await house.store.history.counts();
  await expect(before.send("a", "into the other's file")).rejects.toMatchObject({ kind: "deposed" });
  expect(await house.store.history.counts()).toEqual(counts);
});
