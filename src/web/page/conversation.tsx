/** One conversation: its head, what was said in order, the live run, and what waits. */
import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";

import type { ConversationView, Entry, RunView } from "../wire.ts";
import { Aspect, stateLabels } from "./aspect.tsx";
import { isOpenAsk, showAsk } from "./ask-card.tsx";
import { askTitle } from "./ask-words.ts";
import { ClockMark } from "./clock-mark.tsx";
import { Choices } from "./choices.tsx";
import { EntryView } from "./entries.tsx";
import { FirstSteps } from "./first-steps.tsx";
import type { Model } from "./model.ts";
import { phaseLabel, RunCard } from "./run-card.tsx";
import { Tray } from "./tray.tsx";

export function Conversation({ model }: { model: Model }) {
  const view = model.view.value;
  const route = model.route.value;
  if (route.kind !== "conversation") {
    return (
      <div class="scroll">
        <div class="column">
          <FirstSteps model={model} />
        </div>
      </div>
    );
  }
  return (
    <>
      <Head model={model} view={view} />
      <Asking view={view} />
      <Log model={model} view={view} />
      <Announcer model={model} />
      <Tray model={model} />
    </>
  );
}

function Head({ model, view }: { model: Model; view: ConversationView | null }) {
  const lane = view?.lane ?? null;
  if (lane === null) return <header class="head head-empty" />;
  return (
    <header class="head">
      <Aspect state={lane.state} isLarge />
      <div class="head-words">
        <h2>
          {lane.home !== null && <ClockMark label="Schedule " />}
          {lane.name}
        </h2>
        <p class="head-path">
          {lane.channel === "telegram" && <span class="tag">Telegram</span>}
          {lane.home !== null && `of ${lane.home.name} \u00B7 `}
          {lane.workspace}
        </p>
      </div>
      <p class={`chip ${lane.asks > 0 ? "state-asking" : `state-${lane.state}`}`}>
        {lane.asks > 0 ? "Asks you" : stateLabels[lane.state]}
      </p>
      <Choices model={model} lane={lane} />
    </header>
  );
}

/** However far up one reads: somebody waits. */
function Asking({ view }: { view: ConversationView | null }) {
  const open = view?.entries.filter(isOpenAsk) ?? [];
  const [first] = open;
  if (first === undefined) return null;
  return (
    <div class="asking">
      <p>
        <strong>{askTitle(first.about)}</strong>{" "}
        {open.length > 1
          ? `And ${open.length - 1} more.`
          : first.about.kind === "questions"
            ? "It waits for your answer."
            : "Nothing of it happens before you answer."}
      </p>
      <button type="button" class="small" onClick={() => showAsk(first.ask)}>
        Show
      </button>
    </div>
  );
}

/** Within this of the end, the reader follows; further up they read, and nothing moves under their eyes. In CSS pixels. */
const followPx = 80;

function Log({ model, view }: { model: Model; view: ConversationView | null }) {
  const scroll = useRef<HTMLDivElement>(null);
  const [isFollowing, setFollowing] = useState(true);
  const run = model.run.value;
  const toEnd = (): void => {
    if (scroll.current !== null) scroll.current.scrollTop = scroll.current.scrollHeight;
  };
  useEffect(() => {
    if (isFollowing) toEnd();
  });
  const deeds = model.deeds.value;
  useEffect(() => {
    setFollowing(true);
    toEnd();
  }, [view?.conversation, deeds]);
  useEffect(() => {
    // What waits below takes its room from here; the end stays in sight.
    const observer = new ResizeObserver(() => isFollowing && toEnd());
    if (scroll.current !== null) observer.observe(scroll.current);
    return () => observer.disconnect();
  }, [isFollowing]);
  const onScroll = (): void => {
    const at = scroll.current;
    if (at !== null) setFollowing(at.scrollHeight - at.scrollTop - at.clientHeight < followPx);
  };
  return (
    <div class="log-frame">
      {/* It scrolls, so the keyboard must reach it. */}
      <div class="scroll" ref={scroll} onScroll={onScroll} tabIndex={0} role="region" aria-label="Conversation">
        <div class="column" role="log" aria-live="polite" aria-relevant="additions" aria-label="Messages">
          {view?.isCut === true && <p class="cut">Older messages are kept, and not shown here.</p>}
          {inOrder(model, view, run)}
        </div>
      </div>
      {!isFollowing && (
        <button type="button" class="to-end" onClick={toEnd}>
          Newest <span aria-hidden="true">{"\u2193"}</span>
        </button>
      )}
    </div>
  );
}

/** What waits for an answer is the last thing that is read. One list, so that a card that moves is still the same one. */
function inOrder(model: Model, view: ConversationView | null, run: RunView | null): ComponentChildren[] {
  const entries = view?.entries ?? [];
  const draw = (entry: Entry) => <EntryView key={entry.id} model={model} entry={entry} />;
  return [
    ...entries.filter((entry) => !isOpenAsk(entry)).map(draw),
    ...(run === null ? [] : [<RunCard key={run.run} model={model} run={run} />]),
    ...entries.filter(isOpenAsk).map(draw),
  ];
}

/** A screen reader hears a phase once it has lasted, not every tool of a busy minute. */
const announceAfterMs = 1_500;

function Announcer({ model }: { model: Model }) {
  const run = model.run.value;
  const phase = run === null ? "" : phaseLabel(run, model.view.value?.lane?.asks ?? 0);
  const [said, say] = useState("");
  useEffect(() => {
    // Pacing of what is read aloud.
    const timer = setTimeout(() => say(phase), announceAfterMs);
    return () => clearTimeout(timer);
  }, [phase]);
  return (
    <p class="hidden" role="status">
      {said}
    </p>
  );
}
