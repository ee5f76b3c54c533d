/**
 * What a running agent asks a person, and what the person answers. An ask belongs to its run: it is answered once, and when the run
 * is over it has expired.
 *
 * I14: everything of it that an agent wrote is bounded where it is translated, by the constants here.
 * T5: what is shown is what runs. Where that had to be cut, `isCut`, it can be denied and not be allowed.
 */

export type Ask =
  | {
      readonly kind: "approval";
      readonly action: AskedAction;
      /** Why the agent asks, in its own words; null where it says nothing. */
      readonly reason: string | null;
      /** Whether the agent can take "allow" for the rest of its session. */
      readonly scopes: readonly AllowScope[];
      readonly isCut?: true;
    }
  | { readonly kind: "questions"; readonly questions: readonly Question[] }
  /** The agent has made a plan (Markdown) and wants to carry it out. */
  | { readonly kind: "plan"; readonly plan: string; readonly isCut?: true };

/** Exactly what would be done. Nothing of it happens before the answer. */
export type AskedAction =
  | { readonly kind: "command"; readonly command: string; readonly directory: string | null }
  | { readonly kind: "edit"; readonly files: readonly FileEdit[] }
  /** `input` is what the tool is given, as text. */
  | { readonly kind: "tool"; readonly name: string; readonly input: string };

/** `diff` is a unified diff without its file header. */
export type FileEdit = { readonly path: string; readonly diff: string };

export type AllowScope = "once" | "session";

export type Question = {
  /** One or two words that name it; "" where the agent gives none. */
  readonly header: string;
  readonly text: string;
  readonly options: readonly { readonly label: string; readonly description: string }[];
  readonly choice: "one" | "many";
  /** Whether an answer outside the options is understood. Always so when there are none. */
  readonly takesText: boolean;
};

export type AskAnswer =
  /** Of a plan: `once` carries it out with every edit asked for, `session` without asking for edits. */
  | { readonly kind: "allow"; readonly scope: AllowScope }
  | { readonly kind: "deny"; readonly reason: string | null }
  /** One list per question, in their order: labels of options, or a text of the person's own. */
  | { readonly kind: "answers"; readonly answers: readonly (readonly string[])[] };

/** Ours; a button and a reply find the ask by it. */
export type AskId = string & { readonly brand: "AskId" };

/**
 * What has become of an ask. Questions are answered one after the other: `answers` are those given so far, `ticked` the options marked
 * in the next one. `late`: the answer reached an agent that did not wait for it any more.
 */
export type AskState =
  | { readonly kind: "open"; readonly answers: readonly (readonly string[])[]; readonly ticked: readonly string[] }
  | { readonly kind: "answered"; readonly answer: AskAnswer }
  | { readonly kind: "expired" }
  | { readonly kind: "withdrawn" }
  | { readonly kind: "late" };

export const openAsk: AskState & { kind: "open" } = { kind: "open", answers: [], ticked: [] };

/** What a person does to an open ask. `text` is a reply in words. */
export type AskStep =
  | { readonly kind: "allow"; readonly scope: AllowScope }
  | { readonly kind: "deny" }
  | { readonly kind: "option"; readonly question: number; readonly label: string }
  | { readonly kind: "ticked"; readonly question: number }
  | { readonly kind: "text"; readonly text: string };

/** `toast` is for the person who did it. */
export type AskDecision =
  | { readonly kind: "open"; readonly state: AskState & { kind: "open" }; readonly toast: string }
  | { readonly kind: "answered"; readonly answer: AskAnswer; readonly toast: string }
  | { readonly kind: "ignored"; readonly toast: string };

/** T5. Questions are answered instead. */
export function isAllowable(ask: Ask): boolean {
  return ask.kind !== "questions" && ask.isCut !== true;
}

/** For people. */
export const tooLongToAllow = "This is too long to be shown whole, so it cannot be allowed.";

/** What the agent is told: its own answer where a person could only deny. */
export function answerForAgent(ask: Ask, answer: AskAnswer): AskAnswer {
  if (ask.kind === "questions" || ask.isCut !== true || answer.kind !== "deny") return answer;
  return { kind: "deny", reason: [answer.reason, tooLongForAgent].filter((part) => part !== null).join("\n\n") };
}

