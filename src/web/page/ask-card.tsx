/**
 * What the agent asks: everything that a person needs to decide, and the buttons to do it with. A closed one is one line, which
 * opens to what it was.
 *
 * T5: nothing in it can hide or reorder what is decided on. What could not be shown whole says so and has no button that allows it.
 */
import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";

import type { Ask, AskedAction, Question } from "../../domain/ask.ts";
import { visibleWords } from "../../lib/visible.ts";
import type { AskButton, Entry } from "../wire.ts";
import { askOutcome, askTitle, whyNotAllowed } from "./ask-words.ts";
import { FileChange } from "./diff.tsx";
import { readDiff } from "./diff-lines.ts";
import { Markdown } from "./markdown.tsx";
import type { Model } from "./model.ts";
import { Origin } from "./origin.tsx";
import { hasMarks, Seen, SeenWords } from "./seen.tsx";

type AskEntry = Entry & { kind: "ask" };

export function isOpenAsk(entry: Entry): entry is AskEntry {
  return entry.kind === "ask" && entry.state.kind === "open";
}

/** Brings the card into sight and the keyboard to it. */
export function showAsk(ask: string): void {
  const card = document.getElementById(`ask-${ask}`);
  card?.scrollIntoView({ block: "nearest" });
  card?.focus({ preventScroll: true });
}

export function AskCard({ model, entry }: { model: Model; entry: AskEntry }) {
  const outcome = askOutcome(entry.about, entry.state);
  const step = entry.state.kind === "open" ? entry.state.answers.length : "closed";
  const hasActed = useKeptFocus(entry.ask, step);
  if (outcome === null) return <OpenAsk model={model} entry={entry} acted={() => (hasActed.current = true)} />;
  const answer = entry.state.kind === "answered" ? entry.state.answer : null;
  const given = answer?.kind === "answers" ? answer.answers : null;
  const reason = answer?.kind === "deny" ? answer.reason : null;
  return (
    <details class={`ask-closed ask-${outcome.mark}`}>
      <summary id={`ask-${entry.ask}`}>
        <span class="ask-mark" aria-hidden="true">
          {{ done: "\u2713", refused: "\u2717", over: "\u2013" }[outcome.mark]}
        </span>
        <strong>{outcome.head}</strong>
        {outcome.rest !== "" && (
          <span class="ask-rest">
            <Seen text={outcome.rest} />
          </span>
        )}
      </summary>
      {given === null || entry.about.kind !== "questions" ? (
        <Asked ask={entry.about} />
      ) : (
        <Given questions={entry.about.questions} answers={given} />
      )}
      {reason !== null && (
        <p class="ask-reason">
          You wrote: <SeenWords text={reason} />
        </p>
      )}
    </details>
  );
}

/** What was pressed is gone when the card is drawn anew: whoever pressed it with the keyboard goes on from the card. */
function useKeptFocus(ask: string, step: number | "closed"): { current: boolean } {
  const hasActed = useRef(false);
  useEffect(() => {
    if (hasActed.current && document.activeElement === document.body) showAsk(ask);
    hasActed.current = false;
  }, [step]);
  return hasActed;
}

function OpenAsk({ model, entry, acted }: { model: Model; entry: AskEntry; acted: () => void }) {
  const { about } = entry;
  const refusal = whyNotAllowed(about);
  const press = (button: AskButton): void => {
    acted();
    model.press(button.id);
  };
  return (
    <article id={`ask-${entry.ask}`} class="ask" tabIndex={-1} aria-label={askTitle(about)}>
      <Origin name={entry.origin} />
      {about.kind === "questions" ? (
        <Questions model={model} entry={entry} questions={about.questions} press={press} acted={acted} />
      ) : (
        <>
          <h3 class="ask-title">{askTitle(about)}</h3>
          <Asked ask={about} />
          {refusal !== null && <p class="ask-warning">{refusal}</p>}
          <div class="ask-buttons">
            {entry.buttons.map((button) => (
              <PressButton key={button.label} model={model} button={button} press={press}>
                {button.label}
              </PressButton>
            ))}
          </div>
          <Words
            model={model}
            ask={entry.ask}
            acted={acted}
            {...(about.kind === "plan"
              ? { label: "What should be different?", send: "Keep planning with this" }
              : { label: "Why not, or what to do instead", send: "Deny with a reason" })}
          />
        </>
      )}
    </article>
  );
}

