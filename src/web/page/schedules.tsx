/** Every schedule of every conversation: when it is due, how it stands, what became of it, and what can be done with it. */
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";

import { visibleText } from "../../lib/visible.ts";
import type { OccurrenceView, ScheduleOutcome, ScheduleView } from "../wire.ts";
import { ClockMark } from "./clock-mark.tsx";
import type { Model } from "./model.ts";
import { AddForm, EditForm } from "./schedule-form.tsx";
import { ToldNote } from "./schedule-told.tsx";
import type { Opened } from "./schedules-model.ts";
import { SeenWords } from "./seen.tsx";
import { shortPath, until } from "./time.ts";

export function SchedulesPage({ model }: { model: Model }) {
  const { schedules } = model;
  useEffect(() => schedules.show(), [schedules]);
  useReturnedFocus(schedules.opened.value);
  const view = schedules.view.value;
  const told = schedules.told.value;
  const isAdding = schedules.opened.value.kind === "add";
  const isThere = view?.schedules.some(({ id }) => id === told?.id) ?? false;
  return (
    <>
      <header class="head">
        <span class="head-mark">
          <ClockMark />
        </span>
        <div class="head-words">
          <h2 id="schedules" tabIndex={-1}>
            Schedules
          </h2>
          <p class="head-note">Work that begins by itself, in every conversation</p>
        </div>
        <button
          type="button"
          id={openerOf({ kind: "add" })}
          class="weight-main"
          aria-expanded={isAdding}
          onClick={() => schedules.open(isAdding ? { kind: "nothing" } : { kind: "add" })}
        >
          <span aria-hidden="true">+</span> Add
        </button>
      </header>
      <div class="scroll">
        <div class="column schedules">
          {isAdding && <AddForm model={model} />}
          {told !== null && !isThere && !isAdding && <ToldNote model={model} told={told} />}
          <List model={model} />
        </div>
      </div>
    </>
  );
}

/** The button that opens it. */
function openerOf(opened: Exclude<Opened, { kind: "nothing" }>): string {
  return opened.kind === "add" ? "schedule-add" : `schedule-${opened.kind}-${opened.id}`;
}

/** What was open is closed, and the focus with it: back to where it came from, so that the keyboard keeps its place. */
function useReturnedFocus(opened: Opened): void {
  const before = useRef(opened);
  // After everything is drawn: what is left is drawn by itself, and still has the focus when this is.
  useEffect(() => {
    const left = before.current;
    before.current = opened;
    if (opened.kind !== "nothing" || left.kind === "nothing") return;
    if (document.activeElement !== document.body && document.activeElement !== null) return;
    (document.getElementById(openerOf(left)) ?? document.getElementById("schedules"))?.focus();
  }, [opened]);
}

function List({ model }: { model: Model }) {
  const view = model.schedules.view.value;
  if (view === null) return <p class="side-note">Loading{"\u2026"}</p>;
  if (view.schedules.length === 0) {
    return model.schedules.opened.value.kind === "add" ? null : <Nothing model={model} />;
  }
  return (
    <>
      <ul class="schedule-list">
        {view.schedules.map((schedule) => (
          <li key={schedule.id}>
            <Card model={model} schedule={schedule} />
          </li>
        ))}
      </ul>
      {view.schedulesHidden > 0 && <p class="side-note">{view.schedulesHidden} more are not shown.</p>}
    </>
  );
}

const examples = [
  { when: "daily 7:00", kind: "prompt", text: "Summarize what changed since yesterday" },
  { when: "every monday 9:00", kind: "prompt", text: "Look for outdated dependencies and list what is worth updating" },
  { when: "in 20m", kind: "reminder", text: "The oven" },
] as const;

function Nothing({ model }: { model: Model }) {
  const { schedules } = model;
  return (
    <div class="first">
      <h2>Nothing is scheduled.</h2>
      <p class="first-lead">
        An agent can work while you are away: at a time, every so often, or by a cron expression. What it does waits in
        line like a message of yours, makes room for you, and is told in the conversation.
      </p>
      <ul class="suggestions" aria-label="Examples">
        {examples.map(({ when, kind, text }) => (
          <li key={when}>
            <button
              type="button"
              onClick={() => {
                schedules.keepDraft({ ...schedules.draft.value, when, kind, text });
                schedules.open({ kind: "add" });
              }}
            >
              <strong>{when}</strong> {kind === "reminder" ? `remind me: ${text}` : text}
            </button>
          </li>
        ))}
      </ul>
    </div>
  );
}

// ---------------------------------------------------------------- one schedule