/** The first answer counts; whatever comes later is told so. */
export function decideAsk(ask: Ask, state: AskState, step: AskStep): AskDecision {
  if (state.kind !== "open") return { kind: "ignored", toast: closedToast(state) };
  switch (ask.kind) {
    case "approval":
    case "plan":
      return decideApproval(ask, step);
    case "questions":
      return decideQuestion(ask.questions, state, step);
    default:
      return ask satisfies never;
  }
}

function closedToast(state: Exclude<AskState, { kind: "open" }>): string {
  switch (state.kind) {
    case "answered":
      return "This is answered already.";
    case "expired":
      return "The run that asked is over. Nothing was done.";
    case "withdrawn":
      return "The agent does not ask this any more.";
    case "late":
      return "The agent did not wait for this any more.";
    default:
      return state satisfies never;
  }
}

function decideApproval(ask: Exclude<Ask, { kind: "questions" }>, step: AskStep): AskDecision {
  switch (step.kind) {
    case "allow": {
      if (!isAllowable(ask)) return { kind: "ignored", toast: `${tooLongToAllow} Nothing was done.` };
      const toast = step.scope === "once" ? "Allowed." : "Allowed for this session.";
      return { kind: "answered", answer: { kind: "allow", scope: step.scope }, toast };
    }
    case "deny":
      return { kind: "answered", answer: { kind: "deny", reason: null }, toast: "Denied." };
    case "text":
      return { kind: "answered", answer: { kind: "deny", reason: step.text }, toast: "Denied, with your words." };
    case "option":
    case "ticked":
      return { kind: "ignored", toast: "This button does not belong here. Nothing was done." };
    default:
      return step satisfies never;
  }
}

function decideQuestion(
  questions: readonly Question[],
  state: AskState & { kind: "open" },
  step: AskStep,
): AskDecision {
  const number = state.answers.length;
  const question = questions[number];
  if (question === undefined) return { kind: "ignored", toast: "This is answered already." };
  const isStale = (step.kind === "option" || step.kind === "ticked") && step.question !== number;
  if (isStale) return { kind: "ignored", toast: "That question is answered already." };
  switch (step.kind) {
    case "option":
      if (!question.options.some((option) => option.label === step.label)) return notAnOption;
      if (question.choice === "one") return answered(questions, state, [step.label]);
      return { kind: "open", state: { ...state, ticked: toggled(state.ticked, step.label) }, toast: "" };
    case "ticked":
      return answered(questions, state, state.ticked);
    case "text": {
      const label = question.options.find(
        (option) => option.label.toLowerCase() === step.text.trim().toLowerCase(),
      )?.label;
      if (label === undefined && !question.takesText) return notAnOption;
      return answered(questions, state, [...state.ticked, label ?? step.text]);
    }
    case "deny":
      return { kind: "answered", answer: { kind: "deny", reason: null }, toast: "Not answered." };
    case "allow":
      return { kind: "ignored", toast: "This button does not belong here. Nothing was done." };
    default:
      return step satisfies never;
  }
}

const notAnOption: AskDecision = { kind: "ignored", toast: "That is not one of the options. Choose one of them." };

function toggled(ticked: readonly string[], label: string): readonly string[] {
  return ticked.includes(label) ? ticked.filter((other) => other !== label) : [...ticked, label];
}

function answered(
  questions: readonly Question[],
  state: AskState & { kind: "open" },
  given: readonly string[],
): AskDecision {
  const answers = [...state.answers, given];
  if (answers.length < questions.length)
    return { kind: "open", state: { kind: "open", answers, ticked: [] }, toast: "Next question." };
  return { kind: "answered", answer: { kind: "answers", answers }, toast: "Answered." };
}

/**
 * The longest command, input or diff that an ask carries whole, in UTF-16 units: ten times the longest command line that was seen. What is
 * longer is cut in the middle and says so; a channel that shows less adds the whole as a file.
 */
export const askTextCharsMax = 200_000;
const tooLongForAgent = `(It was longer than the ${askTextCharsMax} characters that can be shown whole to the person who decides, and what cannot be shown whole cannot be allowed. Do it in smaller parts.)`;
/** A card with more questions or options than this is not a question any more. */
export const questionsMax = 8;
export const optionsMax = 12;
