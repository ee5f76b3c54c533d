import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { readImages } from "./prompt-images.ts";

const directory = mkdtempSync(join(tmpdir(), "signalbox-images-"));
afterEach(() => rmSync(directory, { recursive: true, force: true }));

test("images come in their order; one that is too large for a model, or gone, is left to the text", () => {
  const path = (name: string, bytes: number): string => {
    const whole = join(directory, name);
    writeFileSync(whole, Buffer.alloc(bytes, 1));
    return whole;
  };
  const images = [
    { path: path("a.png", 3), mediaType: "image/png" },
    { path: path("large.png", 3_750_001), mediaType: "image/png" },
    { path: join(directory, "gone.png"), mediaType: "image/png" },
    { path: path("b.jpg", 3), mediaType: "image/jpeg" },
  ];
  expect(readImages({ text: "", images }).map(({ mediaType, base64 }) => [mediaType, base64])).toEqual([
    ["image/png", "AQEB"],
    ["image/jpeg", "AQEB"],
  ]);
  expect(readImages({ text: "nothing else" })).toEqual([]);
});
