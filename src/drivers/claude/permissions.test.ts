import { expect, test } from "vitest";
import { optionsMax, questionsMax } from "../../domain/ask.ts";
import { askOf, readsWhatWasSent, refusalOf, resultOf } from "./permissions.ts";
import type { Call } from "./permissions.ts";

const call = (tool: string, input: Record<string, unknown>, more: Partial<Call> = {}): Call => ({
  tool,
  input,
  directory: "/work",
  mode: "default",
  permissions: "ask",
  suggestions: [],
  reason: "",
  said: "",
  ...more,
});
const rule = {
  type: "addRules" as const,
  rules: [{ toolName: "Bash", ruleContent: "npm *" }],
  behavior: "allow" as const,
};
const wide = { type: "setMode", mode: "acceptEdits", destination: "session" } as const;

test("what a command's line does not show is said with it", async () => {
  const input = { command: "x", description: "Why", run_in_background: true, dangerouslyDisableSandbox: true };
  expect(await askOf(call("Bash", input))).toMatchObject({
    reason: "Why\nIt would go on in the background.\nIt would run outside the agent's sandbox.",
    scopes: ["once"],
  });
  expect(await askOf(call("Bash", { command: "x" }))).toMatchObject({ reason: null });
});

test("allowed for the session, a rule is granted to the session alone, and nothing wider or elsewhere", () => {
  const suggestions = [{ ...rule, destination: "localSettings" as const }, wide];
  const asked = call("Bash", { command: "npm x" }, { suggestions });
  expect(resultOf(asked, { kind: "allow", scope: "session" })).toEqual({
    behavior: "allow",
    updatedInput: { command: "npm x" },
    updatedPermissions: [{ ...rule, destination: "session" }],
  });
  expect(resultOf(asked, { kind: "allow", scope: "once" })).not.toHaveProperty("updatedPermissions");
});

test("a suggestion that denies, or takes all asking away, is never granted", () => {
  const deny = { ...rule, behavior: "deny" as const, destination: "session" as const };
  const bypass = { type: "setMode", mode: "bypassPermissions", destination: "session" } as const;
  const asked = call("Bash", { command: "x" }, { suggestions: [deny, bypass] });
  expect(resultOf(asked, { kind: "allow", scope: "session" })).toEqual({
    behavior: "allow",
    updatedInput: { command: "x" },
  });
});

test("only an answer that fits allows anything, and nobody's answer is a no that ends the turn", () => {
  const answers = { kind: "answers", answers: [["a"]] } as const;
  const yes = { kind: "allow", scope: "session" } as const;
  expect(resultOf(call("Bash", {}), answers).behavior).toBe("deny");
  expect(resultOf(call("ExitPlanMode", {}), answers).behavior).toBe("deny");
  expect(resultOf(call("AskUserQuestion", {}), yes).behavior).toBe("deny");
  expect(resultOf(call("Bash", {}), null)).toMatchObject({ behavior: "deny", interrupt: true });
});

test.each([
  ["plan", "once", "default"],
  ["plan", "session", "acceptEdits"],
  ["ask", "once", "default"],
  ["edit", "once", "acceptEdits"],
  ["bypass", "session", "bypassPermissions"],
] as const)("under %s a plan allowed (%s) goes on in the mode %s", (permissions, scope, mode) => {
  const result = resultOf(call("ExitPlanMode", { plan: "p" }, { permissions }), { kind: "allow", scope });
  expect(result).toMatchObject({ updatedPermissions: [{ type: "setMode", mode, destination: "session" }] });
});

test("in plan mode everything but questions and the plan itself is refused", () => {
  const planning = (tool: string): unknown => refusalOf(call(tool, {}, { mode: "plan" }));
  expect(planning("Bash")).not.toBeNull();
  expect(planning("AskUserQuestion")).toBeNull();
  expect(planning("ExitPlanMode")).toBeNull();
  expect(refusalOf(call("Bash", {}, { mode: "default", permissions: "plan" }))).toBeNull(); // the plan was approved
});

test("a card is bounded in questions and options, and broken input is no crash", async () => {
  const options = Array.from({ length: 40 }, (_, index) => ({ label: `l${index}`, description: "d" }));
  const questions = Array.from({ length: 40 }, (_, index) => ({ question: `q${index}`, header: "h", options }));
  const ask = await askOf(call("AskUserQuestion", { questions }));
  if (ask.kind !== "questions") throw new Error("not questions");
  expect(ask.questions).toHaveLength(questionsMax);
  expect(ask.questions[0]?.options).toHaveLength(optionsMax);
  expect(await askOf(call("AskUserQuestion", { questions: [null, 7, { options: "x" }] }))).toMatchObject({
    questions: [{ text: "", options: [] }],
  });
});

test("reading what the person has just sent needs no approval; anything else of it does", () => {
  const sent = new Set(["/files/a/plan.pdf", "/files/b/photos.zip"]);
  const reads = (path: string, tool = "Read") => readsWhatWasSent({ tool, input: { file_path: path } }, sent);
  expect(reads("/files/a/plan.pdf")).toBe(true);
  expect(reads("/files/b/photos.zip.unpacked/deep/x.txt")).toBe(true);
  expect(reads("/files/a/plan.pdf", "Write")).toBe(false);
  expect(reads("/files/a/other.pdf")).toBe(false);
  expect(reads("/files/b/photos.zip.unpacked/../../../etc/passwd")).toBe(false);
  expect(reads("/files/a/plan.pdf.unpacked")).toBe(false);
  expect(reads("")).toBe(false);
});
