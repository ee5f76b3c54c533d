import { expect, test } from "vitest";
import { answerForAgent, decideAsk, isAllowable, openAsk } from "./ask.ts";
import type { Ask } from "./ask.ts";

const action = { kind: "command", command: "rm -rf …", directory: null } as const;
const whole: Ask & { kind: "approval" } = { kind: "approval", action, reason: null, scopes: ["once", "session"] };
const cut: Ask = { ...whole, isCut: true };
const cutPlan: Ask = { kind: "plan", plan: "…", isCut: true };

test("what had to be cut is not allowed by anybody, whatever the road, and stays open to be denied (T5)", () => {
  for (const ask of [cut, cutPlan]) {
    expect(isAllowable(ask)).toBe(false);
    for (const scope of ["once", "session"] as const) {
      const decision = decideAsk(ask, openAsk, { kind: "allow", scope });
      expect(decision.kind).toBe("ignored");
      expect(decision.toast).toContain("cannot be allowed");
    }
    expect(decideAsk(ask, openAsk, { kind: "deny" }).kind).toBe("answered");
  }
  expect(decideAsk(whole, openAsk, { kind: "allow", scope: "once" }).kind).toBe("answered");
});

test("the agent hears that it was too long, after the person's own words; of an ask that was whole only those", () => {
  const said = answerForAgent(cut, { kind: "deny", reason: "No." });
  expect(said).toMatchObject({ reason: expect.stringMatching(/^No\.\n\n.*smaller parts/s) as string });
  expect(answerForAgent(whole, { kind: "deny", reason: null })).toEqual({ kind: "deny", reason: null });
});
