/**
 * How an ask looks in a chat: what is asked, exactly, while it is open; in one line what came of it, afterwards. Pure.
 *
 * 1. T5: what would be done is shown in blocks of its own, character by character, those that cannot be seen as well. Our own words stand
 *    outside of the blocks, so that nothing an agent writes can look like them.
 *    What the driver had to cut says so and cannot be allowed.
 * 2. A card is one message. What does not fit is cut in its middle, says so, and goes whole as a file.
 */
import { isAllowable, tooLongToAllow } from "../domain/ask.ts";
import type { Ask, AskAnswer, AskedAction, AskState, FileEdit, Question } from "../domain/ask.ts";
import { excerpt } from "../domain/wording.ts";
import { visibleWords } from "../lib/visible.ts";
import {
  code,
  concat,
  cutMiddle,
  entitiesMax,
  type FormattedText,
  partCharsMax,
  plain,
  pre,
  styled,
} from "./formatted-text.ts";
import { clip, type RenderMarkdown } from "./render.ts";
import { readable, visibleLine, visibleText } from "./visible.ts";

/** The whole of what the card had to cut. */
export type Whole = { readonly name: string; readonly content: string };

export type AskCard = { readonly text: FormattedText; readonly whole: Whole | null };

/** What is asked; the rest of a message (4,096 units) is for our words, directories and reasons. In UTF-16 units. */
const bodyCharsMax = 2400;
/** What a card holds, with room for the words that say what is not shown. */
const cardCharsMax = partCharsMax - 100;
/** More are counted: the blocks of more would be too short to read. */
const filesShownMax = 5;
/** On this much of a question, its options and what was answered before, a person decides; an agent that writes more gets a file. */
const questionCharsMax = 1500;
const optionCharsMax = 120;
const answeredCharsMax = 100;
/** A path is read whole; a longer one is not read. Of many files, each has its share. In UTF-16 units. */
const pathCharsMax = 400;
const reasonCharsMax = 500;
/** What stays of it in a closed card. */
const closedCharsMax = 500;

export function renderAsk(ask: Ask, state: AskState, renderMarkdown: RenderMarkdown): AskCard {
  const card = state.kind === "open" ? openCard(ask, state, renderMarkdown) : { text: closed(ask, state), whole: null };
  // A dozen long options, say: what they are has gone as a file.
  const text = cutMiddle(card.text, cardCharsMax, notShown);
  // Telegram drops what goes beyond: the formatting of a long plan's end.
  return { ...card, text: { ...text, entities: text.entities.slice(0, entitiesMax) } };
}

function openCard(ask: Ask, state: AskState & { kind: "open" }, renderMarkdown: RenderMarkdown): AskCard {
  switch (ask.kind) {
    case "approval":
      return approvalCard(ask);
    case "plan":
      return planCard(ask, renderMarkdown);
    case "questions":
      return questionCard(ask.questions, state);
    default:
      return ask satisfies never;
  }
}

// ---------------------------------------------------------------- approvals

function approvalCard(ask: Ask & { kind: "approval" }): AskCard {
  const { action, reason } = ask;
  const { title, body, whole } = actionCard(action, missingOf(ask));
  const words = clip(visibleWords(reason ?? "").trim(), reasonCharsMax);
  // Quoted: an agent's lines must not look like ours.
  const why = words === "" ? [] : [plain("\nThe agent says:\n"), styled("blockquote", words)];
  const hint = concat(plain("\n\n"), styled("italic", "A reply to this message denies it, with your words."));
  return { text: concat(title, plain("\n"), body, ...why, ...refusalOf(ask), hint), whole };
}

/** T5: why there is no button that allows it. */
function refusalOf(ask: Ask): FormattedText[] {
  return isAllowable(ask) ? [] : [plain("\n\n"), styled("bold", tooLongToAllow)];
}

/** What is said in the place of what a block has no room for. */
type Missing = (units: number) => FormattedText;

function missingOf(ask: Ask): Missing {
  return (units) => notShown(units, isAllowable(ask) ? "the file above has all" : "the file above has more, not all");
}

