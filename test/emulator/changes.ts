// One bell for the whole emulator: rung after every change of state, so that whoever waits can look again.

export interface Changes {
  ring(): void;
  /** Calls back after every change, until the returned function is called. */
  listen(listener: () => void): () => void;
}

export function createChanges(): Changes {
  const listeners = new Set<() => void>();
  return {
    ring() {
      // A listener that is satisfied removes itself while we walk: a Set allows it.
      for (const listener of listeners) listener();
    },
    listen(listener) {
      listeners.add(listener);
      return () => {
        listeners.delete(listener);
      };
    },
  };
}
