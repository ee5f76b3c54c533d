/**
 * What the page knows of schedules and what a person does with them. Read while they are on screen; every change is an order that the engine
 * answers in words.
 *
 * 1. What was begun in the form for a new one survives a reload, and leaves it only when the schedule is there.
 */
import { batch, type ReadonlySignal, type Signal, signal } from "@preact/signals";

import type {
  ScheduleAnswer,
  ScheduleBody,
  ScheduleCheck,
  ScheduleCheckBody,
  ScheduleHistory,
  SchedulesView,
  ScheduleView,
} from "../wire.ts";
import { createRefresher } from "./refresher.ts";
import { type Answer, conversationPath, newKey, request } from "./request.ts";
import { emptyDraft, type ScheduleDraft } from "./schedule-typed.ts";
import { readStored, store } from "./tab-storage.ts";

export type Told = {
  /** The schedule that it is about; null: none that is still there. */
  readonly id: number | null;
  readonly tone: "plain" | "warning";
  readonly text: string;
};

/** What is open beside the list: one thing at a time. */
export type Opened =
  | { readonly kind: "nothing" }
  | { readonly kind: "add" }
  | { readonly kind: "edit" | "delete"; readonly id: number }
  | { readonly kind: "history"; readonly id: number };

export type Schedules = {
  readonly view: ReadonlySignal<SchedulesView | null>;
  /** Of the schedule whose history is open. */
  readonly history: ReadonlySignal<ScheduleHistory | null>;
  /** The server's clock, while they are on screen. */
  readonly nowMs: ReadonlySignal<number>;
  readonly told: ReadonlySignal<Told | null>;
  readonly opened: ReadonlySignal<Opened>;
  /** The form for a new one. */
  readonly draft: Signal<ScheduleDraft>;
  keepDraft(draft: ScheduleDraft): void;
  open(what: Opened): void;
  /** What is open is done; what was told about it stays. */
  close(): void;
  forget(): void;
  /** Gives these orders, one after the other, until one is refused. Resolves with whether all were done; never rejects. */
  order(home: string, lines: readonly string[], about: ScheduleView | null): Promise<"done" | "not-done">;
  check(body: ScheduleCheckBody): Promise<Answer<ScheduleCheck>>;
  /** They come on screen. The result ends that. */
  show(): () => void;
  /** Something may be different. */
  hinted(): void;
};

const storedAs = "signalbox-schedule";
/** Times are told in minutes; what was due a moment ago is looked for at this pace. */
const tickMs = 5_000;
/** The server fires in milliseconds. */
const firedAfterMs = 1_000;

export function createSchedules(window: Window): Schedules {
  const view = signal<SchedulesView | null>(null);
  const history = signal<ScheduleHistory | null>(null);
  const nowMs = signal(Date.now());
  const told = signal<Told | null>(null);
  const opened = signal<Opened>({ kind: "nothing" });
  const draft = signal<ScheduleDraft>({ ...emptyDraft, ...readStored<Partial<ScheduleDraft>>(window, storedAs, {}) });
  /** An order of this person is on its way. */
  let isBusy = false;
  let isOnScreen = false;
  let offsetMs = 0;

  const refresh = createRefresher(async () => {
    const open = opened.value;
    const [list, past] = await Promise.all([
      request<SchedulesView>("/api/schedules"),
      open.kind === "history" ? request<ScheduleHistory>(`/api/schedules/${open.id}/history`) : null,
    ]);
    batch(() => {
      if (list.kind === "ok") {
        view.value = { ...list.value, schedules: inPlace(view.value?.schedules ?? [], list.value.schedules) };
        offsetMs = list.value.nowMs - Date.now();
        nowMs.value = list.value.nowMs;
      } else if (view.value === null) tell(null, "warning", `${list.failure.happened} ${list.failure.next}`);
      if (past?.kind === "ok" && opened.value === open) history.value = past.value;
    });
  });

  function tell(id: number | null, tone: Told["tone"], text: string): void {
    told.value = { id, tone, text };
  }

  function tick(): void {
    nowMs.value = Date.now() + offsetMs;
    const isLate = view.value?.schedules.some(
      ({ nextAtMs }) => nextAtMs !== null && nextAtMs + firedAfterMs < nowMs.value,
    );
    if (isLate === true) refresh();
  }

  function open(what: Opened): void {
    batch(() => {
      opened.value = what;
      history.value = null;
      told.value = null;
    });
    if (what.kind === "history") refresh();
  }

  async function order(
    home: string,
    lines: readonly string[],
    about: ScheduleView | null,
  ): Promise<"done" | "not-done"> {
    if (isBusy) return "not-done"; // a second click while the first is on its way
    isBusy = true;
    told.value = null;
    const id = about?.id ?? null;
    let isDone = true;
    for (const typed of lines) {
      if (!isDone) break;
      const body: ScheduleBody = { key: newKey(), typed };
      const answer = await request<ScheduleAnswer>(`${conversationPath(home)}/schedules`, body);
      isDone = answer.kind === "ok" && answer.value.kind !== "refused";
      if (answer.kind === "failed") tell(id, "warning", `${answer.failure.happened} ${answer.failure.next}`);
      else if (answer.value.kind === "later") tell(id, "plain", "It is stored; its answer comes in the conversation.");
      else tell(id, isDone ? "plain" : "warning", answer.value.text);
    }
    isBusy = false;
    refresh();
    return isDone ? "done" : "not-done";
  }

  return {
    ...{ view, history, nowMs, told, opened, draft, open, order },
    keepDraft(next) {
      draft.value = next;
      store(window, storedAs, next);
    },
    close: () => (opened.value = { kind: "nothing" }),
    forget: () => (told.value = null),
    check: (body) => request<ScheduleCheck>("/api/schedules/check", body),
    show() {
      isOnScreen = true;
      refresh();
      // Pacing of the times on screen.
      const timer = window.setInterval(tick, tickMs);
      return () => {
        isOnScreen = false;
        view.value = null;
        window.clearInterval(timer);
      };
    },
    hinted() {
      if (isOnScreen) refresh();
    },
  };
}

/** What one looks at stays where it is, whatever its next time is now; what is new stands before it. */
function inPlace(before: readonly ScheduleView[], now: readonly ScheduleView[]): readonly ScheduleView[] {
  const places = new Map(before.map(({ id }, place) => [id, place]));
  return now.toSorted((a, b) => (places.get(a.id) ?? -1) - (places.get(b.id) ?? -1));
}