function actionCard(
  action: AskedAction,
  missing: Missing,
): { title: FormattedText; body: FormattedText; whole: Whole | null } {
  switch (action.kind) {
    case "command": {
      const command = visibleText(action.command);
      const where = action.directory === null ? [] : [plain("\nin "), path(action.directory)];
      return {
        title: styled("bold", "Run this command?"),
        body: concat(block(command, "bash", bodyCharsMax, missing), ...where),
        whole: wholeOf("command.txt", command, bodyCharsMax),
      };
    }
    case "edit":
      return editCard(action.files, missing);
    case "tool": {
      const input = visibleText(action.input);
      return {
        title: concat(styled("bold", "Use this tool?"), plain(" "), code(clip(visibleLine(action.name), 64) || "?")),
        body: block(input, null, bodyCharsMax, missing),
        whole: wholeOf("input.txt", input, bodyCharsMax),
      };
    }
    default:
      return action satisfies never;
  }
}

function editCard(
  files: readonly FileEdit[],
  missing: Missing,
): { title: FormattedText; body: FormattedText; whole: Whole | null } {
  const shown = files.slice(0, filesShownMax);
  const share = (charsMax: number): number => Math.floor(charsMax / Math.max(1, shown.length));
  const charsMax = share(bodyCharsMax);
  const nameCharsMax = share(pathCharsMax);
  const diffs = files.map((file) => ({ path: file.path, diff: visibleText(file.diff) }));
  const blocks = diffs
    .slice(0, filesShownMax)
    .flatMap((file) => [
      plain("\n"),
      path(file.path, nameCharsMax),
      plain("\n"),
      block(file.diff, "diff", charsMax, missing),
    ]);
  const more = files.length - shown.length;
  if (more > 0) blocks.push(plain(`\n\u2026 and ${more} more; all of them are in the file above.`));
  const isCut = more > 0 || diffs.some((file) => file.diff.length > charsMax || file.path.length > nameCharsMax);
  const content = diffs.map((file) => `--- ${visibleLine(file.path)}\n${file.diff}\n`).join("\n");
  return {
    title: styled("bold", files.length === 1 ? "Make this edit?" : `Make these edits in ${files.length} files?`),
    body: concat(...blocks.slice(1)),
    whole: isCut ? { name: "edit.diff", content } : null,
  };
}

function block(text: string, language: string | null, charsMax: number, missing: Missing): FormattedText {
  return cutMiddle(pre(text, language), charsMax, missing);
}

function notShown(units: number, where = "the file above has all"): FormattedText {
  return concat(plain("\n"), styled("italic", `\u2026 ${units} characters not shown; ${where} \u2026`), plain("\n"));
}

function wholeOf(name: string, content: string, charsMax: number): Whole | null {
  return content.length > charsMax ? { name, content } : null;
}

function path(text: string, charsMax = pathCharsMax): FormattedText {
  return code(clip(visibleLine(text), charsMax) || "?");
}

// ---------------------------------------------------------------- plans

function planCard(ask: Ask & { kind: "plan" }, renderMarkdown: RenderMarkdown): AskCard {
  const { plan } = ask;
  const drawn = renderMarkdown(plan);
  const hint = "A reply to this message keeps the agent planning, with your words.";
  const text = concat(
    styled("bold", "Carry out this plan?"),
    plain("\n\n"),
    drawn.text.trim() === "" ? plain("(blank)") : cutMiddle(drawn, bodyCharsMax, missingOf(ask)),
    ...refusalOf(ask),
    plain("\n\n"),
    styled("italic", hint),
  );
  return { text, whole: drawn.text.length > bodyCharsMax ? { name: "plan.md", content: readable(plan) } : null };
}

// ---------------------------------------------------------------- questions

function questionCard(questions: readonly Question[], { answers }: AskState & { kind: "open" }): AskCard {
  const question = questions[answers.length];
  if (question === undefined) return { text: plain("Answered."), whole: null };
  const before = answers.map((given, index) => plain(`${answeredLine(questions[index], given)}\n`));
  const header = oneLine(question.header, 64);
  const count = questions.length === 1 ? "Question" : `Question ${answers.length + 1} of ${questions.length}`;
  const text = concat(
    ...before,
    styled("bold", header === "" ? count : questions.length === 1 ? header : `${count} \u00B7 ${header}`),
    plain("\n"),
    cutMiddle(plain(readable(question.text).trim() || "(blank)"), questionCharsMax, notShown),
    ...optionLines(question),
    plain("\n\n"),
    styled("italic", howToAnswer(question)),
  );
  return {
    text,
    whole:
      text.text.length > cardCharsMax || questions.some(isCut)
        ? { name: "questions.txt", content: questions.map(inFull).join("\n\n") }
        : null,
  };
}

