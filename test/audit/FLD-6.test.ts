/**
 * FLD-6. Seen: the lock on a workspace was a lease with a time-out; a turn that took longer lost it, and a second agent began beside it.
 * Here: the run's row and the operating system's lock last as long as the run; neither knows the time.
 */
import { mkdirSync, mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test, vi } from "vitest";
import { createWorkspaces } from "../../src/drivers/workspaces.ts";
import { createHouse } from "../engine-house.ts";
import { asked, turnOf } from "./kit.ts";

const twoDaysMs = 48 * 3_600_000;

test("a turn of two days holds its directory against other conversations to its end", async () => {
  const house = await createHouse();
  await house.send("a", "long", { workspace: "/projects/shared" });
  await house.clock.advance(twoDaysMs);
  await house.send("b", "short", { workspace: "/projects/shared" });
  await house.clock.advance(twoDaysMs);
  expect(asked(house)).toEqual(["long"]);
  turnOf(house, 0).finish("done");
  await house.settled();
  expect(asked(house)).toEqual(["long", "short"]);
});

test("another Signalbox is refused the directory for as long as it is held", async () => {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
  const tmpDir = realpathSync(mkdtempSync(join(tmpdir(), "signalbox-audit-")));
  onTestFinished(() => rmSync(tmpDir, { recursive: true }));
  const workspace = join(tmpDir, "project");
  mkdirSync(workspace);
  const [ours, theirs] = [0, 1].map(() => createWorkspaces({ tmpDir, uid: process.getuid?.() ?? 0 }));
  const held = await ours?.hold(workspace);
  if (held?.kind !== "held") throw new Error("not held");
  await vi.advanceTimersByTimeAsync(twoDaysMs);
  expect(await theirs?.hold(workspace)).toMatchObject({ kind: "refused", fault: { kind: "workspace-locked" } });
  await held.lock[Symbol.asyncDispose]();
  expect(await theirs?.hold(workspace)).toMatchObject({ kind: "held" });
});
