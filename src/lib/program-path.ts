/**
 * Where a program is: what a shell would start under a name.
 *
 * 1. Only a file that we may execute is a program; a directory of that name is not.
 * 2. An empty entry of PATH means the present directory to a shell. Here it means nothing: what lies in a workspace is not started by
 *    its name.
 */
import { accessSync, constants, statSync } from "node:fs";
import { delimiter, isAbsolute, join } from "node:path";

/** The first program of this name; an absolute path stands for itself. `path` is the value of PATH. Null when there is none. */
export function findProgram(name: string, path: string | undefined): string | null {
  const directories = (path ?? "").split(delimiter).filter((directory) => directory !== "");
  const places = isAbsolute(name) ? [name] : directories.map((directory) => join(directory, name));
  return places.find(isProgram) ?? null;
}

/** Whether we may execute it. */
export function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false; // whatever the reason, it cannot be executed
  }
}
