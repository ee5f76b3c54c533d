/** Names of files as they are shown and saved under (T6): by someone who did not choose them. */

/** Every file system and every phone takes this much. */
const nameBytesMax = 120;
/** An ending is a word; what is longer is part of the name. In bytes. */
const endingBytesMax = 16;

/** One line, nothing invisible, no part of a path, at most `nameBytesMax` bytes of UTF-8, never empty. Keeps its ending. */
export function cleanName(name: string): string {
  return cleanEntryName(name).replace(/^\.[.-]*/, "") || "file";
}

/** The same for a part of a path inside an archive, where a leading dot means something. May be empty, `.` or `..`. */
export function cleanEntryName(name: string): string {
  const clean = name
    .toWellFormed()
    .normalize("NFC")
    .replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/gu, "")
    // What a path, a file system or (between double quotes, too) a shell takes for more than a character.
    .replace(/[/\\:*?"<>|;$`]/g, "_")
    .replace(/\s+/g, " ")
    .trim()
    // A program that is given every file of a folder would take it for an option.
    .replace(/^-/, "_");
  const ending = /\.[^.]+$/.exec(clean)?.[0] ?? "";
  const kept = Buffer.byteLength(ending) <= endingBytesMax ? ending : "";
  const stem = clean.slice(0, clean.length - kept.length);
  return `${cutBytes(stem, nameBytesMax - Buffer.byteLength(kept))}${kept}`;
}

function cutBytes(text: string, bytesMax: number): string {
  let bytes = 0;
  let cut = "";
  for (const character of text) {
    bytes += Buffer.byteLength(character);
    if (bytes > bytesMax) break;
    cut += character;
  }
  return cut;
}
