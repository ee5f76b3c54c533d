/**
 * What the page knows and what a person can do with it: what the server said (snapshots.ts), what they wrote (drafts.ts,
 * unsent.ts), and where they are (route.ts).
 *
 * 1. A text leaves the box only into the list of unsent ones.
 */
import { batch, computed, type ReadonlySignal, type Signal, signal } from "@preact/signals";

import type { Accepted, AnswerBody, LaneView, PressBody, SendBody, StopBody } from "../wire.ts";
import { type AnswerDrafts, createAnswerDrafts } from "./answer-drafts.ts";
import { type Attached, createAttachedList } from "./attached.ts";
import { createDrafts } from "./drafts.ts";
import { conversationPath, type Failure, newKey, request } from "./request.ts";
import { readRoute, type Route, writeRoute } from "./route.ts";
import { createSchedules, type Schedules } from "./schedules-model.ts";
import { createSnapshots, type Snapshots } from "./snapshots.ts";
import { createUnsentList, type Unsent } from "./unsent.ts";

export type Model = Pick<Snapshots, "link" | "overview" | "view" | "run" | "progress" | "nowMs"> & {
  readonly route: ReadonlySignal<Route>;
  readonly unsent: ReadonlySignal<readonly Unsent[]>;
  readonly toast: ReadonlySignal<string | null>;
  /** Buttons that were pressed here: they work once. */
  readonly pressed: ReadonlySignal<ReadonlySet<string>>;
  /** Counts what this person did: the reader wants to see what comes of it. */
  readonly deeds: ReadonlySignal<number>;
  /** What is in the box. */
  readonly draft: Signal<string>;
  readonly attached: ReadonlySignal<readonly Attached[]>;
  readonly workspace: Signal<string>;
  readonly answers: AnswerDrafts;
  readonly schedules: Schedules;
  /** The first Escape was pressed; a second one stops. */
  readonly isStopArmed: ReadonlySignal<boolean>;
  start(): void;
  go(route: Route): void;
  send(): void;
  /** Files for the message in the box. */
  attach(files: readonly File[]): void;
  detach(key: string): void;
  sendAgain(key: string): void;
  takeBack(key: string): void;
  discard(key: string): void;
  sendCommand(text: string): void;
  /** A press that failed may be tried again. */
  press(button: string): void;
  /** Answers what an agent asks in words. Resolves with what went wrong, null when it was taken; never rejects. */
  answer(ask: string, text: string): Promise<Failure | null>;
  stop(): void;
  escape(): void;
  say(toast: string): void;
};

type Deeds = { messages: SendBody; presses: PressBody; answers: AnswerBody; stop: StopBody };

const toastMs = 5_000;
/** Long enough to press a key twice on purpose, too short to do it by accident. */
const armedMs = 1_500;
/** The screen has room for the list and a conversation side by side: the same number as in style.css. */
const wideScreen = "(min-width: 48rem)";

