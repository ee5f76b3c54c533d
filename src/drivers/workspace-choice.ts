/**
 * The directory that a person typed for a conversation, checked before anything is stored: it exists, is a directory that
 * we may write, and is named by its real path (I1 compares real paths).
 */
import { constants } from "node:fs";
import { access, realpath, stat } from "node:fs/promises";
import { homedir } from "node:os";
import { isAbsolute, join } from "node:path";
import type { WorkspaceChoice } from "../engine/ports.ts";

/** PATH_MAX of Linux; a longer text is no path. In UTF-16 units. */
const pathCharsMax = 4096;

/** Resolves, never rejects. */
export async function checkWorkspace(typed: string): Promise<WorkspaceChoice> {
  const path = typed.trim().replace(/^~(?=\/|$)/, homedir());
  if (path.length > pathCharsMax || path.includes("\0") || !isAbsolute(path)) {
    return refused("That is not a full path of a directory.", "Write the whole path, for example ~/projects/website.");
  }
  try {
    const real = await realpath(path);
    if (!(await stat(real)).isDirectory()) {
      return refused(`${path} is a file, not a directory.`, "Choose the directory that it is in.");
    }
    await access(real, constants.W_OK | constants.X_OK);
    return { kind: "ok", path: real };
  } catch (error) {
    return explain(path, (error as NodeJS.ErrnoException).code);
  }
}

function explain(path: string, code: string | undefined): WorkspaceChoice {
  switch (code) {
    case "ENOENT":
      return refused(
        `The directory ${path} does not exist.`,
        `Create it (mkdir -p ${join(path)}), or choose another one.`,
      );
    case "ENOTDIR":
      return refused(`A part of ${path} is a file, not a directory.`, "Check the path.");
    case "EACCES":
    case "EPERM":
    case "EROFS":
      return refused(`Signalbox may not work in ${path}.`, "Change its permissions, or choose another directory.");
    default:
      return refused(
        `The directory ${path} cannot be used (${code ?? "unknown reason"}).`,
        "Choose another directory.",
      );
  }
}

function refused(happened: string, next: string): WorkspaceChoice {
  return { kind: "refused", happened, next };
}