/** Focus stays on a button that was pressed, so it is not disabled; it does nothing more. */
function PressButton({
  model,
  button,
  press,
  children,
  isTicked,
}: {
  model: Model;
  button: AskButton;
  press: (button: AskButton) => void;
  children: ComponentChildren;
  isTicked?: boolean;
}) {
  const isSpent = button.isSpent || model.pressed.value.has(button.id);
  return (
    <button
      type="button"
      class={`weight-${button.weight}`}
      aria-disabled={isSpent}
      aria-pressed={isTicked}
      onClick={() => !isSpent && press(button)}
    >
      {children}
    </button>
  );
}

// ---------------------------------------------------------------- what is asked

function Asked({ ask }: { ask: Ask }) {
  switch (ask.kind) {
    case "approval":
      return (
        <>
          <Action action={ask.action} />
          {ask.reason !== null && ask.reason !== "" && (
            <p class="ask-reason">
              <SeenWords text={ask.reason} />
            </p>
          )}
        </>
      );
    case "plan":
      return (
        <div class="ask-plan" tabIndex={0} role="group" aria-label="Plan">
          <Markdown text={visibleWords(ask.plan)} />
        </div>
      );
    case "questions":
      return (
        <ol class="ask-given">
          {ask.questions.map(({ text }, index) => (
            <li key={index}>
              <SeenWords text={text} />
            </li>
          ))}
        </ol>
      );
    default:
      return ask satisfies never;
  }
}

function Action({ action }: { action: AskedAction }) {
  switch (action.kind) {
    case "command":
      return (
        <>
          <Exactly label="Command" text={action.command} />
          {action.directory !== null && (
            <p class="ask-where">
              in{" "}
              <code>
                <Seen text={action.directory} />
              </code>
            </p>
          )}
        </>
      );
    case "edit":
      return (
        <>
          {action.files.map(({ path, diff }) => (
            <FileChange key={path} path={path} file={wholeFile(diff)} />
          ))}
        </>
      );
    case "tool":
      return (
        <>
          <p class="ask-where">
            Tool{" "}
            <code>
              <Seen text={action.name} />
            </code>
          </p>
          {action.input !== "" && <Exactly label="Input" text={action.input} />}
        </>
      );
    default:
      return action satisfies never;
  }
}

/** The diff of one file: were there heads of more in it, none of their lines would be left out. */
function wholeFile(diff: string) {
  const files = readDiff(diff);
  return {
    path: null,
    lines: files.flatMap(({ lines }) => lines),
    added: files.reduce((sum, { added }) => sum + added, 0),
    removed: files.reduce((sum, { removed }) => sum + removed, 0),
  };
}

function Exactly({ label, text }: { label: string; text: string }) {
  return (
    <>
      <pre class="exactly" tabIndex={0} role="group" aria-label={label}>
        <code>
          <Seen text={text} />
        </code>
      </pre>
      {hasMarks(text) && (
        <p class="ask-warning">Careful: there are characters in it that cannot be seen. They are marked here.</p>
      )}
    </>
  );
}

// ---------------------------------------------------------------- questions

