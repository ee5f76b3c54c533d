// What takes its time by Telegram's pace or by our own bounds, side by side, each with a program of its own.

import { describe, expect, test } from "vitest";
import { openDatabase } from "./house-rules.ts";
import { openScene } from "./scene.ts";

describe.concurrent("with patience", { timeout: 90_000 }, () => {
  test("when 20 messages wait, the next one is refused with a text, and nothing that waits is lost (I4, I14)", async () => {
    await using scene = await openScene({ driver: "demo" });
    const { owner } = scene.emulator;
    owner.sends("run 303");
    await scene.said(owner, "🔧 Sleep");
    for (let n = 1; n <= 20; n += 1) owner.sends(`waiting ${n}`);
    const refused = owner.sends("one too many");
    const said = await scene.said(owner, "already has 20 messages waiting");
    expect(said.replyTo).toBe(refused.message_id);
    owner.sends("/queue"); // its answer does not wait behind 20 acknowledgements (I7)
    await scene.said(owner, "20 messages waiting:", { after: said });
    await owner.taps("Clear the queue");
    owner.sends("/stop");
    await scene.said(owner, "Stopped.");
    using database = openDatabase(scene.home);
    const states = database
      ?.prepare("SELECT state, count(*) AS n FROM inbox WHERE sender = ? GROUP BY state")
      .all(String(owner.id));
    // The run and 20 that waited are cancelled by the person, one is refused; /queue, the tap and /stop are done.
    expect(Object.fromEntries((states ?? []).map((row) => [row["state"], row["n"]]))).toEqual({
      cancelled: 21,
      rejected: 1,
      done: 3,
    });
  });

  test("another program that keeps polling with this token: told, polled ever more rarely, and left to it after five times (T14)", async () => {
    await using scene = await openScene({ driver: "demo" });
    const { emulator, bridge } = scene;
    const description =
      "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running";
    emulator.faults.always("getUpdates", { kind: "error", code: 409, description });
    emulator.owner.sends("ends the poll that is under way");
    const { code } = await bridge.exited;
    expect(code).toBe(1);
    expect(bridge.output).toMatch(/another program polls this bot/i);
    const conflicts = emulator.journal.calls("getUpdates").filter(({ outcome }) => outcome.kind === "rejected");
    expect(conflicts).toHaveLength(5);
    const pauses = conflicts.slice(1).map(({ at }, index) => at - (conflicts[index]?.at ?? 0));
    expect(Math.min(...pauses)).toBeGreaterThan(2_900);
  });

  test("a short conflict, as after a restart, is outlived", async () => {
    await using scene = await openScene({ driver: "demo" });
    const { emulator } = scene;
    const description =
      "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running";
    emulator.faults.next("getUpdates", { kind: "error", code: 409, description });
    emulator.owner.sends("before");
    emulator.owner.sends("after");
    await scene.answered(emulator.owner, /You wrote: “after”/, { withinMs: 30_000 });
  });
});
