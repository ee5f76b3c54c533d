import { expect, test } from "vitest";

import type { Ask, AskState } from "../../domain/ask.ts";
import { askOutcome, askTitle, whyNotAllowed } from "./ask-words.ts";

const command: Ask = {
  kind: "approval",
  action: { kind: "command", command: "npm test \\\n  --all", directory: null },
  reason: null,
  scopes: ["once"],
};
const edit: Ask = {
  kind: "approval",
  action: {
    kind: "edit",
    files: [
      { path: "a.ts", diff: "" },
      { path: "b.ts", diff: "" },
    ],
  },
  reason: null,
  scopes: ["once"],
};
const plan: Ask = { kind: "plan", plan: "1. work" };
const questions: Ask = {
  kind: "questions",
  questions: [{ header: "", text: "Which?", options: [], choice: "many", takesText: true }],
};

const line = (ask: Ask, state: AskState): string => {
  const outcome = askOutcome(ask, state);
  return outcome === null ? "open" : [outcome.mark, outcome.head, outcome.rest].join("|");
};
const deny = (reason: string | null): AskState => ({ kind: "answered", answer: { kind: "deny", reason } });
const allow = (scope: "once" | "session"): AskState => ({ kind: "answered", answer: { kind: "allow", scope } });

test("a title asks what may be done", () => {
  expect([command, edit, plan, questions].map(askTitle)).toEqual([
    "May it run this command?",
    "May it change these 2 files?",
    "Shall it carry out this plan?",
    "The agent has a question",
  ]);
});

test("a closed ask is one line that says what came of it", () => {
  expect(line(command, { kind: "open", answers: [], ticked: [] })).toBe("open");
  expect(line(command, allow("once"))).toBe("done|Allowed once|npm test \\ --all");
  expect(line(command, allow("session"))).toBe("done|Allowed for this session|npm test \\ --all");
  expect(line(edit, deny(null))).toBe("refused|Denied|edit of a.ts and 1 more");
  expect(line(edit, deny("not\nnow"))).toBe("refused|Denied|edit of a.ts and 1 more \u2013 \u201cnot now\u201d");
  expect(line(plan, allow("session"))).toBe("done|Plan accepted, edits go freely|");
  expect(line(plan, deny("smaller"))).toBe("refused|Not carried out|\u201csmaller\u201d");
  expect(line(questions, { kind: "answered", answer: { kind: "answers", answers: [["a", "b"], []] } })).toBe(
    "done|Answered|a, b \u00B7 none",
  );
});

test("what expired, was withdrawn or came too late says that nothing was done", () => {
  expect(line(command, { kind: "expired" })).toBe("over|Expired with its run, nothing was done|npm test \\ --all");
  expect(line(plan, { kind: "withdrawn" })).toBe("over|No longer asked|the plan");
  expect(line(questions, { kind: "late" })).toBe("over|The answer came too late, nothing was done|Which?");
});

test("what had to be cut says why it has no button that allows it (T5)", () => {
  expect([command, edit, plan, questions].map(whyNotAllowed)).toEqual([null, null, null, null]);
  const cut: Ask = { kind: "plan", plan: "1. work", isCut: true };
  expect(whyNotAllowed(cut)).toContain("cannot be allowed");
});
