/** Finds the Codex program: the user installs it (404 MB), so it may be missing, and what to do then is said in the fault. */
import { realpathSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import type { Fault } from "../../domain/faults.ts";
import { findProgram, isProgram } from "../../lib/program-path.ts";
import { agentName } from "./translate.ts";

export type Found =
  | { readonly kind: "found"; readonly program: string }
  | { readonly kind: "missing"; readonly fault: Fault };

/** The version this driver was measured against; another one usually works. */
export const measuredVersion = "0.169.0";

/** The configured path (which must then work), else `codex` on the PATH, else the copy in node_modules. */
export function findCodex(configured: string | null, path: string | undefined): Found {
  if (configured !== null) {
    if (isProgram(configured)) return { kind: "found", program: native(configured) };
    const remedy = `The configured program ${configured} does not exist or cannot be executed.`;
    return { kind: "missing", fault: { kind: "agent-missing", agent: agentName, remedy } };
  }
  const found = findProgram("codex", path) ?? packaged();
  if (found !== null) return { kind: "found", program: native(found) };
  const remedy = "Install it (npm install -g @openai/codex) and log in once by running `codex login`.";
  return { kind: "missing", fault: { kind: "agent-missing", agent: agentName, remedy } };
}

/**
 * The npm package's `codex` is a script that starts the program and waits for it: 50 MB more, and a process between us and the agent.
 * What it would start is used instead, where it is found.
 */
function native(program: string): string {
  const script = realpath(program);
  if (!script.endsWith(join("@openai", "codex", "bin", "codex.js"))) return program;
  return nativeOf(createRequire(script)) ?? program;
}

function packaged(): string | null {
  return nativeOf(createRequire(import.meta.url));
}

function nativeOf(require: NodeJS.Require): string | null {
  const triple = triples[`${process.platform}-${process.arch}`];
  if (triple === undefined) return null;
  try {
    const home = dirname(require.resolve(`@openai/codex-${process.platform}-${process.arch}/package.json`));
    const program = join(home, "vendor", triple, "bin", "codex");
    return isProgram(program) ? program : null;
  } catch {
    return null; // not installed
  }
}

const triples: Readonly<Record<string, string>> = {
  "linux-x64": "x86_64-unknown-linux-musl",
  "linux-arm64": "aarch64-unknown-linux-musl",
  "darwin-x64": "x86_64-apple-darwin",
  "darwin-arm64": "aarch64-apple-darwin",
};

function realpath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path; // it vanished: starting it will tell
  }
}