/** The buttons say the labels; what a button has no room for stands here. */
function optionLines({ options }: Question): FormattedText[] {
  const isPlain = options.every(({ label, description }) => description.trim() === "" && label.length <= labelCharsMax);
  if (isPlain) return [];
  const lines = options.flatMap(({ label, description }) => {
    const about = oneLine(description, optionCharsMax);
    return [
      plain("\n\u2022 "),
      styled("bold", oneLine(label, optionCharsMax)),
      plain(about === "" ? "" : `: ${about}`),
    ];
  });
  return [plain("\n"), ...lines];
}

function howToAnswer({ options, choice, takesText }: Question): string {
  if (options.length === 0) return "Reply to this message with your answer.";
  const tap = choice === "one" ? "Tap an answer" : "Tick what applies, then Done";
  return takesText ? `${tap}, or reply to this message with your own words.` : `${tap}.`;
}

function isCut({ text, options }: Question): boolean {
  const isLong = (words: string): boolean => words.length > optionCharsMax;
  return text.length > questionCharsMax || options.some((option) => isLong(option.label) || isLong(option.description));
}

function inFull({ header, text, options }: Question): string {
  const lines = options.map(({ label, description }) => `- ${label}${description === "" ? "" : `: ${description}`}`);
  return readable([...(header === "" ? [] : [header]), text, ...lines].join("\n"));
}

function answeredLine(question: Question | undefined, given: readonly string[]): string {
  const name = question?.header.trim() === "" ? question.text : (question?.header ?? "");
  const answer = given.length === 0 ? "nothing" : oneLine(given.join(", "), answeredCharsMax);
  return `\u2714 ${excerpt(readable(name))}: ${answer}`;
}

// ---------------------------------------------------------------- what came of it

function closed(ask: Ask, state: Exclude<AskState, { kind: "open" }>): FormattedText {
  switch (state.kind) {
    case "answered":
      return answeredCard(ask, state.answer);
    case "expired":
      return concat(plain("\u231B Expired: the run that asked is over. Nothing of it was done.\n"), remains(ask));
    case "withdrawn":
      return concat(plain("\u2716 Withdrawn: the agent does not ask this any more.\n"), remains(ask));
    case "late":
      return concat(plain("\u2716 The answer came too late: the agent did not wait for it any more.\n"), remains(ask));
    default:
      return state satisfies never;
  }
}

function answeredCard(ask: Ask, answer: AskAnswer): FormattedText {
  switch (answer.kind) {
    case "allow":
      return concat(plain(`\u2714 ${allowedWords(ask, answer.scope)}\n`), remains(ask));
    case "deny": {
      const word = { approval: "Denied", plan: "Not carried out", questions: "Not answered" }[ask.kind];
      const reason = answer.reason === null ? "" : `: ${oneLine(answer.reason, reasonCharsMax)}`;
      return concat(plain(`\u2716 ${word}${reason}\n`), remains(ask));
    }
    case "answers": {
      const questions = ask.kind === "questions" ? ask.questions : [];
      return plain(answer.answers.map((given, index) => answeredLine(questions[index], given)).join("\n"));
    }
    default:
      return answer satisfies never;
  }
}

function allowedWords(ask: Ask, scope: "once" | "session"): string {
  if (ask.kind === "plan") return scope === "once" ? "Go, asking before edits" : "Go, editing freely";
  return scope === "once" ? "Allowed once" : "Allowed for this session";
}

/** What it was about, so that one who scrolls back knows what was allowed. */
function remains(ask: Ask): FormattedText {
  switch (ask.kind) {
    case "approval":
      return code(clip(visibleLine(inShort(ask.action)), closedCharsMax));
    case "plan":
      return plain(excerpt(readable(ask.plan)));
    case "questions":
      return plain(ask.questions.map(({ text }) => excerpt(readable(text))).join("\n"));
    default:
      return ask satisfies never;
  }
}

function inShort(action: AskedAction): string {
  switch (action.kind) {
    case "command":
      return action.command;
    case "edit":
      return action.files
        .map(({ path: file, diff }) => `${file} +${linesOf(diff, "+")} -${linesOf(diff, "-")}`)
        .join(", ");
    case "tool":
      return `${action.name} ${action.input}`;
    default:
      return action satisfies never;
  }
}

function linesOf(diff: string, mark: "+" | "-"): number {
  return diff.split("\n").filter((line) => line.startsWith(mark)).length;
}

function oneLine(text: string, charsMax: number): string {
  return clip(readable(text).replace(/\s+/g, " ").trim(), charsMax);
}

/** What a phone shows of a button's label. In UTF-16 units. */
const labelCharsMax = 40;
