/** What an ask is called in one line, and what came of it. Pure. */
import type { Ask, AskAnswer, AskedAction, AskState } from "../../domain/ask.ts";

export function askTitle(ask: Ask): string {
  switch (ask.kind) {
    case "approval":
      return actionTitle(ask.action);
    case "plan":
      return "Shall it carry out this plan?";
    case "questions":
      return ask.questions.length > 1 ? "The agent has questions" : "The agent has a question";
    default:
      return ask satisfies never;
  }
}

function actionTitle(action: AskedAction): string {
  switch (action.kind) {
    case "command":
      return "May it run this command?";
    case "edit":
      return action.files.length === 1
        ? "May it change this file?"
        : `May it change these ${action.files.length} files?`;
    case "tool":
      return "May it use this tool?";
    default:
      return action satisfies never;
  }
}

/** Why there is no button that allows it; null where there is one. */
export function whyNotAllowed(ask: Ask): string | null {
  return ask.kind !== "questions" && ask.isCut === true
    ? "This is too long to be shown whole, so it cannot be allowed."
    : null;
}

/** What it is about, in one line. */
function askSubject(ask: Ask): string {
  switch (ask.kind) {
    case "approval":
      return actionSubject(ask.action);
    case "plan":
      return "the plan";
    case "questions":
      return ask.questions.map(({ text }) => oneLine(text)).join(" \u00B7 ");
    default:
      return ask satisfies never;
  }
}

function actionSubject(action: AskedAction): string {
  switch (action.kind) {
    case "command":
      return oneLine(action.command);
    case "edit": {
      const [first, ...others] = action.files;
      if (first === undefined) return "an edit";
      return others.length === 0 ? `edit of ${first.path}` : `edit of ${first.path} and ${others.length} more`;
    }
    case "tool":
      return action.name;
    default:
      return action satisfies never;
  }
}

/** `head` says what came of it; `rest` what it was, or the answer. Null while it is open. */
export function askOutcome(
  ask: Ask,
  state: AskState,
): { readonly mark: "done" | "refused" | "over"; readonly head: string; readonly rest: string } | null {
  const subject = askSubject(ask);
  switch (state.kind) {
    case "open":
      return null;
    case "answered":
      return { ...answerWords(ask, state.answer, subject) };
    case "expired":
      return { mark: "over", head: "Expired with its run, nothing was done", rest: subject };
    case "withdrawn":
      return { mark: "over", head: "No longer asked", rest: subject };
    case "late":
      return { mark: "over", head: "The answer came too late, nothing was done", rest: subject };
    default:
      return state satisfies never;
  }
}

function answerWords(ask: Ask, answer: AskAnswer, subject: string) {
  switch (answer.kind) {
    case "allow": {
      const isPlan = ask.kind === "plan";
      const once = isPlan ? "Plan accepted, edits are asked for" : "Allowed once";
      const session = isPlan ? "Plan accepted, edits go freely" : "Allowed for this session";
      return { mark: "done", head: answer.scope === "once" ? once : session, rest: isPlan ? "" : subject } as const;
    }
    case "deny": {
      const head = { approval: "Denied", plan: "Not carried out", questions: "Not answered" }[ask.kind];
      const reason = answer.reason === null ? "" : `\u201c${oneLine(answer.reason)}\u201d`;
      const rest = ask.kind === "plan" ? reason : [subject, reason].filter((part) => part !== "").join(" \u2013 ");
      return { mark: "refused", head, rest } as const;
    }
    case "answers":
      return {
        mark: "done",
        head: "Answered",
        rest: answer.answers.map((given) => given.join(", ") || "none").join(" \u00B7 "),
      } as const;
    default:
      return answer satisfies never;
  }
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, " ").trim();
}
