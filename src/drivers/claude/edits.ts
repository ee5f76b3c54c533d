/**
 * What one of Claude Code's editing tools would change, as diffs against the files as they are now.
 *
 * It says what would happen, and does nothing. Reading is bounded; what cannot be read is said in the diff's place.
 */
import { readFile, stat } from "node:fs/promises";
import { isAbsolute, join } from "node:path";
import type { FileEdit } from "../../domain/ask.ts";
import { unifiedDiff } from "../unified-diff.ts";

type Input = Readonly<Record<string, unknown>>;

/** Null for a tool that edits no files. Resolves, never rejects. `directory` is where the agent works. */
export async function editsOf(tool: string, input: Input, directory: string): Promise<readonly FileEdit[] | null> {
  const change = changeOf(tool, input);
  if (change === null) return null;
  const path = text(input["file_path"]) || text(input["notebook_path"]);
  const present = await read(isAbsolute(path) ? path : join(directory, path));
  return [{ path, diff: diffOf(change, present) }];
}

/** `apply` gives null when it does not fit the present text; `alone` is then all that there is to show. */
type Change = {
  apply(present: string): string | null;
  readonly alone: { readonly before: string; readonly after: string };
  /** Whether only a part of the text is shown: a cell's source, inside a notebook's JSON. */
  view?(present: string): string | null;
};

function changeOf(tool: string, input: Input): Change | null {
  switch (tool) {
    case "Write": {
      const content = text(input["content"]);
      return { apply: () => content, alone: { before: "", after: content } };
    }
    case "Edit":
      return replacing([input]);
    case "MultiEdit":
      return replacing(Array.isArray(input["edits"]) ? input["edits"].filter(isRecord) : []);
    case "NotebookEdit":
      return cellChange(input);
    default:
      return null;
  }
}

function replacing(edits: readonly Input[]): Change {
  const steps = edits.map((edit) => ({
    old: text(edit["old_string"]),
    fresh: text(edit["new_string"]),
    isEverywhere: edit["replace_all"] === true,
  }));
  return {
    apply: (present) =>
      steps.reduce<string | null>((now, { old, fresh, isEverywhere }) => {
        if (now === null) return null;
        if (old === "") return now === "" ? fresh : null;
        if (!now.includes(old)) return null;
        return isEverywhere ? now.replaceAll(old, () => fresh) : now.replace(old, () => fresh);
      }, present),
    alone: {
      before: steps.map(({ old }) => `${old}\n`).join(""),
      after: steps.map(({ fresh }) => `${fresh}\n`).join(""),
    },
  };
}

function cellChange(input: Input): Change {
  const source = input["edit_mode"] === "delete" ? "" : text(input["new_source"]);
  return {
    apply: () => source,
    alone: { before: "", after: source },
    view: (present) => (input["edit_mode"] === "insert" ? "" : cellSource(present, text(input["cell_id"]))),
  };
}

/** Null where there is no such cell. */
function cellSource(notebook: string, id: string): string | null {
  try {
    const cells: unknown = (JSON.parse(notebook) as { readonly cells?: unknown } | null)?.cells;
    if (!Array.isArray(cells)) return null;
    const cell: unknown = cells.find(
      (other, index) => isRecord(other) && (other["id"] === id || id === `cell-${index}`),
    );
    if (!isRecord(cell)) return null;
    const source = cell["source"];
    return Array.isArray(source) ? source.map(text).join("") : text(source);
  } catch {
    return null; // not JSON: the tool will refuse it as well
  }
}

function diffOf(change: Change, present: Present): string {
  switch (present.kind) {
    case "text": {
      const before = change.view ? change.view(present.text) : present.text;
      const after = before === null ? null : change.apply(before);
      return before === null || after === null
        ? unifiedDiff(change.alone.before, change.alone.after)
        : unifiedDiff(before, after);
    }
    case "unreadable":
      return `(${present.why})\n${unifiedDiff(change.alone.before, change.alone.after)}`;
    default:
      present satisfies never;
      return "";
  }
}

type Present = { readonly kind: "text"; readonly text: string } | { readonly kind: "unreadable"; readonly why: string };

/** A larger file is not what somebody reads a diff of on a phone. */
const fileBytesMax = 2_000_000;

async function read(path: string): Promise<Present> {
  try {
    const { size, isPlain } = await stat(path).then((found) => ({ size: found.size, isPlain: found.isFile() }));
    if (!isPlain) return { kind: "unreadable", why: "This is not a plain file." };
    if (size > fileBytesMax) return { kind: "unreadable", why: `The file has ${size} bytes now: too many to compare.` };
    return { kind: "text", text: await readFile(path, "utf8") };
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (code === "ENOENT") return { kind: "text", text: "" };
    return { kind: "unreadable", why: `The file as it is now cannot be read: ${String(code ?? error)}.` };
  }
}

function isRecord(value: unknown): value is Input {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}
