/** Text that is read before it is trusted: what would hide or reorder it stands there as a mark (T5). */
import { splitAtMarks, visibleText, visibleWords } from "../../lib/visible.ts";

/** Commands, diffs, names of files. */
export function Seen({ text }: { text: string }) {
  return <Marked text={visibleText(text)} />;
}

/** What is read as words: emoji stay whole. */
export function SeenWords({ text }: { text: string }) {
  return <Marked text={visibleWords(text)} />;
}

/** Whether `Seen` marks anything in it. */
export function hasMarks(text: string): boolean {
  return splitAtMarks(visibleText(text)).length > 1;
}

function Marked({ text }: { text: string }) {
  return (
    <>
      {splitAtMarks(text).map((piece, index) =>
        index % 2 === 0 ? (
          piece
        ) : (
          <span key={index} class="unseen" title="A character that cannot be seen">
            {piece}
          </span>
        ),
      )}
    </>
  );
}
