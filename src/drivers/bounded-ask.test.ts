import { expect, test } from "vitest";
import { askTextCharsMax } from "../domain/ask.ts";
import type { Ask, AskedAction } from "../domain/ask.ts";
import { boundedAsk } from "./bounded-ask.ts";

const long = `BEGIN${"x".repeat(3 * askTextCharsMax)}END`;
const approval = (action: AskedAction, reason: string | null = null): Ask => ({
  ...{ kind: "approval", action, reason },
  scopes: ["once"],
});

test("a long text is cut in the middle, says by how much, and keeps its bound", () => {
  const ask = boundedAsk({ kind: "plan", plan: long });
  const shown = ask.kind === "plan" ? ask.plan : "";
  expect(shown.length).toBeLessThanOrEqual(askTextCharsMax);
  expect(shown).toMatch(/^BEGIN.*\n… \d+ characters are not shown …\n.*END$/s);
});

test("what fits is the ask as it was, and can be allowed", () => {
  const whole = approval({ kind: "command", command: "x".repeat(askTextCharsMax), directory: "/w" }, "because");
  expect(boundedAsk(whole)).toEqual(whole);
});

test("what would be done is marked wherever it had to be cut: it is not what would be allowed (T5)", () => {
  const cut = { isCut: true };
  expect(boundedAsk(approval({ kind: "command", command: long, directory: null }))).toMatchObject(cut);
  expect(boundedAsk(approval({ kind: "command", command: "x", directory: long }))).toMatchObject(cut);
  expect(boundedAsk(approval({ kind: "tool", name: "t", input: long }))).toMatchObject(cut);
  const files = [
    { path: "a", diff: "+x" },
    { path: "b", diff: long },
  ];
  expect(boundedAsk(approval({ kind: "edit", files }))).toMatchObject(cut);
  expect(boundedAsk({ kind: "plan", plan: long })).toMatchObject(cut);
});

test("a long reason is cut and does not stand in the way: it is not what would be done", () => {
  const ask = boundedAsk(approval({ kind: "tool", name: "t", input: "{}" }, long));
  expect(ask).not.toHaveProperty("isCut");
  expect(ask.kind === "approval" && (ask.reason ?? "").length <= askTextCharsMax).toBe(true);
});
