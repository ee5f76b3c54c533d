import { mkdtempSync, readdirSync, rmSync, utimesSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { createUploads, uploadBytesMax } from "./uploads.ts";

const directory = mkdtempSync(join(tmpdir(), "signalbox-uploads-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));
const signal = new AbortController().signal;
const mebibyte = new Uint8Array(1024 * 1024);

function open(now = Date.now) {
  return createUploads({ directory, newId: () => crypto.randomUUID(), now });
}

async function* chunks(count: number, fails = false): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < count; at += 1) yield mebibyte;
  if (fails) throw new Error("the browser went away");
}

async function fetched(source: string): Promise<{ kind: string; bytes: number }> {
  let bytes = 0;
  const sink = (chunk: Uint8Array) => Promise.resolve(((bytes += chunk.byteLength), "more" as const));
  const { kind } = await open().fetchFile(source, uploadBytesMax, sink, signal);
  return { kind, bytes };
}

test("what was uploaded is given to whoever takes the message in", async () => {
  const kept = await open().receive(chunks(2));
  if (kept === "too-large") throw new Error("it is not");
  expect(kept.bytes).toBe(2 * 1024 * 1024);
  expect(await fetched(kept.id)).toEqual({ kind: "fetched", bytes: kept.bytes });
});

test("a file that is too large, or whose browser breaks off, leaves nothing (I14)", async () => {
  const before = readdirSync(directory);
  expect(await open().receive(chunks(21))).toBe("too-large");
  await expect(open().receive(chunks(1, true))).rejects.toThrow("went away");
  expect(readdirSync(directory)).toEqual(before);
});

test("a name that is no id reaches nothing", async () => {
  for (const source of ["../../../../etc/hostname", "", "x".repeat(30)])
    expect(await fetched(source)).toEqual({ kind: "refused", bytes: 0 });
});

test("what was never sent is dropped after a day, when the next file comes", async () => {
  const kept = await open().receive(chunks(1));
  if (kept === "too-large") throw new Error("it is not");
  const dayAgo = Date.now() / 1000 - 25 * 60 * 60;
  utimesSync(join(directory, kept.id), dayAgo, dayAgo);
  await open().receive(chunks(1));
  expect(await fetched(kept.id)).toEqual({ kind: "refused", bytes: 0 });
});