function Questions({
  model,
  entry,
  questions,
  press,
  acted,
}: {
  model: Model;
  entry: AskEntry;
  questions: readonly Question[];
  press: (button: AskButton) => void;
  acted: () => void;
}) {
  const { state } = entry;
  if (state.kind !== "open") return null;
  const number = state.answers.length;
  const question = questions[number];
  if (question === undefined) return null;
  const done = entry.buttons.find(({ step }) => step.kind === "ticked");
  return (
    <>
      {state.answers.length > 0 && <Given questions={questions} answers={state.answers} />}
      <p class="ask-count">
        {questions.length > 1 && (
          <span>
            {number + 1} of {questions.length}
          </span>
        )}
        {question.header !== "" && (
          <span class="tag">
            <SeenWords text={question.header} />
          </span>
        )}
        {question.choice === "many" && question.options.length > 0 && <span>Choose as many as you like</span>}
      </p>
      <h3 class="ask-title">
        <SeenWords text={question.text} />
      </h3>
      {question.options.length > 0 && (
        <ul class="ask-options" key={number}>
          {question.options.map((option) => (
            <li key={option.label}>
              <Option model={model} entry={entry} option={option} choice={question.choice} press={press} />
            </li>
          ))}
        </ul>
      )}
      {done !== undefined && (
        <div class="ask-buttons">
          <PressButton model={model} button={done} press={press}>
            {done.label}
            {state.ticked.length > 0 ? ` (${state.ticked.length} chosen)` : ""}
          </PressButton>
        </div>
      )}
      {(question.takesText || question.options.length === 0) && (
        <Words
          key={number}
          model={model}
          ask={entry.ask}
          question={number}
          acted={acted}
          label={question.options.length === 0 ? "Your answer" : "Another answer, in your words"}
          send="Answer"
        />
      )}
    </>
  );
}

function Given({ questions, answers }: { questions: readonly Question[]; answers: readonly (readonly string[])[] }) {
  return (
    <ol class="ask-given">
      {answers.map((given, index) => (
        <li key={index}>
          <SeenWords text={questions[index]?.text ?? ""} />{" "}
          <strong>
            <SeenWords text={given.length === 0 ? "none" : given.join(", ")} />
          </strong>
        </li>
      ))}
    </ol>
  );
}

function Option({
  model,
  entry,
  option,
  choice,
  press,
}: {
  model: Model;
  entry: AskEntry;
  option: Question["options"][number];
  choice: Question["choice"];
  press: (button: AskButton) => void;
}) {
  const button = entry.buttons.find(({ step }) => step.kind === "option" && step.label === option.label);
  if (button === undefined || entry.state.kind !== "open") return null;
  const isTicked = entry.state.ticked.includes(option.label);
  return (
    <PressButton model={model} button={button} press={press} {...(choice === "many" ? { isTicked } : {})}>
      {choice === "many" && (
        <span class="ask-tick" aria-hidden="true">
          {isTicked ? "\u2611" : "\u2610"}
        </span>
      )}
      <span class="ask-option">
        <span class="ask-option-label">
          <SeenWords text={option.label} />
        </span>
        {option.description !== "" && (
          <span class="ask-option-note">
            <SeenWords text={option.description} />
          </span>
        )}
      </span>
    </PressButton>
  );
}

// ---------------------------------------------------------------- in words

type Sending = { kind: "idle" } | { kind: "sending" } | { kind: "failed"; why: string };

/** The words stay until the server has them, also when the page is left. */
function Words({
  model,
  ask,
  question = 0,
  acted,
  label,
  send,
}: {
  model: Model;
  ask: string;
  question?: number;
  acted: () => void;
  label: string;
  send: string;
}) {
  const draft = `${ask}:${question}`;
  const text = model.answers.textOf(draft);
  const [sending, setSending] = useState<Sending>({ kind: "idle" });
  const submit = (): void => {
    if (text.trim() === "" || sending.kind === "sending") return;
    acted();
    setSending({ kind: "sending" });
    // Owns the answer: what went wrong is told beside the words. Never rejects.
    void model.answer(ask, text).then((failure) => {
      if (failure === null) model.answers.write(draft, "");
      setSending(failure === null ? { kind: "idle" } : { kind: "failed", why: `${failure.happened} ${failure.next}` });
    });
  };
  return (
    <form
      class="ask-words"
      onSubmit={(event) => {
        event.preventDefault();
        submit();
      }}
    >
      <textarea
        rows={1}
        aria-label={label}
        placeholder={label}
        value={text}
        onInput={(event) => model.answers.write(draft, event.currentTarget.value)}
        onKeyDown={(event) => {
          if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
          event.preventDefault();
          submit();
        }}
      />
      <button type="submit" aria-disabled={text.trim() === "" || sending.kind === "sending"}>
        {sending.kind === "sending" ? "Sending\u2026" : send}
      </button>
      {sending.kind === "failed" && (
        <p class="ask-failed" role="alert">
          {sending.why}
        </p>
      )}
    </form>
  );
}
