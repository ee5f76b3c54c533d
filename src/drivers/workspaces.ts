/**
 * Workspace directories, and the lock that keeps two Signalboxes on one machine out of the same one.
 *
 * I1: inside one instance the run's row holds the workspace; against other instances it is the operating system's lock, which is
 * gone with its process. Lock files lie outside the workspace, so that no agent and no version control ever sees them.
 */
import { createHash } from "node:crypto";
import { constants, lstatSync, mkdirSync } from "node:fs";
import { access, realpath, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Fault } from "../domain/faults.ts";
import type { WorkspaceHold, Workspaces } from "../engine/ports.ts";
import { checkWorkspace } from "./workspace-choice.ts";
import { tryFileLock } from "../lib/file-lock.ts";

export type WorkspacesDeps = {
  /** The machine's directory for temporary files: the same for all instances of this user. */
  readonly tmpDir: string;
  /** The user's number, in the name of the lock directory; lock files of two users never meet. */
  readonly uid: number;
};

/** Nobody else may plant files where we lock. */
const lockDirectoryMode = 0o700;

export function createWorkspaces({ tmpDir, uid }: WorkspacesDeps): Workspaces {
  const locks = join(tmpDir, `signalbox-locks-${uid}`);
  /** What this instance holds, by real path: `holds` runs share one lock. */
  const held = new Map<string, { readonly lock: AsyncDisposable; holds: number }>();
  return { hold, choose: checkWorkspace };

  async function hold(path: string): Promise<WorkspaceHold> {
    const found = await check(path);
    if (found.kind === "refused") return found;
    try {
      const shared = held.get(found.real) ?? take(found.real);
      if (shared === null) return refused({ kind: "workspace-locked", path });
      shared.holds += 1;
      const lock = new AsyncDisposableStack(); // may be disposed again without giving back what another run holds
      lock.defer(() => giveBack(found.real));
      return { kind: "held", lock };
    } catch (error) {
      const reason = error instanceof Error ? error.message : "unknown reason";
      return refused({ kind: "internal", detail: `no lock can be taken in ${locks}: ${reason}` });
    }
  }

  function take(real: string): { readonly lock: AsyncDisposable; holds: number } | null {
    openLockDirectory(locks, uid);
    const lock = tryFileLock(join(locks, createHash("sha256").update(real).digest("hex")));
    if (lock === null) return null;
    const taken = { lock, holds: 0 };
    held.set(real, taken);
    return taken;
  }

  async function giveBack(real: string): Promise<void> {
    const shared = held.get(real);
    if (shared === undefined) return;
    shared.holds -= 1;
    if (shared.holds > 0) return;
    held.delete(real);
    await shared.lock[Symbol.asyncDispose]();
  }
}

type Refused = { readonly kind: "refused"; readonly fault: Fault };

async function check(path: string): Promise<{ readonly kind: "ok"; readonly real: string } | Refused> {
  try {
    const real = await realpath(path);
    if (!(await stat(real)).isDirectory()) return refused({ kind: "workspace-missing", path });
    await access(real, constants.R_OK | constants.W_OK | constants.X_OK);
    return { kind: "ok", real };
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    const isMissing = code === "ENOENT" || code === "ENOTDIR" || code === "ELOOP" || code === "ENAMETOOLONG";
    return refused({ kind: isMissing ? "workspace-missing" : "workspace-not-writable", path });
  }
}

function refused(fault: Fault): Refused {
  return { kind: "refused", fault };
}

/** In a directory that everybody may write to, somebody else may have been there first. */
function openLockDirectory(directory: string, uid: number): void {
  mkdirSync(directory, { recursive: true, mode: lockDirectoryMode });
  const found = lstatSync(directory);
  if (!found.isDirectory() || found.uid !== uid || (found.mode & 0o077) !== 0) {
    throw new Error("it is not a directory of this user alone (mode 0700)");
  }
}
