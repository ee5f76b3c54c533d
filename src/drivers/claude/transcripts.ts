/**
 * What Claude Code keeps on disk: its sessions, those begun in the terminal as well, and the user's settings.
 *
 * The SDK reads them, but from where *its* process's environment says, and the agent has an environment of its own. So this file
 * is also a program: it is run with the agent's environment, answers one question as JSON and exits (0.25 s, measured).
 */
import type { SettingSource } from "@anthropic-ai/claude-agent-sdk";
import type { ModelChoice } from "../../domain/agent-model.ts";
import type { StoredSession } from "../../domain/agent-session.ts";
import { faultDetailCharsMax } from "../../domain/faults.ts";
import type { Asked } from "../../engine/ports.ts";
import { askProgram } from "./ask-program.ts";
import { defaultModelId } from "./models.ts";
import { agentName } from "./translate.ts";

type Question =
  | { readonly kind: "list"; readonly directory: string; readonly limit: number }
  | { readonly kind: "fork"; readonly directory: string; readonly session: string }
  | { readonly kind: "settings"; readonly directory: string; readonly sources: readonly SettingSource[] };

/** Titles and previews are shown on one line of a phone. In UTF-16 units. */
const lineCharsMax = 120;
/** Reading the heads of some hundred transcripts takes well under a second; longer than this it hangs. */
const answerMsMax = 15_000;
/** An answer holds at most the sessions asked for, with a title and some words each. */
const answerBytesMax = 10_000_000;

/** Newest first. Resolves when the program has exited, never rejects. */
export async function listSessions(
  directory: string,
  limit: number,
  environment: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<Asked<readonly StoredSession[]>> {
  const found = await ask({ kind: "list", directory, limit }, environment, signal);
  if (found.kind === "unavailable") return found;
  const sessions = Array.isArray(found.value) ? found.value.flatMap((session) => storedOf(session, directory)) : [];
  return { kind: "known", value: sessions };
}

/** Resolves when the program has exited, never rejects. */
export async function forkSession(
  session: string,
  directory: string,
  environment: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<Asked<string>> {
  const found = await ask({ kind: "fork", directory, session }, environment, signal);
  if (found.kind === "unavailable") return found;
  const copy = found.value;
  const id = typeof copy === "object" && copy !== null && "sessionId" in copy ? copy.sessionId : null;
  return typeof id === "string" ? { kind: "known", value: id } : unavailable("the copy has no id");
}

/** The model and effort of the user's own settings. Resolves when the program has exited, never rejects. */
export async function ownModel(
  directory: string,
  sources: readonly SettingSource[],
  environment: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<ModelChoice> {
  const found = await ask({ kind: "settings", directory, sources }, environment, signal);
  const settings = found.kind === "known" && typeof found.value === "object" ? (found.value ?? {}) : {};
  const model = environment["ANTHROPIC_MODEL"] ?? ("model" in settings ? settings.model : null);
  const effort = "effortLevel" in settings ? settings.effortLevel : null;
  return {
    id: typeof model === "string" && model !== "" ? model : defaultModelId,
    effort: typeof effort === "string" ? effort : null,
  };
}

async function ask(
  question: Question,
  environment: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<Asked<unknown>> {
  const options = { env: environment, timeout: answerMsMax, maxBuffer: answerBytesMax };
  const args = [import.meta.filename, JSON.stringify(question)];
  const { error, output } = await askProgram(process.execPath, args, options, signal);
  if (error === null) return parsed(output);
  return unavailable(error.killed ? "its sessions could not be read in time" : error.message);
}

type Reply =
  | { readonly kind: "answer"; readonly value: unknown }
  | { readonly kind: "failed"; readonly detail: string };

function parsed(output: string): Asked<unknown> {
  try {
    const reply = JSON.parse(output) as Reply;
    return reply.kind === "answer" ? { kind: "known", value: reply.value } : unavailable(reply.detail);
  } catch {
    return unavailable("its sessions were told in a way that is not understood");
  }
}

function unavailable(detail: string): Asked<never> {
  const head = detail.slice(0, faultDetailCharsMax);
  return { kind: "unavailable", fault: { kind: "agent-error", agent: agentName, detail: head } };
}

function storedOf(session: unknown, directory: string): StoredSession[] {
  if (typeof session !== "object" || session === null) return [];
  const fields = session as Readonly<Record<string, unknown>>;
  const { sessionId, lastModified, cwd } = fields;
  if (typeof sessionId !== "string" || typeof lastModified !== "number") return [];
  return [
    {
      resume: sessionId,
      workspace: typeof cwd === "string" ? cwd : directory,
      // The person's title or the agent's. (`summary` would be the last prompt where there is no title.)
      title: lineOf(fields["customTitle"]),
      preview: lineOf(fields["firstPrompt"]),
      updatedAtMs: lastModified,
    },
  ];
}

function lineOf(value: unknown): string | null {
  if (typeof value !== "string") return null;
  const line = value.replace(/\s+/g, " ").trim();
  if (line === "") return null;
  return line.length <= lineCharsMax ? line : `${line.slice(0, lineCharsMax - 1)}…`;
}

// ---- The program

async function answerOf(question: Question): Promise<unknown> {
  const sdk = await import("@anthropic-ai/claude-agent-sdk");
  switch (question.kind) {
    case "list":
      // Only this directory: a session can only be resumed where it was.
      return sdk.listSessions({ dir: question.directory, limit: question.limit, includeWorktrees: false });
    case "fork":
      return sdk.forkSession(question.session, { dir: question.directory });
    case "settings": {
      const settingSources = [...question.sources];
      return (await sdk.resolveSettings({ cwd: question.directory, settingSources })).effective;
    }
    default:
      return question satisfies never;
  }
}

if (import.meta.main) {
  const reply: Reply = await answerOf(JSON.parse(process.argv[2] ?? "") as Question).then(
    (value) => ({ kind: "answer", value }) as const,
    (error: unknown) => ({ kind: "failed", detail: error instanceof Error ? error.message : String(error) }) as const,
  );
  process.stdout.write(JSON.stringify(reply));
}
