import { chmodSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";

import { checkWorkspace } from "./workspace-choice.ts";

let home = "";

beforeEach(() => {
  home = realpathSync(mkdtempSync(join(tmpdir(), "signalbox workspace ")));
});

afterEach(() => rmSync(home, { recursive: true }));

it("a directory is taken by its real path, so that a link to it is the same workspace (I1)", async () => {
  mkdirSync(join(home, "real"));
  symlinkSync(join(home, "real"), join(home, "link"));
  expect(await checkWorkspace(` ${join(home, "link")} `)).toEqual({ kind: "ok", path: join(home, "real") });
});

it("~ is the home directory", async () => {
  expect(await checkWorkspace("~")).toEqual({ kind: "ok", path: realpathSync(homedir()) });
});

it.each(["", "projects/website", "../up", "~ada/x", "/with\0zero", `/${"x".repeat(5_000)}`])(
  "%j is no full path",
  async (typed) => {
    expect(await checkWorkspace(typed)).toMatchObject({
      kind: "refused",
      happened: expect.stringContaining("full path"),
    });
  },
);

it("a missing directory, a file, and a path through a file are told apart", async () => {
  writeFileSync(join(home, "file"), "");
  const told = async (name: string): Promise<string> => {
    const choice = await checkWorkspace(join(home, name));
    return choice.kind === "refused" ? choice.happened : "ok";
  };
  expect(await told("missing")).toContain("does not exist");
  expect(await told("file")).toContain("is a file, not a directory");
  expect(await told("file/below")).toContain("A part of");
});

it("a name that no file system takes is refused in words", async () => {
  expect(await checkWorkspace(join(home, "x".repeat(300)))).toMatchObject({ kind: "refused" });
});

it("a directory that may not be written is refused", async (context) => {
  context.skip(process.getuid?.() === 0, "the superuser may write everywhere");
  mkdirSync(join(home, "closed"));
  chmodSync(join(home, "closed"), 0o500);
  expect(await checkWorkspace(join(home, "closed"))).toMatchObject({
    kind: "refused",
    happened: expect.stringContaining("may not work"),
  });
});
