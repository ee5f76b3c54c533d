/** Between the conversation and the box: what waits in line, what is on hold, what could not be sent. */
import type { ButtonView, Waiting } from "../wire.ts";
import { Buttons } from "./buttons.tsx";
import type { Model } from "./model.ts";
import type { Unsent } from "./unsent.ts";

export function Tray({ model }: { model: Model }) {
  const view = model.view.value;
  const here = view?.conversation ?? null;
  const unsent = model.unsent.value.filter(({ conversation }) => conversation === here);
  const queue = view?.queue ?? [];
  const held = view?.held ?? [];
  if (queue.length + held.length + unsent.length === 0) return null;
  // It scrolls when long, so the keyboard must reach it.
  return (
    <section class="tray" aria-label="Waiting messages" tabIndex={0}>
      {held.length > 0 && (
        <WaitingList model={model} title={`On hold (${held.length})`} list={held} all={view?.heldButtons ?? []} />
      )}
      {queue.length > 0 && <WaitingList model={model} title={queueTitle(model, queue.length)} list={queue} all={[]} />}
      {unsent.length > 0 && (
        <ul class="waiting-list">
          {unsent.map((one) => (
            <UnsentRow key={one.body.key} model={model} one={one} />
          ))}
        </ul>
      )}
    </section>
  );
}

function queueTitle(model: Model, count: number): string {
  const waitsFor = model.view.value?.lane?.waitsFor ?? null;
  if (waitsFor === null) return `Next in line (${count})`;
  return waitsFor.kind === "slot"
    ? `Waiting for a free run slot (${count})`
    : `Waiting for \u201c${waitsFor.holderName}\u201d, which works in the same directory (${count})`;
}

function WaitingList({
  model,
  title,
  list,
  all,
}: {
  model: Model;
  title: string;
  list: readonly Waiting[];
  all: readonly ButtonView[];
}) {
  return (
    <>
      <div class="tray-head">
        <h3>{title}</h3>
        <Buttons model={model} buttons={all} about={title} />
      </div>
      <ol class="waiting-list">
        {list.map((waiting) => (
          <li key={waiting.item} class="waiting">
            <p class="waiting-text">
              {waiting.isInterrupt && <span class="tag">instead</span>}
              {waiting.text}
            </p>
            <Buttons model={model} buttons={waiting.buttons} about={waiting.text} />
          </li>
        ))}
      </ol>
    </>
  );
}

function UnsentRow({ model, one }: { model: Model; one: Unsent }) {
  const { key, text } = one.body;
  if (one.state.kind === "sending") {
    return (
      <li class="waiting waiting-sending">
        <p class="waiting-text">{text}</p>
        <p class="waiting-note">Sending{"\u2026"}</p>
      </li>
    );
  }
  const { happened, kept, next } = one.state.failure;
  return (
    <li class="waiting waiting-failed">
      <p class="waiting-text">{text}</p>
      <p class="waiting-note" role="alert">
        <strong>{happened}</strong> {kept} {next}
      </p>
      <div class="buttons">
        <button type="button" class="small weight-main" onClick={() => model.sendAgain(key)}>
          Send again
        </button>
        <button type="button" class="small" onClick={() => model.takeBack(key)}>
          Edit
        </button>
        <button type="button" class="small weight-quiet" onClick={() => model.discard(key)}>
          Discard
        </button>
      </div>
    </li>
  );
}
