/**
 * The page: the list of lanes on the left, the conversation or the schedules in the middle. On a phone one of them at a time.
 * One h1, landmarks, and every action on a real button.
 */
import { useEffect } from "preact/hooks";

import { Composer } from "./composer.tsx";
import { Conversation } from "./conversation.tsx";
import { Lanes } from "./lanes.tsx";
import type { Model } from "./model.ts";
import { SchedulesPage } from "./schedules.tsx";

export function App({ model }: { model: Model }) {
  useTitle(model);
  useEscape(model);
  const isList = model.route.value.kind === "lanes";
  return (
    <div class={`box ${isList ? "shows-list" : "shows-conversation"}`}>
      <SkipButton model={model} />
      <header class="top">
        {!isList && (
          <button type="button" class="back quiet" onClick={() => model.go({ kind: "lanes" })}>
            <span aria-hidden="true">{"\u2039"}</span> All
            {asksElsewhere(model) > 0 && <span class="badge">{asksElsewhere(model)} ask</span>}
          </button>
        )}
        <h1>Signalbox</h1>
        <Connection model={model} />
      </header>
      <main class="main">
        <nav class="side" aria-label="Conversations">
          <Lanes model={model} />
        </nav>
        <div class="talk">
          <LinkTrouble model={model} />
          {model.route.value.kind === "schedules" ? (
            <SchedulesPage model={model} />
          ) : (
            <>
              <Conversation model={model} />
              <Composer model={model} />
            </>
          )}
        </div>
      </main>
      <p class={`toast ${model.toast.value === null ? "" : "toast-shown"}`} role="status">
        {model.toast.value}
      </p>
    </div>
  );
}

function SkipButton({ model }: { model: Model }) {
  const isSchedules = model.route.value.kind === "schedules";
  const target = isSchedules ? "schedules" : "composer";
  return (
    <button type="button" class="skip" onClick={() => document.getElementById(target)?.focus()}>
      {isSchedules ? "Skip to the schedules" : "Skip to the message box"}
    </button>
  );
}

function Connection({ model }: { model: Model }) {
  const link = model.link.value;
  const label = {
    connecting: "Connecting\u2026",
    live: "Live",
    lost: "Reconnecting\u2026",
    "signed-out": "Signed out",
  }[link];
  return (
    <p class={`link link-${link}`} role="status">
      <span class="link-dot" aria-hidden="true" />
      {label}
    </p>
  );
}

function LinkTrouble({ model }: { model: Model }) {
  switch (model.link.value) {
    case "lost":
      return (
        <p class="trouble" role="alert">
          <strong>Connection lost.</strong> What Signalbox has accepted is kept, and so is what you write here. Trying
          again
          {"\u2026"}
        </p>
      );
    case "signed-out":
      return (
        <p class="trouble trouble-hard" role="alert">
          <strong>This browser is not signed in any more.</strong> Runs go on, and what you wrote is kept. Restart
          Signalbox and open the link that it prints.
        </p>
      );
    case "connecting":
    case "live":
      return null;
    default:
      return model.link.value satisfies never;
  }
}

/** A tab in the background tells by its title whether work goes on, and whether somebody waits for an answer. */
function useTitle(model: Model): void {
  const live = model.overview.value?.lanes.filter(({ startedAtMs }) => startedAtMs !== null).length ?? 0;
  const asks = model.overview.value?.lanes.filter((lane) => lane.asks > 0).length ?? 0;
  useEffect(() => {
    const state =
      asks > 0
        ? `\u2757 ${asks === 1 ? "asks" : `${asks} ask`} you \u2013 `
        : live > 0
          ? `\u25CF ${live} working \u2013 `
          : "";
    document.title = `${state}Signalbox`;
  }, [live, asks]);
}

/** On a phone the list is out of sight. */
function asksElsewhere(model: Model): number {
  const route = model.route.value;
  const here = route.kind === "conversation" ? route.id : null;
  return model.overview.value?.lanes.filter((lane) => lane.asks > 0 && lane.conversation !== here).length ?? 0;
}

function useEscape(model: Model): void {
  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      if (event.key === "Escape" && !event.isComposing && !event.repeat) model.escape();
    };
    window.addEventListener("keydown", onKey);
    return () => window.removeEventListener("keydown", onKey);
  }, [model]);
}
