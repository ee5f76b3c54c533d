/** Runs `load` now; asked again while it runs, once more after, however often. Owns the promise: `load` never rejects. */
export function createRefresher(load: () => Promise<void>): () => void {
  let state: "idle" | "loading" | "again" = "idle";
  async function loop(): Promise<void> {
    do {
      state = "loading";
      await load();
    } while (isAskedAgain());
    state = "idle";
  }
  const isAskedAgain = (): boolean => state === "again";
  return () => {
    if (state === "idle") void loop();
    else state = "again";
  };
}
