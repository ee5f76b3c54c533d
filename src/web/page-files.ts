/**
 * The built page, read once at start. It is served from memory by exact name, so no request can name any other file.
 */
import { readdir, readFile } from "node:fs/promises";
import { extname, join, relative, sep } from "node:path";

export type PageFile = { readonly type: string; readonly bytes: Uint8Array<ArrayBuffer> };

/** By URL path ("/index.html"). */
export type PageFiles = ReadonlyMap<string, PageFile>;

const types: Record<string, string> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
  ".json": "application/json",
  ".woff2": "font/woff2",
  ".png": "image/png",
};

/** Resolves to nothing at all when the directory is missing: the page was not built. Rejects when it cannot be read. */
export async function readPageFiles(directory: string): Promise<PageFiles> {
  const files = new Map<string, PageFile>();
  for (const path of await list(directory)) {
    const type = types[extname(path)];
    if (type === undefined) continue;
    const bytes = new Uint8Array(await readFile(path));
    files.set(`/${relative(directory, path).split(sep).join("/")}`, { type, bytes });
  }
  return files;
}

async function list(directory: string): Promise<string[]> {
  try {
    const entries = await readdir(directory, { recursive: true, withFileTypes: true });
    return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}
