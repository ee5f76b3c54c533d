import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { findProgram, isProgram } from "./program-path.ts";

function directory(): string {
  const made = mkdtempSync(join(tmpdir(), "signalbox-programs-"));
  onTestFinished(() => rmSync(made, { recursive: true, force: true }));
  return made;
}

function file(path: string, mode: number): string {
  writeFileSync(path, "#!/bin/sh\n", { mode });
  return path;
}

test("the first program of the name on the PATH is found, past what cannot be executed", () => {
  const [texts, folders, first, second] = [directory(), directory(), directory(), directory()];
  file(join(texts, "tool"), 0o600);
  mkdirSync(join(folders, "tool"));
  const found = file(join(first, "tool"), 0o700);
  file(join(second, "tool"), 0o700);
  const path = ["/no/such", texts, folders, first, second].join(delimiter);
  expect(findProgram("tool", path)).toBe(found);
  expect(findProgram("tools", path)).toBeNull();
});

test("an absolute path stands for itself, whatever the PATH is", () => {
  const tool = file(join(directory(), "tool"), 0o700);
  expect(findProgram(tool, undefined)).toBe(tool);
  expect(findProgram(`${tool}s`, undefined)).toBeNull();
});

test("an empty entry of the PATH is not the present directory", () => {
  const here = directory();
  file(join(here, "tool"), 0o700);
  const before = process.cwd();
  process.chdir(here);
  onTestFinished(() => process.chdir(before));
  expect(findProgram("tool", "")).toBeNull();
  expect(findProgram("tool", `${delimiter}/no/such${delimiter}`)).toBeNull();
});

test("only a file that may be executed is a program", () => {
  const at = directory();
  expect(isProgram(file(join(at, "run"), 0o700))).toBe(true);
  expect(isProgram(file(join(at, "text"), 0o600))).toBe(false);
  expect(isProgram(at)).toBe(false);
  expect(isProgram(join(at, "nothing"))).toBe(false);
});
