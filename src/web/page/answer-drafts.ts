/** Words that were begun as an answer to an ask, and not sent. Survive a reload. */
import { signal } from "@preact/signals";

import { readStored, store } from "./tab-storage.ts";

export type AnswerDrafts = {
  textOf(draft: string): string;
  /** "" forgets it. */
  write(draft: string, text: string): void;
};

const storedAs = "signalbox-answers";
/** Asks that expired while one wrote leave their words behind; the newest are enough. */
const draftsMax = 20;

export function createAnswerDrafts(window: Window): AnswerDrafts {
  const kept = signal<Readonly<Record<string, string>>>(readStored(window, storedAs, {}));
  return {
    textOf: (draft) => kept.value[draft] ?? "",
    write(draft, text) {
      const { [draft]: _, ...others } = kept.value;
      const newest = Object.entries(others).slice(text === "" ? -draftsMax : 1 - draftsMax);
      kept.value = Object.fromEntries(text === "" ? newest : [...newest, [draft, text]]);
      store(window, storedAs, kept.value);
    },
  };
}
