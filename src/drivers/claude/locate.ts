/**
 * Finds what is needed to run Claude Code: its SDK, its program, and whether somebody is logged in. No model request is made.
 *
 * The SDK is an optional peer and the program 364 MB, so a published install has neither: both may be missing, and what to do then
 * is said in the fault.
 */
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import type * as Sdk from "@anthropic-ai/claude-agent-sdk";
import type { Fault } from "../../domain/faults.ts";
import { findProgram, isProgram } from "../../lib/program-path.ts";
import { askProgram } from "./ask-program.ts";
import { agentName, loginRemedy } from "./translate.ts";

export type ClaudeSdk = Pick<typeof Sdk, "query">;

export type Found<T> =
  | { readonly kind: "found"; readonly value: T }
  | { readonly kind: "missing"; readonly fault: Fault };

/** The version this driver was measured against; another one usually works. */
const sdkVersion = "0.3.330";

/** Resolves, never rejects. Takes about 100 ms the first time. */
export async function loadSdk(): Promise<Found<ClaudeSdk>> {
  try {
    return { kind: "found", value: await import("@anthropic-ai/claude-agent-sdk") };
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    const remedy =
      code === "ERR_MODULE_NOT_FOUND"
        ? `Install its SDK beside Signalbox: npm install @anthropic-ai/claude-agent-sdk@${sdkVersion}`
        : `Its SDK could not be loaded (${String(code ?? error)}). Reinstall it: npm install @anthropic-ai/claude-agent-sdk@${sdkVersion}`;
    return { kind: "missing", fault: { kind: "agent-missing", agent: agentName, remedy } };
  }
}

/** The configured path (which must then work), else `claude` on the PATH, else the copy in node_modules. */
export function findCli(configured: string | null, path: string | undefined): Found<string> {
  if (configured !== null) {
    if (isProgram(configured)) return { kind: "found", value: configured };
    const remedy = `The configured program ${configured} does not exist or cannot be executed.`;
    return { kind: "missing", fault: { kind: "agent-missing", agent: agentName, remedy } };
  }
  const found = findProgram("claude", path) ?? packaged().find(isProgram);
  if (found !== undefined) return { kind: "found", value: found };
  const remedy = "Install it (npm install -g @anthropic-ai/claude-code) and log in once by running `claude`.";
  return { kind: "missing", fault: { kind: "agent-missing", agent: agentName, remedy } };
}

/** Bound of a question to the CLI that needs no network; it takes 0.1 to 0.5 s. */
const answerMsMax = 15_000;

/** Resolves when the CLI has exited, never rejects. A CLI too old to be asked counts as logged in: the first turn will tell. */
export async function askCli(
  cli: string,
  environment: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<{ readonly version: string; readonly isLoggedIn: boolean }> {
  const ask = async (args: readonly string[]): Promise<string> => {
    // A failing exit code still brings the answer ("logged in: no" exits 1).
    const { output } = await askProgram(cli, args, { env: environment, timeout: answerMsMax }, signal);
    return output;
  };
  const [version, status] = await Promise.all([ask(["--version"]), ask(["auth", "status", "--json"])]);
  return { version: version.trim().split(" ")[0] || "unknown", isLoggedIn: !saysLoggedOut(status) };
}

export const notLoggedIn: Fault = { kind: "agent-not-logged-in", agent: agentName, remedy: loginRemedy };

function saysLoggedOut(status: string): boolean {
  try {
    const answer: unknown = JSON.parse(status);
    return typeof answer === "object" && answer !== null && "loggedIn" in answer && answer.loggedIn === false;
  } catch {
    return false; // not JSON: this CLI does not know the question
  }
}

/** The platform package's program; on Linux the one for musl only where that is the C library. */
function packaged(): string[] {
  const base = `@anthropic-ai/claude-agent-sdk-${process.platform}-${process.arch}`;
  const require = createRequire(import.meta.url);
  return [base, `${base}-musl`].flatMap((name) => {
    try {
      return [join(dirname(require.resolve(`${name}/package.json`)), "claude")];
    } catch {
      return []; // not installed
    }
  });
}
