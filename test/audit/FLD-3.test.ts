/**
 * FLD-3. Seen: a lane that was "busy" though nothing ran in it, with nobody who would ever clear it; only a restart did.
 * Here: a lane is busy because a run's row says so, and that run's owner settles it: after trouble, after silence, or by a person.
 */
import { expect, test } from "vitest";
import { createHouse } from "../engine-house.ts";
import { asked, turnOf, wholeEscalationMs } from "./kit.ts";

test("a settlement that the database refuses is made later, and the lane goes on", async () => {
  const house = await createHouse();
  await house.send("a", "one");
  await house.send("a", "two");
  // A disk that is full where a settlement needs room.
  house.database.exec(`CREATE TABLE room (bytes BLOB);
    CREATE TRIGGER full BEFORE UPDATE OF state ON run WHEN NEW.state = 'settled'
    BEGIN INSERT INTO room VALUES (zeroblob(100000000)); END;
    PRAGMA max_page_count = 20000`);
  turnOf(house, 0).finish("1");
  await house.settled();
  await house.clock.advance(600_000);
  expect(asked(house)).toEqual(["one"]);
  house.database.exec("DROP TRIGGER full");
  await house.clock.advance(60_000);
  expect(asked(house)).toEqual(["one", "two"]);
  expect(await house.said("a")).toContainEqual(expect.objectContaining({ kind: "answer", text: "1" }));
});

test("a turn whose tool says nothing at all is named by the status, and a person gets the lane back without a restart", async () => {
  const house = await createHouse();
  await house.send("a", "one");
  turnOf(house, 0).emit({ kind: "tool-started", tool: { id: "1", name: "Bash", target: "make" } });
  await house.settled();
  await house.clock.advance(24 * 3_600_000);
  await house.command("a", { name: "status" });
  const day = { state: "running", elapsedMs: 24 * 3_600_000 };
  expect((await house.said("a")).at(-1)).toMatchObject({ notice: { kind: "status", lanes: [day] } });
  await house.send("a", "stop");
  await house.clock.advance(wholeEscalationMs);
  await house.press("a", "force-release");
  await house.send("a", "two");
  expect(asked(house)).toEqual(["one", "two"]);
});
