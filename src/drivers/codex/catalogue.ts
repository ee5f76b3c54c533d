/**
 * What a server says about itself: its models, the sessions that its store holds, and whether somebody is logged in.
 *
 * None of it makes a model request. Every verb resolves, never rejects.
 */
import type { AgentModel, ModelChoice } from "../../domain/agent-model.ts";
import type { StoredSession } from "../../domain/agent-session.ts";
import type { Fault } from "../../domain/faults.ts";
import type { Asked } from "../../engine/ports.ts";
import { decodeConfig, decodeLacksLogin, decodeModels, decodeThreads } from "./decode.ts";
import type { WireConfig, WireModel } from "./decode.ts";
import type { RpcAnswer } from "./connection.ts";
import type { CodexServer } from "./server.ts";
import { agentName, loginRemedy, refusalOf } from "./translate.ts";

/** Codex knows a handful of models; a catalogue that does not end is none. */
const pagesMax = 10;
/** A preview is one line of a list. In UTF-16 units. */
const previewCharsMax = 120;
/** Every kind of session that a person began: here, in the terminal, in an editor. */
const sourceKinds = ["cli", "vscode", "exec", "appServer"];

export async function readConfig(server: CodexServer, workspace: string): Promise<Asked<WireConfig>> {
  return known(
    await server.request("config/read", { cwd: workspace, includeLayers: false }),
    "config/read",
    decodeConfig,
  );
}

export async function readLogin(server: CodexServer): Promise<Asked<"ready">> {
  const lacks = known(await server.request("account/read", {}), "account/read", decodeLacksLogin);
  if (lacks.kind === "unavailable") return lacks;
  const fault: Fault = { kind: "agent-not-logged-in", agent: agentName, remedy: loginRemedy };
  return lacks.value ? { kind: "unavailable", fault } : { kind: "known", value: "ready" };
}

export async function readModels(server: CodexServer): Promise<Asked<readonly WireModel[]>> {
  const models: WireModel[] = [];
  let cursor: string | null = null;
  for (let page = 0; page < pagesMax; page += 1) {
    const response = await server.request("model/list", { cursor });
    const answer: Asked<ReturnType<typeof decodeModels>> = known(response, "model/list", decodeModels);
    if (answer.kind === "unavailable") return answer;
    models.push(...answer.value.models);
    cursor = answer.value.next;
    if (cursor === null) break;
  }
  return { kind: "known", value: models };
}

/** The user's own model is the default one, also when Codex does not list it. */
export function agentModels(models: readonly WireModel[], config: WireConfig): readonly AgentModel[] {
  const own = config.model;
  const listed = models.map(({ id, name, description, efforts, isDefault }) => ({
    id,
    name,
    description: description === "" ? null : description,
    efforts,
    isDefault: own === null ? isDefault : id === own,
  }));
  if (own === null || listed.some((model) => model.id === own)) return listed;
  return [{ id: own, name: own, description: null, efforts: [], isDefault: true }, ...listed];
}

/** What Codex would use if nobody had chosen; null when it does not say. */
export function ownChoice(models: readonly WireModel[], config: WireConfig): ModelChoice | null {
  const id = config.model ?? models.find((model) => model.isDefault)?.id;
  return id === undefined ? null : { id, effort: config.effort ?? effortOf(models, id) };
}

export function effortOf(models: readonly WireModel[], id: string): string | null {
  return models.find((model) => model.id === id)?.effort ?? null;
}

export async function readSessions(
  server: CodexServer,
  workspace: string,
  limit: number,
): Promise<Asked<readonly StoredSession[]>> {
  // An empty list of providers means all of them.
  const asked = { cwd: workspace, limit, sortKey: "recency_at", sourceKinds, modelProviders: [] };
  const threads = known(await server.request("thread/list", asked), "thread/list", decodeThreads);
  if (threads.kind === "unavailable") return threads;
  const sessions = threads.value.map((thread) => ({
    resume: thread.id,
    workspace: thread.workspace,
    title: thread.name,
    preview: oneLine(thread.preview),
    updatedAtMs: thread.updatedAt * 1000,
  }));
  return { kind: "known", value: sessions.toSorted((a, b) => b.updatedAtMs - a.updatedAtMs).slice(0, limit) };
}

function oneLine(text: string): string | null {
  const line = text.replace(/\s+/g, " ").trim();
  if (line === "") return null;
  return line.length <= previewCharsMax ? line : `${line.slice(0, previewCharsMax - 1)}…`;
}

export function known<T>(answer: RpcAnswer, method: string, read: (value: unknown) => T): Asked<T> {
  switch (answer.kind) {
    case "result":
      return { kind: "known", value: read(answer.value) };
    case "refused":
      return { kind: "unavailable", fault: refusalOf(method, answer.message) };
    case "closed":
      return { kind: "unavailable", fault: { kind: "agent-died", agent: agentName, detail: `during ${method}` } };
    default:
      return answer satisfies never;
  }
}
