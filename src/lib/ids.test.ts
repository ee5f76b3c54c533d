import { expect, test } from "vitest";
import { newId } from "./ids.ts";

test("an id is 128 bits in 22 characters that are safe in a URL, a marker and Telegram's 64 bytes", () => {
  const ids = Array.from({ length: 1_000 }, newId);
  expect(ids.every((id) => /^[\w-]{22}$/.test(id))).toBe(true);
  expect(ids.every((id) => Buffer.from(id, "base64url").length === 16)).toBe(true);
  expect(new Set(ids).size).toBe(ids.length);
});
