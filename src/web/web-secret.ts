/**
 * The key that signs the page's cookies, kept in a file that only its owner reads. Deleting the file signs every browser out.
 */
import { randomBytes } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";

/** As long as the digest that it keys. */
const secretBytes = 32;

/** Makes the file when it is missing or too short. Rejects when it can neither be read nor written. */
export async function readWebSecret(path: string): Promise<Uint8Array> {
  const found = await readIfThere(path);
  if (found !== null && found.length >= secretBytes) return found;
  const made = randomBytes(secretBytes);
  await writeFile(path, made, { mode: 0o600 });
  return made;
}

async function readIfThere(path: string): Promise<Uint8Array | null> {
  try {
    return await readFile(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
}
