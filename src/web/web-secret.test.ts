import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";

import { readWebSecret } from "./web-secret.ts";

let home = "";

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "signalbox-secret-"));
});

afterEach(() => rmSync(home, { recursive: true }));

it("is made once, for its owner's eyes only, and stays the same", async () => {
  const path = join(home, "web-secret");
  const made = await readWebSecret(path);
  expect(made).toHaveLength(32);
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(Buffer.from(await readWebSecret(path))).toEqual(Buffer.from(made));
});

it("is made again when the file was cut short", async () => {
  const path = join(home, "web-secret");
  writeFileSync(path, "short");
  expect(await readWebSecret(path)).toHaveLength(32);
  expect(readFileSync(path)).toHaveLength(32);
});

it("rejects when it cannot be kept", async () => {
  await expect(readWebSecret(join(home, "no", "such", "directory"))).rejects.toMatchObject({ code: "ENOENT" });
});
