import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { createWorkspaces } from "./workspaces.ts";

const uid = process.getuid?.() ?? 0;

/** Two instances on one machine, and a workspace. */
function machine() {
  const tmpDir = realpathSync(mkdtempSync(join(tmpdir(), "signalbox-ws-")));
  onTestFinished(() => {
    chmodSync(tmpDir, 0o700);
    rmSync(tmpDir, { recursive: true });
  });
  const workspace = join(tmpDir, "project");
  mkdirSync(workspace);
  const locks = join(tmpDir, `signalbox-locks-${uid}`);
  return { tmpDir, workspace, locks, one: createWorkspaces({ tmpDir, uid }), two: createWorkspaces({ tmpDir, uid }) };
}

test("a workspace that another instance holds is refused as locked, also by another of its names, and free after release", async () => {
  const { tmpDir, workspace, one, two } = machine();
  const link = join(tmpDir, "link");
  symlinkSync(workspace, link);
  const held = await one.hold(workspace);
  if (held.kind !== "held") throw new Error("not held");
  expect(await two.hold(link)).toEqual({ kind: "refused", fault: { kind: "workspace-locked", path: link } });
  await held.lock[Symbol.asyncDispose]();
  const again = await two.hold(link);
  expect(again.kind).toBe("held");
  if (again.kind === "held") await again.lock[Symbol.asyncDispose]();
});

test("a run that finds this instance's own earlier hold shares it, and the directory is free when the last one gave it back", async () => {
  const { workspace, one, two } = machine();
  const released = await one.hold(workspace);
  const next = await one.hold(workspace);
  if (released.kind !== "held" || next.kind !== "held") throw new Error("refused");
  await released.lock[Symbol.asyncDispose]();
  await released.lock[Symbol.asyncDispose]();
  expect(await two.hold(workspace)).toMatchObject({ fault: { kind: "workspace-locked" } });
  await next.lock[Symbol.asyncDispose]();
  expect(await two.hold(workspace)).toMatchObject({ kind: "held" });
});

test("two different workspaces are held at once, and nothing is left in either", async () => {
  const { tmpDir, workspace, one, two } = machine();
  const other = join(tmpDir, "other");
  mkdirSync(other);
  const holds = await Promise.all([one.hold(workspace), two.hold(other)]);
  expect(holds.map((hold) => hold.kind)).toEqual(["held", "held"]);
  for (const hold of holds) if (hold.kind === "held") await hold.lock[Symbol.asyncDispose]();
  expect(readdirSync(workspace)).toEqual([]);
});

test("a missing directory, a file and a dangling link are missing workspaces", async () => {
  const { tmpDir, workspace, one } = machine();
  writeFileSync(join(workspace, "file"), "");
  symlinkSync(join(tmpDir, "nowhere"), join(tmpDir, "dangling"));
  for (const path of [
    join(workspace, "no"),
    join(workspace, "file"),
    join(workspace, "file", "x"),
    join(tmpDir, "dangling"),
  ]) {
    expect(await one.hold(path)).toEqual({ kind: "refused", fault: { kind: "workspace-missing", path } });
  }
});

test("a directory that may not be written is refused", async (ctx) => {
  if (uid === 0) ctx.skip("root may write everywhere"); // throws: nothing below runs
  const { workspace, one } = machine();
  chmodSync(workspace, 0o500);
  const fault = { kind: "workspace-not-writable", path: workspace };
  expect(await one.hold(workspace)).toEqual({ kind: "refused", fault });
});

test("the lock directory belongs to this user alone", async () => {
  const { workspace, locks, one } = machine();
  const held = await one.hold(workspace);
  expect(statSync(locks).mode & 0o777).toBe(0o700);
  if (held.kind === "held") await held.lock[Symbol.asyncDispose]();
});

test("a lock directory that others may write, or that is a link, is not trusted: nothing is locked and nothing runs", async () => {
  const { tmpDir, workspace, locks, one } = machine();
  mkdirSync(locks);
  chmodSync(locks, 0o777);
  expect(await one.hold(workspace)).toMatchObject({ kind: "refused", fault: { kind: "internal" } });
  rmSync(locks, { recursive: true });
  const elsewhere = join(tmpDir, "elsewhere");
  mkdirSync(elsewhere, { mode: 0o700 });
  symlinkSync(elsewhere, locks);
  expect(await one.hold(workspace)).toMatchObject({ kind: "refused", fault: { kind: "internal" } });
});
