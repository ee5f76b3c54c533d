/** Numbers, times and long lines as a person says them, the same wherever Signalbox speaks. */
export function plural(count: number, noun: string): string {
  return count === 1 ? `1 ${noun}` : `${count} ${noun}s`;
}

/** Milliseconds as a person says them: "8 s", "3 min 5 s", "2 h 10 min". */
export function duration(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  return minutes < 60 ? `${minutes} min ${seconds % 60} s` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** One line of a message, for lists; in UTF-16 units. */
const excerptCharsMax = 80;

export function excerpt(text: string): string {
  const line = text.replace(/\s+/g, " ").trim();
  return line.length <= excerptCharsMax
    ? line
    : `${line.slice(0, excerptCharsMax - 1).replace(/[\uD800-\uDBFF]$/, "")}\u2026`;
}
