import { expect, test } from "vitest";
import { isSameCode, shortCode, spelledCode } from "./short-code.ts";

test("a code has eight characters, none of which looks like another one", () => {
  const codes = Array.from({ length: 2_000 }, (_, index) => shortCode(`seed ${index}`));
  for (const code of codes) expect(code).toMatch(/^[ACDEFGHJKMNPQRTUVWXY34679]{8}$/);
  expect(new Set(codes.join("")).size).toBe(25);
  expect(new Set(codes).size).toBe(codes.length);
});

test("a code is recognised however it was typed, and nothing else is", () => {
  const code = shortCode("a");
  expect(isSameCode(spelledCode(code), code)).toBe(true);
  expect(isSameCode(` ${code.toLowerCase()} `, code)).toBe(true);
  expect(isSameCode(code.slice(0, 7), code)).toBe(false);
  expect(isSameCode(`${code}A`, code)).toBe(false);
  expect(isSameCode("", code)).toBe(false);
});
