/**
 * Files that go with the message in the box: each is uploaded as soon as it is picked, so that sending waits for nothing that could be
 * done before. They do not survive a reload: a browser gives a file to a page once.
 */
import { type ReadonlySignal, signal } from "@preact/signals";

import type { SentUpload, Uploaded } from "../wire.ts";
import { type Failure, newKey, upload } from "./request.ts";

export type Attached = {
  readonly key: string;
  readonly name: string;
  readonly type: string;
  readonly bytes: number;
  readonly state:
    | { readonly kind: "uploading" }
    | { readonly kind: "ready"; readonly id: string }
    | { readonly kind: "failed"; readonly failure: Failure };
};

export type AttachedList = {
  readonly all: ReadonlySignal<readonly Attached[]>;
  /** Begins to upload them; resolves with how many were too many to take. */
  add(files: readonly File[], filesMax: number): number;
  remove(key: string): void;
  /** Empties the list: what is ready goes with a message. */
  take(): readonly SentUpload[];
  /** They came back with a message that was not sent. */
  putBack(files: readonly SentUpload[], filesMax: number): void;
};

export function createAttachedList(): AttachedList {
  const all = signal<readonly Attached[]>([]);

  function mark(key: string, state: Attached["state"]): void {
    all.value = all.value.map((one) => (one.key === key ? { ...one, state } : one));
  }

  return {
    all,
    add(files, filesMax) {
      const room = Math.max(0, filesMax - all.value.length);
      for (const file of files.slice(0, room)) {
        const key = newKey();
        const { name, type, size: bytes } = file;
        all.value = [...all.value, { key, name, type, bytes, state: { kind: "uploading" } }];
        // Owned here: what goes wrong is the file's state.
        void upload<Uploaded>("/api/uploads", file).then((answer) =>
          mark(
            key,
            answer.kind === "failed"
              ? { kind: "failed", failure: answer.failure }
              : { kind: "ready", id: answer.value.id },
          ),
        );
      }
      return Math.max(0, files.length - room);
    },
    remove(key) {
      all.value = all.value.filter((one) => one.key !== key);
    },
    take() {
      const ready = all.value.flatMap(({ name, type, bytes, state }) =>
        state.kind === "ready" ? [{ id: state.id, name, type, bytes }] : [],
      );
      all.value = [];
      return ready;
    },
    putBack(files, filesMax) {
      const back = files.map(({ id, ...about }) => ({ ...about, key: id, state: { kind: "ready" as const, id } }));
      all.value = [...back, ...all.value].slice(0, filesMax);
    },
  };
}
