/**
 * Characters that make a text look like another one (T5): what turns the direction of writing around, what has no width, and
 * controls. They are written as what they are, so that what a person reads is what is there. Runs in Node and in a browser.
 */

/** Controls, bidirectional marks, separators, tags, and everything that a font draws as nothing. */
const invisible = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/gu;

/** The joiners and variation selectors that emoji and some scripts are written with. */
const ofWords: ReadonlySet<string> = new Set(["\u200C", "\u200D", "\uFE0E", "\uFE0F"]);

/** For what is read before it is trusted (commands, diffs, file names): every character can be seen. Line feeds and tabs stay. */
export function visibleText(text: string): string {
  return show(text, () => false);
}

/** For what is read as words: as above, and emoji stay whole. */
export function visibleWords(text: string): string {
  return show(text, (character) => ofWords.has(character));
}

function show(text: string, stays: (character: string) => boolean): string {
  return text
    .replace(/\r\n/g, "\n")
    .replace(invisible, (character) =>
      character === "\n" || character === "\t" || stays(character) ? character : mark(character),
    );
}

function mark(character: string): string {
  return `\u27E8U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase()}\u27E9`;
}

/** The text in pieces, every other one a mark: for drawing marks in a look of their own. */
export function splitAtMarks(visible: string): readonly string[] {
  return visible.split(/(\u27E8U\+[0-9A-F]{1,6}\u27E9)/);
}
