/** Codes that a person reads aloud or types from another screen. */
import { createHash, timingSafeEqual } from "node:crypto";

/** Without what looks like something else: B 8, I L 1, O 0, S 5, Z 2. */
const alphabet = "ACDEFGHJKMNPQRTUVWXY34679";
const length = 8;
/** Bytes from here on would make some characters likelier than others. */
const byteMax = 256 - (256 % alphabet.length);

/** 37 bits drawn from the seed, which has to be random and is not to be found from the code. */
export function shortCode(seed: string): string {
  for (let round = 0; ; round += 1) {
    const bytes = [...createHash("sha256").update(`${round}:${seed}`).digest()].filter((byte) => byte < byteMax);
    if (bytes.length < length) continue; // once in a lifetime of the universe
    return bytes
      .slice(0, length)
      .map((byte) => alphabet[byte % alphabet.length])
      .join("");
  }
}

/** For reading: ACDE-3467. */
export function spelledCode(code: string): string {
  return `${code.slice(0, length / 2)}-${code.slice(length / 2)}`;
}

/** Whether the person typed this code, in any case and with any hyphens. Takes the same time wherever they differ. */
export function isSameCode(typed: string, code: string): boolean {
  const digest = (text: string): Buffer => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(typed.toUpperCase().replace(/[\s-]/g, "")), digest(code));
}
