import { expect, test } from "vitest";
import { newId } from "./ids.ts";

test("an id is a time and a random UUID, in 30 characters that are safe in a URL, a marker and Telegram's 64 bytes", () => {
  const ids = Array.from({ length: 1_000 }, newId);
  expect(ids.every((id) => /^[\w-]{30}$/.test(id))).toBe(true);
  expect(ids.every((id) => Buffer.from(id, "base64url").length === 22)).toBe(true);
  expect(new Set(ids).size).toBe(ids.length);
});

test("ids that are made together share their beginning, so that they are neighbours in an index", () => {
  const [one, other] = [newId(), newId()];
  // Five characters are the upper 30 of the 48 bits of time: they change every four minutes.
  expect(other.slice(0, 5)).toBe(one.slice(0, 5));
  expect(other.slice(8)).not.toBe(one.slice(8));
});
