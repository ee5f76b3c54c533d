import { expect, test } from "vitest";
import { askTextCharsMax } from "../../domain/ask.ts";
import type { WirePermission, WireTool } from "./decode.ts";
import { askOf, decide, optionFor, optionToAllow } from "./permissions.ts";

const tool = (more: Partial<WireTool> = {}): WireTool => ({
  id: "t",
  kind: "",
  name: "",
  title: "",
  status: "pending",
  input: {},
  diffs: [],
  paths: [],
  text: "",
  ...more,
});
const asked = (...kinds: string[]): WirePermission => ({
  tool: { id: "t" },
  options: kinds.map((kind) => ({ id: `id of ${kind}`, kind })),
});
const edit = (...paths: string[]): WireTool => tool({ kind: "edit", paths });
const judge = (mode: "plan" | "ask" | "edit" | "bypass", one: WireTool) =>
  decide(mode, one, ["notify"], "/work/space", (path) => path.replace("/work/space/link", "/etc"));

test("bypass allows, ask asks, plan denies", () => {
  const command = tool({ kind: "execute", title: "make" });
  expect([judge("bypass", command), judge("ask", command), judge("plan", command), judge("edit", command)]).toEqual([
    "allow",
    "ask",
    "deny",
    "ask",
  ]);
});

test("under edit only edits whose every path lies in the workspace are made without asking", () => {
  expect(judge("edit", edit("/work/space/a.txt", "b/c.txt"))).toBe("allow");
  expect(judge("edit", edit("/work/space/a.txt", "/work/other.txt"))).toBe("ask");
  expect(judge("edit", edit("/work/spaceship/a.txt"))).toBe("ask");
  expect(judge("edit", edit("../up.txt"))).toBe("ask");
  expect(judge("edit", edit("/work/space/link/passwd"))).toBe("ask");
  expect(judge("edit", edit())).toBe("ask");
  const diffs = [{ path: "/etc/passwd", before: "", after: "x" }];
  expect(judge("edit", { ...edit("/work/space/a.txt"), diffs })).toBe("ask");
});

test("a tool of ours is never asked for; what runs or edits under its name is", () => {
  for (const title of ["signalbox_notify", "mcp_signalbox_notify", "mcp__signalbox__notify"]) {
    expect(judge("ask", tool({ title }))).toBe("allow");
    expect(judge("plan", tool({ name: title, kind: "other" }))).toBe("allow");
    expect(judge("ask", tool({ title, kind: "execute" }))).toBe("ask");
  }
  expect(judge("ask", tool({ title: "notify" }))).toBe("ask");
});

test("a plan is shown as a plan, also in plan mode", () => {
  const plan = tool({ kind: "switch_mode", text: "1. Do it." });
  expect(judge("plan", plan)).toBe("ask");
  expect(askOf(asked("allow_once"), plan)).toEqual({ kind: "plan", plan: "1. Do it." });
});

test("a command is shown exactly, from its input or, where the agent gives none, its title", () => {
  const command = "rm -rf x &&\n  echo  'done'";
  const shown = { kind: "command", command, directory: null };
  expect(askOf(asked("allow_once"), tool({ kind: "execute", title: "Remove x", input: { command } }))).toMatchObject({
    action: shown,
    scopes: ["once"],
  });
  expect(askOf(asked("allow_always", "allow_once"), tool({ kind: "execute", title: command }))).toMatchObject({
    action: shown,
    scopes: ["once", "session"],
  });
});

test("a text longer than a person can read is cut in the middle, says how much is missing, and cannot be allowed (T5)", () => {
  const command = `begin ${"x".repeat(2 * askTextCharsMax)} end`;
  const ask = askOf(asked("allow_once"), tool({ kind: "execute", title: command }));
  const shown = ask.kind === "approval" && ask.action.kind === "command" ? ask.action.command : "";
  expect(shown.length).toBeLessThanOrEqual(askTextCharsMax);
  expect(shown).toMatch(/^begin [^]*characters are not shown[^]* end$/);
  expect(ask).toMatchObject({ isCut: true });
});

test("answers become the agent's own options; one that it does not have is a cancellation", () => {
  const all = asked("allow_always", "allow_once", "reject_always", "reject_once");
  expect(optionFor(all, { kind: "allow", scope: "once" })).toBe("id of allow_once");
  expect(optionFor(all, { kind: "allow", scope: "session" })).toBe("id of allow_always");
  expect(optionFor(all, { kind: "deny", reason: null })).toBe("id of reject_once");
  expect(optionFor(asked("allow_always"), { kind: "allow", scope: "once" })).toBeNull();
  expect(optionFor(asked("allow_once"), { kind: "allow", scope: "session" })).toBe("id of allow_once");
  expect(optionFor(asked("allow_once"), { kind: "deny", reason: null })).toBeNull();
  expect(optionToAllow(asked("reject_once", "allow_always", "allow_once"))).toBe("id of allow_once");
});