export function createModel(window: Window): Model {
  const route = signal<Route>(readRoute(window.location.hash));
  const place = computed(() => (route.value.kind === "conversation" ? route.value.id : "new"));
  const toast = signal<string | null>(null);
  const pressed = signal<ReadonlySet<string>>(new Set());
  const workspace = signal("");
  const isStopArmed = signal(false);
  const deeds = signal(0);
  const drafts = createDrafts(window, place);
  const unsent = createUnsentList(window, () => snapshots.refresh());
  const schedules = createSchedules(window);
  const { hinted } = schedules;
  const snapshots = createSnapshots({
    window,
    place,
    begun: showSomething,
    seen: unsent.compare,
    troubled: say,
    hinted,
  });
  const { link, overview, view, run, progress, nowMs } = snapshots;
  const draft = drafts.text;
  const attached = createAttachedList();
  let toastTimer = 0;
  let armedTimer = 0;

  // ---- where we are

  function show(next: Route): void {
    batch(() => {
      drafts.keep();
      route.value = next;
      snapshots.turnPage();
      drafts.show();
    });
    snapshots.refreshView();
  }

  /** A wide screen always has room for a conversation; a narrow one begins with the list. */
  function showSomething(lanes: readonly LaneView[]): void {
    // The address may be newer than the route: its event is still on the way.
    if (readRoute(window.location.hash).kind !== "lanes") return;
    const latest = lanes.toSorted((a, b) => (b.usedAtMs ?? 0) - (a.usedAtMs ?? 0))[0];
    const isWide = window.matchMedia(wideScreen).matches;
    if (latest === undefined) replaceAddress({ kind: "new" });
    else if (isWide) replaceAddress({ kind: "conversation", id: latest.conversation });
  }

  /** The person did not choose this, so going back does not lead here. */
  function replaceAddress(next: Route): void {
    window.location.replace(writeRoute(next));
  }

  function go(next: Route): void {
    const hash = writeRoute(next);
    if (window.location.hash === hash) show(next);
    else window.location.hash = hash; // the event shows it, also when the person goes back
  }

  // ---- what this person does

  function send(): void {
    if (attached.all.value.some(({ state }) => state.kind !== "ready")) {
      return say("A file is not uploaded yet. Wait for it, or remove it.");
    }
    if (draft.value.trim() === "" && attached.all.value.length === 0) return;
    const isNew = place.value === "new";
    const conversation = isNew ? `web:${newKey()}` : place.value;
    const chosen = isNew && workspace.value.trim() !== "" ? { workspace: workspace.value.trim() } : {};
    const files = attached.take();
    const carried = files.length === 0 ? {} : { files };
    const body: SendBody = { key: newKey(), text: draft.value, ...chosen, ...carried };
    batch(() => {
      deeds.value += 1;
      draft.value = "";
      drafts.keep();
      unsent.send(conversation, body);
    });
    if (isNew) go({ kind: "conversation", id: conversation });
  }

  function filesMax(): number {
    return overview.value?.filesMax ?? 0;
  }

  function attach(files: readonly File[]): void {
    const tooMany = attached.add(files, filesMax());
    if (tooMany > 0) say(`A message takes ${filesMax()} files; ${tooMany} were left out.`);
  }

  function takeBack(key: string): void {
    const one = unsent.take(key);
    if (one === null) return;
    attached.putBack(one.body.files ?? [], filesMax());
    if (view.value?.lane !== null) return drafts.putBack(place.value, one.body.text);
    // A thread that never came to be is begun again, with its directory.
    workspace.value = one.body.workspace ?? "";
    drafts.putBack("new", one.body.text);
    return go({ kind: "new" });
  }

  /** Resolves with what went wrong, never rejects; the server's remark is said. */
  async function act(verb: keyof Deeds, body: Deeds[keyof Deeds]): Promise<Failure | null> {
    deeds.value += 1;
    const answer = await request<Accepted>(`${conversationPath(place.value)}/${verb}`, body);
    if (answer.kind === "failed") return answer.failure;
    if (answer.value.toast !== null && answer.value.toast !== "") say(answer.value.toast);
    snapshots.refreshView();
    return null;
  }

  /** Owns its request: what goes wrong is said. */
  function actAndSay(verb: keyof Deeds, body: Deeds[keyof Deeds], failed?: () => void): void {
    void act(verb, body).then((failure) => {
      if (failure === null) return;
      say(`${failure.happened} ${failure.next}`);
      failed?.();
    });
  }

  function press(button: string): void {
    pressed.value = new Set(pressed.value).add(button);
    actAndSay("presses", { key: newKey(), button }, () => {
      pressed.value = new Set([...pressed.value].filter((other) => other !== button));
    });
  }

  function stop(): void {
    disarm();
    if (place.value !== "new") actAndSay("stop", { key: newKey(), scope: "conversation" });
  }

  function escape(): void {
    if (run.value === null) return;
    if (isStopArmed.value) return stop();
    isStopArmed.value = true;
    // A bound: two presses belong together only when they follow each other.
    armedTimer = window.setTimeout(disarm, armedMs);
  }

  function disarm(): void {
    window.clearTimeout(armedTimer);
    isStopArmed.value = false;
  }

  function say(text: string): void {
    toast.value = text;
    window.clearTimeout(toastTimer);
    // How long a passing remark stays.
    toastTimer = window.setTimeout(() => (toast.value = null), toastMs);
  }

  return {
    ...{ link, overview, view, run, progress, nowMs },
    ...{ route, toast, pressed, deeds, draft, workspace, isStopArmed },
    unsent: unsent.all,
    attached: attached.all,
    answers: createAnswerDrafts(window),
    schedules,
    start() {
      drafts.show();
      window.addEventListener("hashchange", () => show(readRoute(window.location.hash)));
      window.addEventListener("pagehide", drafts.keep);
      snapshots.start();
    },
    go,
    send,
    attach,
    detach: attached.remove,
    sendAgain: unsent.sendAgain,
    takeBack,
    discard: (key) => void unsent.take(key),
    sendCommand: (text) => actAndSay("messages", { key: newKey(), text }),
    press,
    answer: (ask, text) => act("answers", { key: newKey(), ask, text }),
    stop,
    escape,
    say,
  };
}
