/** A session found in an agent's own store: begun here, or in the terminal. `resume` is the agent's id of it. */
export type StoredSession = {
  readonly resume: string;
  readonly workspace: string;
  /** The agent's or the person's name for it; null where it has none. */
  readonly title: string | null;
  /** The first words of the person in it, one line; null where they are not known. */
  readonly preview: string | null;
  readonly updatedAtMs: number;
};
