import { expect, test } from "vitest";
import { splitAtMarks, visibleText, visibleWords } from "./visible.ts";

test("what reorders, hides or has no width is written as what it is", () => {
  expect(visibleText("rm -rf \u202Eoidua\u202C\u200B /")).toBe(
    "rm -rf \u27E8U+202E\u27E9oidua\u27E8U+202C\u27E9\u27E8U+200B\u27E9 /",
  );
  expect(visibleText("a\u2066b\u00ADc\u001B[31md\u{E0041}")).toBe(
    "a\u27E8U+2066\u27E9b\u27E8U+AD\u27E9c\u27E8U+1B\u27E9[31md\u27E8U+E0041\u27E9",
  );
});

test("lines and tabs stay, a carriage return in the middle of a line is seen", () => {
  expect(visibleText("one\r\n\ttwo\rthree\n")).toBe("one\n\ttwo\u27E8U+D\u27E9three\n");
});

test("emoji stay whole in words, and not in a command", () => {
  expect(visibleWords("\u{1F469}\u200D\u{1F4BB} \u2764\uFE0F \u202E")).toBe(
    "\u{1F469}\u200D\u{1F4BB} \u2764\uFE0F \u27E8U+202E\u27E9",
  );
  expect(visibleText("a\u200Db")).toBe("a\u27E8U+200D\u27E9b");
});

test("marks come apart from the text around them", () => {
  expect(splitAtMarks(visibleText("a\u202Eb"))).toEqual(["a", "\u27E8U+202E\u27E9", "b"]);
  expect(splitAtMarks("plain")).toEqual(["plain"]);
});