function Card({ model, schedule }: { model: Model; schedule: ScheduleView }) {
  const { schedules } = model;
  const { id, name, state } = schedule;
  const opened = schedules.opened.value;
  const told = schedules.told.value;
  if (opened.kind === "edit" && opened.id === id) return <EditForm model={model} schedule={schedule} />;
  return (
    <article class={`schedule schedule-${state}`} aria-label={`Schedule ${name}`}>
      <header class="schedule-head">
        <h3>{name}</h3>
        <Standing schedule={schedule} />
        <Next schedule={schedule} nowMs={schedules.nowMs.value} />
      </header>
      <p class="schedule-when">
        {schedule.when === schedule.typed ? <code>{schedule.when}</code> : schedule.when}{" "}
        <span class="schedule-zone">{schedule.zone}</span>
      </p>
      <Words schedule={schedule} />
      <Facts schedule={schedule} />
      <Last schedule={schedule} />
      {told?.id === id && <ToldNote model={model} told={told} />}
      <Actions model={model} schedule={schedule} />
      {opened.kind === "history" && opened.id === id && <History model={model} />}
    </article>
  );
}

function Standing({ schedule: { state, failures } }: { schedule: ScheduleView }) {
  const label = { active: "Active", paused: "Paused", over: "Over" }[state];
  const tone = { active: "running", paused: "waiting", over: "idle" }[state];
  return (
    <>
      <span class={`chip state-${tone}`}>{label}</span>
      {failures > 0 && (
        <span class="chip state-quarantined">
          {failures === 1 ? "failed last time" : `failed ${failures} times in a row`}
        </span>
      )}
    </>
  );
}

function Next({ schedule: { nextAtMs, times }, nowMs }: { schedule: ScheduleView; nowMs: number }) {
  const [first] = times;
  if (nextAtMs === null || first === undefined) return null;
  return (
    <p class="schedule-next">
      <span class="hidden">Next </span>
      <strong>{until(nextAtMs - nowMs)}</strong> <time dateTime={new Date(nextAtMs).toISOString()}>{first.said}</time>
    </p>
  );
}

function Words({ schedule: { work } }: { schedule: ScheduleView }) {
  switch (work.kind) {
    case "digest":
      return <p class="schedule-text">What the agents did the day before, what it cost, and what failed</p>;
    case "reminder":
    case "prompt":
      return (
        <p class="schedule-text">
          {work.kind === "reminder" && <span class="tag">reminder</span>}
          <SeenWords text={work.text} />
        </p>
      );
    default:
      return work satisfies never;
  }
}

/** Where it belongs, with what it works, and how it differs from what is usual. */
function Facts({ schedule }: { schedule: ScheduleView }) {
  return (
    <p class="schedule-facts">
      {schedule.channel === "telegram" && <span class="tag">Telegram</span>}
      {facts(schedule).map((fact, index) => (
        <span key={fact}>
          {index > 0 && " \u00B7 "}
          {fact}
        </span>
      ))}
    </p>
  );
}

function facts(schedule: ScheduleView): readonly string[] {
  const { homeName, works, session, view, memory, overlap, missed, missedWindow, limit, permissions } = schedule;
  const missedFact = {
    latest: [],
    skip: ["missed times are skipped"],
    all: [`missed times of the last ${missedWindow} are made up for`],
  }[missed];
  if (works === null) return [visibleText(homeName), ...missedFact];
  return [
    visibleText(homeName),
    `${works.driver}${works.model === null ? "" : ` ${works.model}`} in ${shortPath(works.workspace)}`,
    `permissions: ${permissions}`,
    ...{ own: [], conversation: ["in the conversation\u2019s session"], named: [] }[session.kind],
    ...(session.kind === "named" ? [`session ${session.name}`] : []),
    ...(view === "silent" ? ["silent"] : []),
    ...(memory === "fresh" ? ["each run begins anew"] : []),
    ...(overlap === "queue" ? ["one waits while it still runs"] : []),
    ...missedFact,
    ...(limit === null ? [] : [`at most ${limit} a run`]),
  ];
}

function Last({ schedule: { last } }: { schedule: ScheduleView }) {
  if (last === null) return <p class="schedule-last">Not due yet</p>;
  return (
    <p class="schedule-last">
      Last: <Outcome occurrence={last} />
    </p>
  );
}

function Outcome({ occurrence: { trigger, due, outcome, words } }: { occurrence: OccurrenceView }) {
  return (
    <span class={`outcome outcome-${tones[outcome]}`}>
      <span class="outcome-mark" aria-hidden="true">
        {marks[outcome]}
      </span>{" "}
      <span class="outcome-due">{due}</span>
      {trigger === "person" && <span class="tag">run now</span>} <span class="outcome-words">{words}</span>
    </span>
  );
}

