/**
 * A file that an agent names, opened only if it is one that may leave the machine (T8).
 *
 * 1. What is checked is what is read: the descriptor is opened without following a link, and its own path and kind decide. A path that
 *    is exchanged for another between two looks is refused.
 * 2. Every refusal is a sentence for the agent. Nothing here rejects for what the agent named.
 */
import { constants } from "node:fs";
import { type FileHandle, open, readlink, realpath, stat } from "node:fs/promises";
import { basename, isAbsolute, relative, resolve, sep } from "node:path";

export type Located =
  /** `path` is real. */
  { readonly kind: "located"; readonly path: string } | Refused;

export type Opened =
  /** The caller closes the handle. */
  { readonly kind: "opened"; readonly handle: FileHandle; readonly name: string; readonly bytes: number } | Refused;

export type Refused = { readonly kind: "refused"; readonly why: string };

/** Telegram takes no more from a bot (telegram.md section 2). */
export const fileBytesMax = 50 * 1024 * 1024;

/** Where it really is, if that is inside of the workspace. `path` is absolute or relative to the workspace. */
export async function locate(path: string, workspace: string): Promise<Located> {
  if (path.includes("\0")) return refused("That is no path.");
  try {
    const root = await realpath(workspace);
    const real = await realpath(resolve(root, path));
    return judgePlace(real, root) ?? { kind: "located", path: real };
  } catch (error) {
    return refused(whyNot(error));
  }
}

export async function openLocated({ path }: Located & { kind: "located" }): Promise<Opened> {
  let handle: FileHandle;
  try {
    // Without NONBLOCK the opening of a named pipe would wait for a writer.
    handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    return refused(whyNot(error));
  }
  const judged = await judge(handle, path);
  if (judged.kind === "refused") await handle.close();
  return judged;
}

async function judge(handle: FileHandle, path: string): Promise<Opened> {
  try {
    if (!(await isStillAt(handle, path))) return refused("The path changed while it was read.");
    const about = await handle.stat();
    if (!about.isFile()) return refused("That is not a regular file.");
    if (about.size > fileBytesMax)
      return refused(`The file has ${about.size} bytes; at most ${fileBytesMax} can be sent.`);
    if (about.size === 0) return refused("The file is empty.");
    return { kind: "opened", handle, name: basename(path), bytes: about.size };
  } catch (error) {
    return refused(whyNot(error));
  }
}

/** Whether the open file is the one that was located: a directory above it may have become a link since. */
async function isStillAt(handle: FileHandle, path: string): Promise<boolean> {
  // What the system itself says of the descriptor, where it can be asked.
  if (process.platform === "linux") return (await readlink(`/proc/self/fd/${handle.fd}`)) === path;
  if ((await realpath(path)) !== path) return false;
  const [open, named] = await Promise.all([handle.stat({ bigint: true }), stat(path, { bigint: true })]);
  return open.ino === named.ino && open.dev === named.dev;
}

function judgePlace(real: string, workspace: string): Refused | null {
  const inside = relative(workspace, real);
  if (inside === "") return refused("That is not a regular file.");
  if (inside === ".." || inside.startsWith(`..${sep}`) || isAbsolute(inside))
    return refused("Only files inside the workspace can be sent.");
  return inside.split(sep).some(isSecretName) ? refused("Its name says that it may hold a secret.") : null;
}

const secretDirectories = new Set([
  ".git",
  ".ssh",
  ".gnupg",
  ".aws",
  ".azure",
  ".gcloud",
  ".kube",
  ".docker",
  ".password-store",
]);
const secretFiles = new Set([
  ".npmrc",
  ".netrc",
  "_netrc",
  ".pypirc",
  ".pgpass",
  ".my.cnf",
  ".git-credentials",
  ".htpasswd",
  ".vault-token",
  "credentials",
  "credentials.json",
]);
const secretPatterns: readonly RegExp[] = [/^\.env/, /\.env$/, /^id_/, /\.(?:pem|key|p12|pfx|jks|keystore|kdbx|ppk)$/];

/** Of a file or of a directory above it. Names mean the same in any case: some file systems do not tell them apart. */
function isSecretName(part: string): boolean {
  const name = part.normalize("NFC").toLowerCase();
  return secretDirectories.has(name) || secretFiles.has(name) || secretPatterns.some((pattern) => pattern.test(name));
}

function whyNot(error: unknown): string {
  const code = error instanceof Error && "code" in error ? error.code : null;
  switch (code) {
    case "ENOENT":
    case "ENOTDIR":
      return "There is no such file.";
    case "EACCES":
    case "EPERM":
      return "The file may not be read.";
    case "ELOOP":
    case "EMLINK":
      return "The path changed while it was read.";
    case "ENXIO":
      return "That is not a regular file."; // a socket
    case "ENAMETOOLONG":
      return "That is no path.";
    default:
      return "The file could not be read.";
  }
}

function refused(why: string): Refused {
  return { kind: "refused", why };
}
