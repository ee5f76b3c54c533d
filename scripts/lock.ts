// Completes the lockfiles: run it after changing a dependency (`npm install --save-exact ...`, then `npm run lock`).
//
// npm locks the platform packages of native tools only where the registry it asked had them all, and `npm ci` then refuses
// the whole lockfile for one that is missing, on every platform. The parents pin exact versions, so the missing entries can
// be written down without asking anyone; npm checks them against the registry on the machine that needs them.
import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

type Entry = {
  version?: string;
  dev?: boolean;
  optional?: boolean;
  os?: string[];
  cpu?: string[];
  libc?: string[];
  optionalDependencies?: Record<string, string>;
};
type Lock = { packages: Record<string, Entry> };

const exactVersion = /^\d+\.\d+\.\d+(-[\w.]+)?$/;

/** The same lockfile with an entry for every platform package that a locked package pins. */
export function completeLock(lock: Lock): Lock {
  const packages = { ...lock.packages };
  for (const [path, entry] of Object.entries(lock.packages)) {
    for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
      const platform = platformOf(name);
      if (platform === undefined || !exactVersion.test(version)) continue;
      if (resolve(packages, path, name)?.version === version) continue;
      const rootPath = `node_modules/${name}`;
      const place = packages[rootPath] === undefined ? rootPath : `${path}/node_modules/${name}`;
      packages[place] = { version, ...platform, ...(entry.dev ? { dev: true } : {}), optional: true };
    }
  }
  const sorted = Object.entries(packages).toSorted(([a], [b]) => a.localeCompare(b, "en"));
  return { ...lock, packages: Object.fromEntries(sorted) };
}

/** What `require(name)` from the package at `path` finds: the nearest node_modules on the way up. */
function resolve(packages: Lock["packages"], path: string, name: string): Entry | undefined {
  const above = `/${path}`.split("/node_modules/").slice(1);
  for (let depth = above.length; depth >= 0; depth -= 1) {
    const found = packages[`node_modules/${[...above.slice(0, depth), name].join("/node_modules/")}`];
    if (found !== undefined) return found;
  }
  return undefined;
}

/** The machines a platform package is for, read from its name; undefined when the name does not say. */
function platformOf(name: string): Pick<Entry, "os" | "cpu" | "libc"> | undefined {
  const words = name.slice(name.indexOf("/") + 1).split("-");
  const os = words.find((word) => /^(aix|android|darwin|freebsd|linux|openharmony|win32)$/.test(word));
  const cpu = words.find((word) => /^(arm|arm64|ia32|loong64|ppc64|riscv64|s390x|x64)$/.test(word));
  if (os === undefined || cpu === undefined) return undefined;
  const abi = words.at(-1) ?? "";
  const libc = abi.startsWith("musl") ? ["musl"] : abi.startsWith("gnu") ? ["glibc"] : undefined;
  return { os: [os], cpu: [cpu], ...(os === "linux" && libc ? { libc } : {}) };
}

if (import.meta.main) {
  for (const name of ["package-lock.json", "test/agents/package-lock.json"]) {
    const file = join(dirname(import.meta.dirname), name);
    const before = readFileSync(file, "utf8");
    const after = `${JSON.stringify(completeLock(JSON.parse(before) as Lock), null, 2)}\n`;
    if (after !== before) writeFileSync(file, after);
    console.log(after === before ? `${name} is complete` : `${name} completed`);
  }
}
