/**
 * Text by its content: UTF-8, UTF-16 with or without a mark, and the one old encoding that spreadsheets of Western Europe still write.
 * Looks at the beginning alone.
 */

export type PlainText = {
  readonly encoding: "utf-8" | "utf-16le" | "utf-16be" | "windows-1252";
  readonly text: string;
};

/** Null: no text. `isWhole` false: the bytes may end in the middle of a character. Total. */
export function plainText(bytes: Buffer, isWhole: boolean): PlainText | null {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return read(bytes, "utf-16le", isWhole);
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return read(bytes, "utf-16be", isWhole);
  const zeros = zeroShares(bytes);
  if (zeros.odd > 0.4 && zeros.even < 0.05) return read(bytes, "utf-16le", isWhole);
  if (zeros.even > 0.4 && zeros.odd < 0.05) return read(bytes, "utf-16be", isWhole);
  if (bytes.includes(0)) return null; // no text of one byte a character has a zero: most files that are none end here
  return read(bytes, "utf-8", isWhole) ?? western(bytes, isWhole);
}

function read(bytes: Buffer, encoding: PlainText["encoding"], isWhole: boolean): PlainText | null {
  try {
    const text = new TextDecoder(encoding, { fatal: true }).decode(bytes, { stream: !isWhole });
    return isReadable(text) ? { encoding, text } : null;
  } catch {
    return null; // bytes that this encoding does not have
  }
}

/** Every byte is a character of it, so it takes more to believe that it is one: few of them beyond ASCII, and none that it leaves open. */
function western(bytes: Buffer, isWhole: boolean): PlainText | null {
  const beyondAscii = bytes.reduce((count, byte) => count + (byte >= 0x80 ? 1 : 0), 0);
  const isOpen = [0x81, 0x8d, 0x8f, 0x90, 0x9d].some((byte) => bytes.includes(byte));
  return isOpen || beyondAscii > bytes.length * 0.3 ? null : read(bytes, "windows-1252", isWhole);
}

/** Controls occur in logs, few of them other than those that colour a terminal; a zero does not occur, in UTF-16 either. */
function isReadable(text: string): boolean {
  const controls = text.match(/[^\P{Cc}\s]/gu)?.filter((control) => control !== "\u001B").length ?? 0;
  return !text.includes("\0") && controls <= text.length / 200;
}

/** Of a thousand bytes. Latin letters in UTF-16 have a zero each. */
function zeroShares(bytes: Buffer): { readonly even: number; readonly odd: number } {
  const some = bytes.subarray(0, 1000);
  let even = 0;
  let odd = 0;
  for (let at = 0; at < some.length; at += 1) {
    if (some[at] !== 0) continue;
    if (at % 2 === 0) even += 1;
    else odd += 1;
  }
  const pairs = Math.max(1, some.length / 2);
  return { even: even / pairs, odd: odd / pairs };
}
