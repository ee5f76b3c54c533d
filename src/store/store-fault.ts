/**
 * What can be wrong with the database (ports.ts: StoreFault), classified once, by SQLite's and the system's error codes. The message is one
 * or two sentences for the terminal: what is wrong, and what to do about it.
 */
import { StoreFault, type StoreFaultKind } from "../engine/ports.ts";

/** Turns whatever node:sqlite or the file system threw into a StoreFault; what is one already stays as it is. */
export function classify(error: unknown, path: string): StoreFault {
  if (error instanceof StoreFault) return error;
  const kind = kindOf(error);
  return new StoreFault(kind, describe(kind, path, error), error);
}

function kindOf(error: unknown): StoreFaultKind {
  if (!(error instanceof Error)) return "internal";
  if ("errcode" in error && typeof error.errcode === "number") return kindOfSqlite(error.errcode);
  if ("code" in error && typeof error.code === "string") return kindOfSystem(error.code);
  return "internal";
}

/** The primary result code is the low byte: https://www.sqlite.org/rescode.html */
function kindOfSqlite(errcode: number): StoreFaultKind {
  switch (errcode & 0xff) {
    case 13: // SQLITE_FULL
      return "disk-full";
    case 11: // SQLITE_CORRUPT
    case 26: // SQLITE_NOTADB
    case 10: // SQLITE_IOERR
      return "unreadable";
    case 5: // SQLITE_BUSY
    case 6: // SQLITE_LOCKED
      return "locked";
    case 3: // SQLITE_PERM
    case 8: // SQLITE_READONLY
    case 14: // SQLITE_CANTOPEN
    case 23: // SQLITE_AUTH
      return "unwritable";
    case 19: // SQLITE_CONSTRAINT
      return "refused";
    default:
      return "internal";
  }
}

function kindOfSystem(code: string): StoreFaultKind {
  switch (code) {
    case "ENOSPC":
    case "EDQUOT":
      return "disk-full";
    case "EACCES":
    case "EPERM":
    case "EROFS":
    case "ENOENT":
    case "ENOTDIR":
    case "EISDIR":
      return "unwritable";
    case "EIO":
      return "unreadable";
    default:
      return "internal";
  }
}

function describe(kind: StoreFaultKind, path: string, error: unknown): string {
  const detail = error instanceof Error ? error.message : String(error);
  switch (kind) {
    case "disk-full":
      return `The disk that holds ${path} is full. Free some space; nothing that was accepted before is lost.`;
    case "unreadable":
      return `The database ${path} cannot be read (${detail}). Restore it from a copy, or move it away to begin a new one.`;
    case "newer-version":
      return `The database ${path} was written by a newer version of Signalbox. Start that version, or a later one.`;
    case "locked":
      return `Another program is using the database ${path}. Close it, then try again.`;
    case "unwritable":
      return `The database ${path} cannot be opened for writing (${detail}). Check that its directory exists and may be written.`;
    case "deposed":
      return `Another Signalbox has opened the database ${path}; this one writes nothing more.`;
    case "refused":
      return `The database refused a write: ${detail}`;
    case "misused":
    case "internal":
      return `The database ${path} failed: ${detail}`;
    default:
      return kind satisfies never;
  }
}
