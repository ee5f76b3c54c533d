/**
 * What a run did, to be read afterwards page by page: its tools with their arguments and results, what it thought, what it was told.
 *
 * I14: a page is bounded, and what is not kept any more is counted.
 */
import type { ToolRecord, Transcript } from "./transcript.ts";

export type RunDetail =
  /** `input` and `result` are null where they are not kept. */
  | {
      readonly kind: "tool";
      readonly name: string;
      readonly target: string;
      readonly state: ToolRecord["state"];
      readonly input: string | null;
      readonly result: string | null;
    }
  | { readonly kind: "thinking"; readonly text: string }
  | { readonly kind: "notice"; readonly text: string }
  /** So many tools came before those that are kept. */
  | { readonly kind: "forgotten"; readonly tools: number };

/** What a chat shows as one message (4,096 units), with room for the marks around it. In UTF-16 units. */
const pageCharsMax = 2_800;
/** A tool with its arguments and its result fits a page. */
const thinkingCharsMax = 2_000;

/** No page is empty; no details, no page. */
export function detailPages(transcript: Transcript): readonly (readonly RunDetail[])[] {
  const pages: RunDetail[][] = [];
  let left = 0;
  for (const detail of detailsOf(transcript)) {
    const size = sizeOf(detail);
    if (size > left) {
      pages.push([]);
      left = pageCharsMax;
    }
    pages.at(-1)?.push(detail);
    left -= size;
  }
  return pages;
}

export function hasDetails({ toolCount, thinking, notices }: Transcript): boolean {
  return toolCount > 0 || thinking.trim() !== "" || notices.length > 0;
}

function detailsOf({ tools, toolCount, details = [], thinking, notices }: Transcript): readonly RunDetail[] {
  const kept = new Map(details.map((detail) => [detail.id, detail]));
  const forgotten = toolCount - tools.length;
  return [
    ...(forgotten > 0 ? [{ kind: "forgotten" as const, tools: forgotten }] : []),
    ...tools.map(({ id, name, target, state }): RunDetail => {
      const { input = null, result = null } = kept.get(id) ?? {};
      return { kind: "tool", name, target, state, input, result };
    }),
    ...piecesOf(thinking).map((text) => ({ kind: "thinking" as const, text })),
    ...notices.map((text) => ({ kind: "notice" as const, text })),
  ];
}

function piecesOf(text: string): readonly string[] {
  const pieces: string[] = [];
  for (let rest = text.trim(); rest !== "";) {
    const piece = rest.slice(0, thinkingCharsMax).replace(/[\uD800-\uDBFF]$/, "");
    pieces.push(piece);
    rest = rest.slice(piece.length);
  }
  return pieces;
}

function sizeOf(detail: RunDetail): number {
  switch (detail.kind) {
    case "tool":
      return (
        detail.name.length + detail.target.length + (detail.input?.length ?? 0) + (detail.result?.length ?? 0) + 40
      );
    case "thinking":
    case "notice":
      return detail.text.length + 20;
    case "forgotten":
      return 60;
    default:
      return detail satisfies never;
  }
}
