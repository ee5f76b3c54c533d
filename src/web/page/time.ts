/** Times and counts as a person reads them at a glance. */

/** "0:07", "12:30", "1:02:03". */
export function elapsed(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const [h, m, s] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  const two = (n: number): string => String(n).padStart(2, "0");
  return h > 0 ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}

/** "8.2 s", "3 min 5 s", "2 h 10 min". */
export function duration(ms: number): string {
  if (ms < 10_000) return `${(Math.max(0, ms) / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  return minutes < 60 ? `${minutes} min ${seconds % 60} s` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** "14:05", with the date when it is another day. */
export function clockTime(atMs: number, nowMs: number): string {
  const at = new Date(atMs);
  const time = at.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  const isToday = at.toDateString() === new Date(nowMs).toDateString();
  return isToday ? time : `${at.toLocaleDateString([], { month: "short", day: "numeric" })} ${time}`;
}

/** "now", "in 40 s", "in 12 min", "in 3 h 5 min", "in 4 days". */
export function until(ms: number): string {
  if (ms < 1_000) return "now";
  const seconds = Math.round(ms / 1000);
  if (seconds < 60) return `in ${seconds} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return `in ${minutes} min`;
  const [hours, rest] = [Math.floor(minutes / 60), minutes % 60];
  if (hours < 48) return rest === 0 ? `in ${hours} h` : `in ${hours} h ${rest} min`;
  return `in ${Math.round(hours / 24)} days`;
}

/** "950", "12.3k", "1.2M". */
export function compact(count: number): string {
  if (count < 1_000) return String(count);
  return count < 1_000_000 ? `${trim(count / 1_000)}k` : `${trim(count / 1_000_000)}M`;
}

/** "950 B", "12.3 kB", "1.2 MB". */
export function fileSize(bytes: number): string {
  if (bytes < 1_000) return `${bytes} B`;
  return bytes < 1_000_000 ? `${trim(bytes / 1_000)} kB` : `${trim(bytes / 1_000_000)} MB`;
}

function trim(value: number): string {
  return value.toFixed(1).replace(/\.0$/, "");
}

/** The end of a path says more than its head: "…/clients/website". */
export function shortPath(path: string): string {
  const parts = path.split("/").filter((part) => part !== "");
  return parts.length <= 2 ? path : `\u2026/${parts.slice(-2).join("/")}`;
}
