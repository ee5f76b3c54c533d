/** The beginning of a text, bounded: collected piece by piece until it is full, and never cut inside a character. */

/** About 5,000 tokens: enough to know what a file is and to answer most questions about a short one; the agent has the file itself too. */
export const excerptCharsMax = 20_000;

/** In UTF-16 units. */
export type Excerpt = { readonly excerpt: string; readonly isWhole: boolean };

export type ExcerptBuilder = {
  /** Takes more text; false once no more is wanted. */
  add(text: string): boolean;
  readonly isFull: boolean;
  /** What was collected, without invisible controls and without white space at its ends. */
  done(): Excerpt;
};

export function createExcerpt(charsMax: number = excerptCharsMax): ExcerptBuilder {
  const pieces: string[] = [];
  let chars = 0;
  return {
    add(text) {
      if (chars > charsMax) return false;
      // One unit more than fits is kept, to know that there was more.
      const piece = text.slice(0, charsMax + 1 - chars);
      if (piece !== "") pieces.push(piece);
      chars += piece.length;
      return chars <= charsMax;
    },
    get isFull() {
      return chars > charsMax;
    },
    done() {
      const text = pieces.join("");
      const isWhole = text.length <= charsMax;
      const cut = isWhole ? text : text.slice(0, charsMax);
      const lastIsHalf = !isWhole && /[\uD800-\uDBFF]$/.test(cut);
      return { excerpt: tidy(lastIsHalf ? cut.slice(0, -1) : cut), isWhole };
    },
  };
}

function tidy(text: string): string {
  return text
    .toWellFormed()
    .replace(/\r\n?/g, "\n")
    .replace(/\p{Cc}/gu, (control) => (control === "\n" || control === "\t" ? control : ""))
    .trim();
}
