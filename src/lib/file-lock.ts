/**
 * A lock on a path that one holder has at a time, across processes: the operating system's own lock, taken through SQLite,
 * which does it alike on every system without a native add-on.
 *
 * 1. The lock is gone with its process, however that ended: nothing is read from the file, so nothing in it can be stale.
 * 2. The file stays behind, empty. Deleting it would let two holders lock two files of one name.
 * 3. Nobody in this process may open the file in another way: on POSIX closing any descriptor of it drops the lock.
 */
import { truncateSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";

/**
 * Null when another holder has it, in this process or another. Creates the file. Throws when that is impossible (no such
 * directory, no permission). Disposing releases, and may be repeated.
 */
export function tryFileLock(path: string): AsyncDisposable | null {
  const database = new DatabaseSync(path, { timeout: 0 });
  try {
    lock(database, path);
  } catch (error) {
    database.close();
    if (isTaken(error)) return null;
    throw error;
  }
  return {
    [Symbol.asyncDispose]: async () => {
      if (database.isOpen) database.close();
    },
  };
}

function lock(database: DatabaseSync, path: string): void {
  try {
    begin(database);
  } catch (error) {
    if (!isForeignContent(error)) throw error;
    // Whoever held the lock would have made this "busy" before the contents were looked at: nobody does, and an empty file
    // can be locked.
    truncateSync(path);
    begin(database);
  }
}

/**
 * The transaction is the lock. It is never committed, so the write in it never reaches the file; but it is refused where the
 * file cannot be written, and there SQLite would have given a shared lock without a word.
 */
function begin(database: DatabaseSync): void {
  database.exec("PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE; PRAGMA user_version = 1");
}

const isTaken = (error: unknown): boolean => primaryCode(error) === 5; // SQLITE_BUSY

const isForeignContent = (error: unknown): boolean => primaryCode(error) === 26; // SQLITE_NOTADB

/** The low byte of SQLite's result code: https://www.sqlite.org/rescode.html */
function primaryCode(error: unknown): number | null {
  if (!(error instanceof Error) || !("errcode" in error) || typeof error.errcode !== "number") return null;
  return error.errcode & 0xff;
}
