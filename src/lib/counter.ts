/**
 * Counts by labels, from the moment it was made: what a scrape reads that no database knows.
 *
 * I14: it holds one number for each combination of labels that ever came, so labels are words of a closed list, never what somebody sent.
 */
export type Labels = Readonly<Record<string, string>>;

export type Count<L extends Labels> = { readonly labels: L; readonly value: number };

export type Counter<L extends Labels> = {
  add(labels: L, amount?: number): void;
  /** In the order in which the labels first came. */
  read(): readonly Count<L>[];
};

export function createCounter<L extends Labels>(): Counter<L> {
  const counts = new Map<string, Count<L>>();
  return {
    add(labels, amount = 1) {
      const key = JSON.stringify(labels);
      counts.set(key, { labels, value: (counts.get(key)?.value ?? 0) + amount });
    },
    read: () => [...counts.values()],
  };
}
