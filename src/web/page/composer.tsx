/** The box to write in. It is never disabled: what is written while a run works waits in line. */
import { useEffect, useRef } from "preact/hooks";

import type { Attached } from "./attached.ts";
import type { Model } from "./model.ts";
import { Seen } from "./seen.tsx";
import { fileSize } from "./time.ts";

const rowsMax = 10;

export function Composer({ model }: { model: Model }) {
  const box = useRef<HTMLTextAreaElement>(null);
  const pick = useRef<HTMLInputElement>(null);
  const route = model.route.value;
  const place = route.kind === "conversation" ? route.id : route.kind;
  useEffect(() => {
    // A phone would open its keyboard over what one came to read.
    if (window.matchMedia("(pointer: fine)").matches) box.current?.focus({ preventScroll: true });
  }, [place]);
  const overview = model.overview.value;
  const view = model.view.value;
  if (view !== null && route.kind === "conversation" && view.channel === "telegram") {
    return (
      <p class="read-only">
        {(view.lane?.home ?? null) === null
          ? "This conversation lives in Telegram: write there. From here you can watch it, answer what it asks, stop it and cancel what waits."
          : "This is the session of a schedule, whose words go to Telegram. From here you can watch it, answer what it asks and stop it."}
      </p>
    );
  }
  const text = model.draft.value;
  const isBusy = model.run.value !== null;
  const charsMax = overview?.promptCharsMax ?? Infinity;
  const commands = /^\/[a-z]*$/i.test(text)
    ? (overview?.commands ?? []).filter(({ command }) => `/${command}`.startsWith(text))
    : [];
  const onKeyDown = (event: KeyboardEvent): void => {
    // While an input method composes, Enter belongs to it.
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    model.send();
  };
  return (
    <form
      class="composer"
      onDragOver={(event) => event.preventDefault()}
      onDrop={(event) => {
        event.preventDefault();
        model.attach([...(event.dataTransfer?.files ?? [])]);
      }}
      onSubmit={(event) => {
        event.preventDefault();
        model.send();
      }}
    >
      {commands.length > 0 && (
        <ul class="commands" aria-label="Commands">
          {commands.map(({ command, description }) => (
            <li key={command}>
              <button
                type="button"
                onClick={() => {
                  model.draft.value = `/${command}`;
                  box.current?.focus();
                }}
              >
                <code>/{command}</code> <span>{description}</span>
              </button>
            </li>
          ))}
        </ul>
      )}
      <Attachments model={model} />
      <div class="composer-box">
        <button
          type="button"
          class="attach"
          aria-label="Attach files"
          title="Attach files"
          onClick={() => pick.current?.click()}
        >
          <span aria-hidden="true">+</span>
        </button>
        <input
          ref={pick}
          class="hidden"
          type="file"
          multiple
          tabIndex={-1}
          aria-hidden="true"
          onChange={(event) => {
            model.attach([...(event.currentTarget.files ?? [])]);
            event.currentTarget.value = ""; // so that the same file can be picked again
          }}
        />
        <label class="hidden" for="composer">
          Message
        </label>
        <textarea
          id="composer"
          ref={box}
          rows={Math.min(rowsMax, text.split("\n").length)}
          placeholder={isBusy ? "Write the next message" : "Write a message"}
          value={text}
          onInput={(event) => (model.draft.value = event.currentTarget.value)}
          onKeyDown={onKeyDown}
          onPaste={(event) => {
            const files = [...(event.clipboardData?.files ?? [])];
            if (files.length === 0) return;
            event.preventDefault();
            model.attach(files);
          }}
          aria-describedby="composer-note"
        />
        <button type="submit" class="send">
          {isBusy ? "Queue" : "Send"}
        </button>
      </div>
      <p id="composer-note" class={`composer-note ${text.length > charsMax ? "composer-long" : ""}`}>
        {text.length > charsMax
          ? `${text.length.toLocaleString()} of ${charsMax.toLocaleString()} characters: too long to send`
          : isBusy
            ? "Enter queues it \u00B7 begin with ! to stop the run and do this instead"
            : "Enter sends \u00B7 Shift+Enter for a new line \u00B7 / for commands"}
      </p>
    </form>
  );
}

/** What goes with the message, with how far it is. */
function Attachments({ model }: { model: Model }) {
  const all = model.attached.value;
  if (all.length === 0) return null;
  return (
    <ul class="attached" aria-label="Attached files">
      {all.map((one) => (
        <li key={one.key} class={`attached-${one.state.kind}`}>
          <span class="attached-name">
            <Seen text={one.name === "" ? "file" : one.name} />
          </span>
          <span class="attached-note" role={one.state.kind === "failed" ? "alert" : undefined}>
            {noteOf(one)}
          </span>
          <button type="button" class="small" aria-label={`Remove ${one.name}`} onClick={() => model.detach(one.key)}>
            Remove
          </button>
        </li>
      ))}
    </ul>
  );
}

function noteOf({ state, bytes }: Attached): string {
  switch (state.kind) {
    case "uploading":
      return "uploading\u2026";
    case "ready":
      return fileSize(bytes);
    case "failed":
      return `${state.failure.happened} ${state.failure.next}`;
    default:
      return state satisfies never;
  }
}
