/** One conversation: its head, what was said in order, the live run, and what waits. */
import { useEffect, useRef, useState } from "preact/hooks";

import type { ConversationView } from "../wire.ts";
import { Aspect, stateLabels } from "./aspect.tsx";
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
      <Head view={view} />
      <Log model={model} view={view} />
      <Announcer model={model} />
      <Tray model={model} />
    </>
  );
}

function Head({ view }: { view: ConversationView | null }) {
  const lane = view?.lane ?? null;
  if (lane === null) return <header class="head head-empty" />;
  return (
    <header class="head">
      <Aspect state={lane.state} isLarge />
      <div class="head-words">
        <h2>{lane.name}</h2>
        <p class="head-path">
          {lane.channel === "telegram" && <span class="tag">Telegram</span>}
          {lane.workspace}
        </p>
      </div>
      <p class={`chip state-${lane.state}`}>{stateLabels[lane.state]}</p>
    </header>
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
          {view?.entries.map((entry) => (
            <EntryView key={entry.id} model={model} entry={entry} />
          ))}
          {run !== null && <RunCard key={run.run} model={model} run={run} />}
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

/** A screen reader hears a phase once it has lasted, not every tool of a busy minute. */
const announceAfterMs = 1_500;

function Announcer({ model }: { model: Model }) {
  const run = model.run.value;
  const phase = run === null ? "" : phaseLabel(run);
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
