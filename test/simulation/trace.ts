/**
 * What happened in a simulation, one line a step, and a running hash of all of it: two runs of one seed are the same run
 * exactly when their hashes are equal.
 */
export interface Trace {
  line(text: string): void;
  /** FNV-1a over every line, 32 bits as hex. */
  hash(): string;
  length(): number;
  tail(lines: number): readonly string[];
}

export function createTrace(): Trace {
  const lines: string[] = [];
  let hash = 0x811c9dc5;
  return {
    line: (text) => {
      lines.push(text);
      for (let index = 0; index < text.length; index += 1) {
        hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
      }
      hash = Math.imul(hash ^ 10, 0x01000193);
    },
    hash: () => (hash >>> 0).toString(16).padStart(8, "0"),
    length: () => lines.length,
    tail: (count) => lines.slice(-count),
  };
}
