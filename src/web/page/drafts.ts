/** What was begun in the box and not sent, for every place where one can write. Survives a reload. */
import { type ReadonlySignal, type Signal, signal } from "@preact/signals";

import { readStored, store } from "./tab-storage.ts";

export type Drafts = {
  /** What is in the box now. */
  readonly text: Signal<string>;
  /** Notes what is in the box, for when one comes back to this place. */
  keep(): void;
  /** The box shows what was begun in the place where one is now. */
  show(): void;
  /** Puts `text` before whatever was begun in that place. */
  putBack(place: string, text: string): void;
};

const storedAs = "signalbox-drafts";

export function createDrafts(window: Window, place: ReadonlySignal<string>): Drafts {
  const text = signal("");
  let kept = readStored<Readonly<Record<string, string>>>(window, storedAs, {});

  return {
    text,
    keep() {
      const { [place.value]: _, ...others } = kept;
      kept = text.value === "" ? others : { ...others, [place.value]: text.value };
      store(window, storedAs, kept);
    },
    show() {
      text.value = kept[place.value] ?? "";
    },
    putBack(at, before) {
      if (at === place.value) text.value = joined(before, text.value);
      else kept = { ...kept, [at]: joined(before, kept[at] ?? "") };
    },
  };
}

function joined(before: string, after: string): string {
  return after === "" ? before : `${before}\n${after}`;
}
