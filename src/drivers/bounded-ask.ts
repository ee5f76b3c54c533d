/**
 * An ask within the bounds of the domain (I14), made of what an agent has said whole.
 *
 * 1. A text that is too long is cut in the middle, so that both ends can be read, and says how much is missing.
 * 2. T5: what is shown is what runs. An ask of which what would be done had to be cut says so, and cannot be allowed.
 */
import { askTextCharsMax } from "../domain/ask.ts";
import type { Ask, AskedAction, Question } from "../domain/ask.ts";

export function boundedAsk(ask: Ask): Ask {
  switch (ask.kind) {
    case "approval": {
      const reason = ask.reason === null ? null : cut(ask.reason);
      return { ...ask, action: boundedAction(ask.action), reason, ...cutOf(textsOf(ask.action)) };
    }
    case "plan":
      return { ...ask, plan: cut(ask.plan), ...cutOf([ask.plan]) };
    case "questions":
      return { ...ask, questions: ask.questions.map(boundedQuestion) };
    default:
      return ask satisfies never;
  }
}

/** `wholes` are what would be done, before it is cut. */
function cutOf(wholes: readonly string[]): { readonly isCut?: true } {
  return wholes.some((whole) => whole.length > askTextCharsMax) ? { isCut: true } : {};
}

function textsOf(action: AskedAction): readonly string[] {
  switch (action.kind) {
    case "command":
      return [action.command, action.directory ?? ""];
    case "edit":
      return action.files.flatMap(({ path, diff }) => [path, diff]);
    case "tool":
      return [action.name, action.input];
    default:
      return action satisfies never;
  }
}

function boundedAction(action: AskedAction): AskedAction {
  switch (action.kind) {
    case "command": {
      const directory = action.directory === null ? null : cut(action.directory);
      return { ...action, command: cut(action.command), directory };
    }
    case "edit":
      return { ...action, files: action.files.map(({ path, diff }) => ({ path: cut(path), diff: cut(diff) })) };
    case "tool":
      return { ...action, name: cut(action.name), input: cut(action.input) };
    default:
      return action satisfies never;
  }
}

function boundedQuestion(question: Question): Question {
  const options = question.options.map(({ label, description }) => ({
    label: cut(label),
    description: cut(description),
  }));
  return { ...question, header: cut(question.header), text: cut(question.text), options };
}

function cut(whole: string): string {
  if (whole.length <= askTextCharsMax) return whole;
  const half = Math.floor(askTextCharsMax / 2) - 50; // room for the sentence between
  return `${whole.slice(0, half)}\n… ${whole.length - 2 * half} characters are not shown …\n${whole.slice(-half)}`;
}
