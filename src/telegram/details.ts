/** What a run did and changed, as messages. Pure. What agents and tools wrote stands as code: nothing of it turns into a link (T9). */
import type { Notice } from "../domain/notice.ts";
import { detailsTitle, forgottenTools, toolMarks } from "../domain/notices/runs.ts";
import { plural } from "../domain/wording.ts";
import type { RunDetail } from "../domain/run-details.ts";
import { code, concat, cutMiddle, type FormattedText, plain, pre, styled } from "./formatted-text.ts";
import { clip } from "./render.ts";
import { readable, visibleLine, visibleText } from "./visible.ts";

/** A page holds less; what makes characters visible may lengthen it. In UTF-16 units. */
const messageCharsMax = 3_900;
/** About two screens of a phone; a longer diff goes as a file. In UTF-16 units. */
const diffShownCharsMax = 3_000;
const filesShownMax = 20;

export function renderDetails(notice: Notice & { kind: "details" }): FormattedText {
  const blocks = notice.details.flatMap((detail) => [plain("\n\n"), renderDetail(detail)]);
  return cutMiddle(concat(styled("bold", detailsTitle(notice)), ...blocks), messageCharsMax, leftOut);
}

function renderDetail(detail: RunDetail): FormattedText {
  switch (detail.kind) {
    case "tool": {
      const target = visibleLine(detail.target);
      const blocks = [detail.input, detail.result].flatMap((text) =>
        text === null || text.trim() === "" || text.trim() === detail.target.trim()
          ? []
          : [plain("\n"), pre(visibleText(text).trim(), null)],
      );
      return concat(
        plain(`${toolMarks[detail.state]} `),
        styled("bold", clip(visibleLine(detail.name), 64)),
        plain(" "),
        code(target),
        ...blocks,
      );
    }
    case "thinking":
      return concat(plain("\u{1F4AD}\n"), styled("blockquote", readable(detail.text).trim()));
    case "notice":
      return plain(readable(detail.text));
    case "forgotten":
      return styled("italic", forgottenTools(detail.tools));
    default:
      return detail satisfies never;
  }
}

function leftOut(units: number): FormattedText {
  return concat(plain("\n"), styled("italic", `\u2026 ${units} characters not shown \u2026`), plain("\n"));
}

/** What is read in the chat, and the whole as a file when that is not all. */
export type RenderedChanges = { readonly text: FormattedText; readonly whole: string | null };

export function renderChanges(diff: string): RenderedChanges {
  const shown = visibleText(diff.replace(/\r\n?/g, "\n")).trimEnd();
  if (shown.trim() === "") return { text: plain("Nothing was changed."), whole: null };
  const files = filesOf(shown);
  const lines = files
    .slice(0, filesShownMax)
    .flatMap(({ name, added, removed }) => [code(clip(name, 100)), plain(` +${added} \u2212${removed}\n`)]);
  const more = files.length > filesShownMax ? [plain(`\u2026 and ${files.length - filesShownMax} more\n`)] : [];
  const title = styled("bold", files.length === 0 ? "Changes" : `${plural(files.length, "file")} changed`);
  const head = concat(title, plain("\n"), ...lines, ...more);
  if (shown.length <= diffShownCharsMax && files.length <= filesShownMax) {
    return { text: concat(head, plain("\n"), pre(shown, "diff")), whole: null };
  }
  return { text: concat(head, plain("\n"), styled("italic", "The whole diff is in the file.")), whole: diff };
}

type ChangedFile = { readonly name: string; readonly added: number; readonly removed: number };

/** By the headers of a unified diff ("+++ b/src/a.ts", or "--- a/..." for a file that is gone). */
function filesOf(diff: string): readonly ChangedFile[] {
  const files: { name: string; added: number; removed: number }[] = [];
  let old = "";
  for (const line of diff.split("\n")) {
    if (line.startsWith("--- ")) old = line.slice(4);
    else if (line.startsWith("+++ ")) {
      const name = line.slice(4) === "/dev/null" ? old : line.slice(4);
      files.push({ name: name.replace(/^[ab]\//, "").replace(/\t.*$/, ""), added: 0, removed: 0 });
    } else {
      const file = files.at(-1);
      if (file === undefined) continue;
      if (line.startsWith("+")) file.added += 1;
      else if (line.startsWith("-")) file.removed += 1;
    }
  }
  return files;
}
