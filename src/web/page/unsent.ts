/**
 * What was sent from here and is not yet seen to have arrived. Survives a reload.
 *
 * 1. A text leaves this list only when the server has it, or this person takes it back: a failed or unanswered send keeps the
 *    text and its key, so that sending again is safe.
 */
import { type ReadonlySignal, signal } from "@preact/signals";

import type { Accepted, ConversationView, SendBody } from "../wire.ts";
import { conversationPath, type Failure, request } from "./request.ts";
import { readStored, store } from "./tab-storage.ts";

export type Unsent = {
  readonly conversation: string;
  readonly body: SendBody;
  readonly state: { kind: "sending" } | { kind: "failed"; failure: Failure };
};

export type UnsentList = {
  readonly all: ReadonlySignal<readonly Unsent[]>;
  send(conversation: string, body: SendBody): void;
  sendAgain(key: string): void;
  /** Takes it out of the list; null when it is not there any more. */
  take(key: string): Unsent | null;
  /** What the server shows has arrived. */
  compare(view: ConversationView): void;
};

const storedAs = "signalbox-unsent";

/** `accepted`: the server has one more; its next view shows it. */
export function createUnsentList(window: Window, accepted: () => void): UnsentList {
  const all = signal<readonly Unsent[]>(readStored<Unsent[]>(window, storedAs, []).map(unanswered));

  function set(next: readonly Unsent[]): void {
    all.value = next;
    store(window, storedAs, next);
  }

  function keep(isKept: (one: Unsent) => boolean): void {
    if (!all.value.every(isKept)) set(all.value.filter(isKept));
  }

  function mark(key: string, state: Unsent["state"]): void {
    set(all.value.map((one) => (one.body.key === key ? { ...one, state } : one)));
  }

  function find(key: string): Unsent | null {
    return all.value.find(({ body }) => body.key === key) ?? null;
  }

  /** Owns its request: what goes wrong becomes the state of the unsent text. */
  function deliver({ conversation, body }: Pick<Unsent, "conversation" | "body">): void {
    void request<Accepted>(`${conversationPath(conversation)}/messages`, body).then((answer) => {
      if (answer.kind === "failed") mark(body.key, { kind: "failed", failure: answer.failure });
      else accepted();
    });
  }

  return {
    all,
    send(conversation, body) {
      set([...all.value, { conversation, body, state: { kind: "sending" } }]);
      deliver({ conversation, body });
    },
    sendAgain(key) {
      const one = find(key);
      if (one === null) return;
      mark(key, { kind: "sending" });
      deliver(one);
    },
    take(key) {
      const one = find(key);
      keep(({ body }) => body.key !== key);
      return one;
    },
    compare(view) {
      keep(({ conversation, body }) => conversation !== view.conversation || !hasArrived(view, body.key));
    },
  };
}

function hasArrived(view: ConversationView, key: string): boolean {
  const isIt = (one: { key: string | null }): boolean => one.key === key;
  return (
    view.queue.some(isIt) || view.held.some(isIt) || view.entries.some((entry) => entry.kind === "said" && isIt(entry))
  );
}

/** A page that was closed while it sent does not know the answer; the key makes asking again safe. */
function unanswered(one: Unsent): Unsent {
  const failure: Failure = {
    code: "unreachable",
    happened: "The page was closed before this was answered.",
    kept: "Your text is kept here.",
    next: "Send it again: it is never run twice.",
  };
  return one.state.kind === "sending" ? { ...one, state: { kind: "failed", failure } } : one;
}