const marks: Record<ScheduleOutcome, string> = {
  waits: "\u2026",
  "made-room": "\u2026",
  held: "\u2016",
  runs: "\u25B6",
  done: "\u2713",
  stopped: "\u25A0",
  cancelled: "\u2715",
  failed: "\u2717",
  interrupted: "\u26A1\uFE0E",
  rejected: "\u2717",
  skipped: "\u21B7",
};

const tones: Record<ScheduleOutcome, "good" | "bad" | "open" | "quiet"> = {
  waits: "open",
  "made-room": "open",
  held: "open",
  runs: "open",
  done: "good",
  stopped: "quiet",
  cancelled: "quiet",
  failed: "bad",
  interrupted: "bad",
  rejected: "bad",
  skipped: "quiet",
};

// ---------------------------------------------------------------- what can be done

function Actions({ model, schedule }: { model: Model; schedule: ScheduleView }) {
  const { schedules } = model;
  const { id, name, home, lane, state } = schedule;
  const opened = schedules.opened.value;
  const order = (word: string): void => void schedules.order(home, [`${word} ${name}`], schedule); // never rejects
  if (opened.kind === "delete" && opened.id === id) return <Deletion model={model} schedule={schedule} />;
  const isPast = opened.kind === "history" && opened.id === id;
  return (
    <div class="buttons">
      <button type="button" class="small" aria-label={`Run now: ${name}`} onClick={() => order("run")}>
        Run now
      </button>
      {state === "active" ? (
        <button type="button" class="small" aria-label={`Pause ${name}`} onClick={() => order("pause")}>
          Pause
        </button>
      ) : (
        <button type="button" class="small weight-main" aria-label={`Resume ${name}`} onClick={() => order("resume")}>
          Resume
        </button>
      )}
      <button
        type="button"
        id={openerOf({ kind: "edit", id })}
        class="small"
        aria-label={`Edit ${name}`}
        onClick={() => schedules.open({ kind: "edit", id })}
      >
        Edit
      </button>
      <button
        type="button"
        id={openerOf({ kind: "history", id })}
        class="small"
        aria-expanded={isPast}
        aria-label={`History of ${name}`}
        onClick={() => schedules.open(isPast ? { kind: "nothing" } : { kind: "history", id })}
      >
        History
      </button>
      <button
        type="button"
        class="small"
        aria-label={`Open the conversation of ${name}`}
        onClick={() => model.go({ kind: "conversation", id: lane })}
      >
        Open
      </button>
      <button
        type="button"
        id={openerOf({ kind: "delete", id })}
        class="small weight-quiet"
        aria-label={`Delete ${name}`}
        onClick={() => schedules.open({ kind: "delete", id })}
      >
        Delete
      </button>
    </div>
  );
}

/** Asked once: it cannot be brought back. */
function Deletion({ model, schedule }: { model: Model; schedule: ScheduleView }) {
  const { schedules } = model;
  const { name, home } = schedule;
  const keep = useRef<HTMLButtonElement>(null);
  useLayoutEffect(() => keep.current?.focus(), []); // with what is drawn: the next key is for it
  const remove = (): void => {
    schedules.open({ kind: "nothing" });
    void schedules.order(home, [`rm ${name}`], schedule); // never rejects
  };
  return (
    <div class="buttons schedule-deletion" role="group" aria-label={`Delete ${name}?`}>
      <p>Delete it, and cancel what waits of it?</p>
      <button type="button" class="small weight-danger" onClick={remove}>
        Delete {name}
      </button>
      <button ref={keep} type="button" class="small" onClick={() => schedules.open({ kind: "nothing" })}>
        Keep it
      </button>
    </div>
  );
}

function History({ model }: { model: Model }) {
  const history = model.schedules.history.value;
  if (history === null) return <p class="schedule-last">Loading{"\u2026"}</p>;
  if (history.occurrences.length === 0) return <p class="schedule-last">It has not been due yet.</p>;
  // It scrolls when long, so the keyboard must reach it.
  return (
    <div class="schedule-history" role="region" aria-label={`History of ${history.name}, newest first`} tabIndex={0}>
      <ol>
        {history.occurrences.map((occurrence) => (
          <li key={`${occurrence.trigger} ${occurrence.dueAtMs}`}>
            <Outcome occurrence={occurrence} />
          </li>
        ))}
      </ol>
    </div>
  );
}
