/** What came in besides text: what was heard, which files could not be read, which are kept. */
import type { ItemId } from "../inbox-item.ts";
import { duration, excerpt, plural } from "../wording.ts";

export type FileNotice =
  /** What was understood of a voice message. An answer to this message corrects it. */
  | { readonly kind: "heard"; readonly item: ItemId; readonly text: string; readonly state: "runs" | "asks" }
  /** The message is kept and waits for a decision. */
  | { readonly kind: "files-failed"; readonly reasons: readonly string[] }
  /** `isEmpty`: nothing was left of the message. */
  | { readonly kind: "files-left-out"; readonly reasons: readonly string[]; readonly isEmpty: boolean }
  | {
      readonly kind: "files";
      readonly files: readonly { readonly name: string; readonly bytes: number; readonly receivedAtMs: number }[];
      /** How many there are besides. */
      readonly more: number;
      readonly atMs: number;
    }
  | { readonly kind: "files-removed"; readonly count: number };

export function describeFileNotice(notice: FileNotice): string {
  switch (notice.kind) {
    case "heard":
      return `\u201c${notice.text}\u201d\n${notice.state === "asks" ? "Run this? Answer this message to correct it." : "Answer this message to correct it."}`;
    case "files-failed":
      return `${notice.reasons.join("\n")}\nYour message is kept.`;
    case "files-left-out":
      return notice.isEmpty
        ? `${notice.reasons.join("\n")}\nNothing was started.`
        : `${notice.reasons.join("\n")}\nThe rest of your message goes on without it.`;
    case "files":
      return keptFiles(notice);
    case "files-removed":
      return notice.count === 0 ? "That file was gone already." : `${plural(notice.count, "file")} removed.`;
    default:
      return notice satisfies never;
  }
}

function keptFiles({ files, more, atMs }: FileNotice & { kind: "files" }): string {
  if (files.length === 0) return "No files of this conversation are kept.";
  const lines = files.map(
    ({ name, bytes, receivedAtMs }, index) =>
      `${index + 1}. ${excerpt(name)}, ${size(bytes)}, ${duration(atMs - receivedAtMs)} ago`,
  );
  return ["Files of this conversation:", ...lines, ...(more > 0 ? [`\u2026 and ${more} more`] : [])].join("\n");
}

/** "950 B", "12.3 kB", "1.2 MB" */
function size(bytes: number): string {
  if (bytes < 1_000) return `${bytes} B`;
  return bytes < 999_950 ? `${(bytes / 1_000).toFixed(1)} kB` : `${(bytes / 1_000_000).toFixed(1)} MB`;
}
