/**
 * What Codex asks during a turn, as a person is to see it, and the person's answer as Codex takes it. Pure.
 */
import { optionsMax, questionsMax } from "../../domain/ask.ts";
import type { Ask, AskAnswer, FileEdit } from "../../domain/ask.ts";
import { boundedAsk } from "../bounded-ask.ts";
import type { WireChange, WireRequest } from "./decode.ts";

/** `changes` are those of the item that an edit is asked for. Null: it is nothing that a person could answer. */
export function askOf(request: WireRequest, changes: readonly WireChange[]): Ask | null {
  const whole = wholeAskOf(request, changes);
  return whole === null ? null : boundedAsk(whole);
}

function wholeAskOf(request: WireRequest, changes: readonly WireChange[]): Ask | null {
  const scopes = ["once", "session"] as const;
  switch (request.kind) {
    case "command": {
      const reason = request.host === null ? request.reason : `${request.reason ?? "network access"} (${request.host})`;
      const action = { kind: "command", command: request.command, directory: request.directory } as const;
      return { kind: "approval", action, reason, scopes };
    }
    case "edit": {
      const reason = request.root === null ? request.reason : `${request.reason ?? "write access"} (${request.root})`;
      return { kind: "approval", action: { kind: "edit", files: editsOf(changes) }, reason, scopes };
    }
    case "permissions": {
      const action = { kind: "tool", name: "permissions", input: JSON.stringify(request.permissions) } as const;
      return { kind: "approval", action, reason: request.reason, scopes };
    }
    case "questions":
      return {
        kind: "questions",
        questions: request.questions.slice(0, questionsMax).map((question) => ({
          header: question.header,
          text: question.text,
          options: question.options.slice(0, optionsMax),
          choice: "one",
          takesText: question.takesOther || question.options.length === 0,
        })),
      };
    case "elicitation": {
      if (request.wantsInput) return null;
      const action = { kind: "tool", name: request.server, input: request.message } as const;
      return { kind: "approval", action, reason: null, scopes: ["once"] };
    }
    case "tool-call":
    case "unknown":
      return null;
    default:
      request satisfies never;
      return null;
  }
}

/** Null when this is no answer to that. */
export function answerOf(request: WireRequest, answer: AskAnswer): object | null {
  switch (request.kind) {
    case "command":
    case "edit":
      if (answer.kind === "answers") return null;
      if (answer.kind === "deny") return { decision: "decline" };
      return { decision: answer.scope === "session" ? "acceptForSession" : "accept" };
    case "permissions": {
      if (answer.kind === "answers") return null;
      if (answer.kind === "deny") return { permissions: {}, scope: "turn" };
      const asked = Object.entries(request.permissions).filter(([, value]) => value !== null);
      return { permissions: Object.fromEntries(asked), scope: answer.scope === "session" ? "session" : "turn" };
    }
    case "questions": {
      if (answer.kind === "allow") return null;
      const given = answer.kind === "deny" ? [] : answer.answers;
      const answers = request.questions.map(({ id }, at) => [id, { answers: [...(given[at] ?? [])] }]);
      return { answers: Object.fromEntries(answers) };
    }
    case "elicitation":
      if (answer.kind === "answers") return null;
      return elicited(answer.kind === "allow" ? "accept" : "decline");
    case "tool-call":
    case "unknown":
      return null;
    default:
      request satisfies never;
      return null;
  }
}

/** The answer to what nobody answers any more, or nobody can; null where only an error can be sent. */
export function refusalOf(request: WireRequest): object | null {
  switch (request.kind) {
    case "command":
    case "edit":
      return { decision: "cancel" };
    case "permissions":
      return { permissions: {}, scope: "turn" };
    case "questions":
      return { answers: {} };
    case "elicitation":
      return elicited("decline");
    case "tool-call":
      return toolAnswer({ kind: "failed", text: "This turn is over." });
    case "unknown":
      return null;
    default:
      request satisfies never;
      return null;
  }
}

export function toolAnswer(result: { readonly kind: "ok" | "failed"; readonly text: string }): object {
  return { contentItems: [{ type: "inputText", text: result.text }], success: result.kind === "ok" };
}

function elicited(action: "accept" | "decline"): object {
  return { action, content: action === "accept" ? {} : null, _meta: null };
}

/** A new or deleted file comes as its content; a person reads it as what it does to the file. */
function editsOf(changes: readonly WireChange[]): FileEdit[] {
  return changes.map((change) => ({ path: change.path, diff: diffOf(change) }));
}

function diffOf(change: WireChange): string {
  if (change.kind === "update") return change.diff;
  const lines = (change.diff.endsWith("\n") ? change.diff.slice(0, -1) : change.diff).split("\n");
  const [sign, head] =
    change.kind === "add" ? ["+", `@@ -0,0 +1,${lines.length} @@`] : ["-", `@@ -1,${lines.length} +0,0 @@`];
  return [head, ...lines.map((line) => `${sign}${line}`)].join("\n");
}
