/**
 * One warm process of an ACP agent with one session in it: it is started, serves turns one after the other, and is ended with proof.
 *
 * 1. A process belongs to one session for its whole life: so its marker tells which commands belong to which session.
 * 2. The agent works only while a turn is attached. What it asks at another time is refused, and what it tells then is not shown: the
 *    history that a loaded session repeats, above all.
 * 3. Everything alive before a turn's prompt is sent is a helper and not a tool: that is the resident set.
 * 4. A process that dies takes its turn with it, and what it leaves is swept by its marker (I2).
 */
import { methods } from "@agentclientprotocol/sdk";
import type { Fault } from "../../domain/faults.ts";
import type { AgentModel, ModelChoice } from "../../domain/agent-model.ts";
import type { AgentPrompt } from "../../domain/agent-prompt.ts";
import type { HostTool, HostToolResult } from "../../domain/host-tool.ts";
import type { HostTools } from "../../engine/ports.ts";
import type { Spared } from "../../lib/process-group.ts";
import type { ProcessEntry, ProcessRef } from "../../lib/process-scan.ts";
import { readImages } from "../prompt-images.ts";
import { closeAgent } from "../agent-process.ts";
import type { AgentExit, AgentProcess } from "../agent-process.ts";
import { connect } from "./connection.ts";
import type { AcpConnection, Answer, ConnectionDeps } from "./connection.ts";
import { decodePromptEnd, decodeSessionId, decodeSettings } from "./decode.ts";
import type {
  WireAgent,
  WireError,
  WirePermission,
  WirePromptEnd,
  WireSetting,
  WireSettings,
  WireUpdate,
} from "./decode.ts";
import type { HostToolsDoor, HostToolsServer } from "./host-tools.ts";
import { bounded, faultOf, strangerFault } from "./translate.ts";
import type { AgentTitle } from "./translate.ts";

export type SessionOptions = {
  readonly workspace: string;
  /** The agent's own id of the session to go on with; null begins one. */
  readonly resume: string | null;
  /** Whether its user's own rules have the last word, or everything is asked for that does something. */
  readonly rules: "own" | "asked";
};

export type SessionDeps = ConnectionDeps & {
  readonly title: AgentTitle;
  readonly tools: HostToolsServer;
  readonly toolList: readonly HostTool[];
};

/** The turn that is attached. None of these may throw or reject. */
export type TurnSink = {
  update(update: WireUpdate): void;
  /** Resolves with the id of an option; null cancels. */
  permission(permission: WirePermission, withdrawn: AbortSignal): Promise<string | null>;
  readonly tools: HostTools;
  died(exit: AgentExit): void;
};

export type SessionStart =
  /** `hasForgotten`: the agent had no memory of the session that was to be resumed, and began a new one. */
  | { readonly kind: "ready"; readonly id: string; readonly hasForgotten: boolean }
  | { readonly kind: "refused"; readonly fault: Fault }
  | { readonly kind: "dead" };

export type PromptOutcome =
  | { readonly kind: "ended"; readonly end: WirePromptEnd }
  | { readonly kind: "refused"; readonly error: WireError };

export type AcpSession = {
  readonly options: SessionOptions;
  readonly process: AgentProcess;
  /** Resolves when it can take a prompt, or will never; never rejects. */
  readonly ready: Promise<SessionStart>;
  readonly isAlive: boolean;
  /** Null until it is ready. */
  readonly agent: WireAgent | null;
  readonly settings: WireSettings;
  /** The models it offers, in its order. */
  readonly models: readonly AgentModel[];
  /** What the session has cost so far; null where that is not known. */
  readonly spentUsd: number | null;
  /** The agent was told that it need not ask again, and keeps to that for as long as it lives. */
  hasStandingAllowance: boolean;
  /** Processes that outlive a turn by right: the agent's helpers, and what earlier turns left running on purpose. */
  readonly spared: readonly Spared[];
  readonly adopted: readonly Spared[];
  attach(sink: TurnSink): void;
  detach(sink: TurnSink): void;
  /** Chooses model and mode for the turn; null is the agent's own. Resolves with what could not be chosen; never rejects. */
  choose(model: ModelChoice | null, mode: string | null): Promise<Fault | null>;
  /** Everything alive now is a helper. Rejects when the process table cannot be read. */
  regardAsHelpers(): Promise<void>;
  /** Resolves with how it ended, after everything that was told during it. Null when the process is gone. Never rejects. */
  prompt(prompt: AgentPrompt): Promise<PromptOutcome | null>;
  cancel(): void;
  /** Resolves when nothing that was said is on its way any more, either way; never rejects. */
  calm(): Promise<void>;
  ask(method: string, params: object): Promise<Answer<unknown>>;
  /** What is alive and was not there before the turn. */
  leftovers(): Promise<ProcessEntry[]>;
  adopt(entries: readonly ProcessRef[]): void;
  /** Ends the process and everything of it but the adopted. Resolves when that is proven; idempotent. */
  close(how: "gently" | "at once"): Promise<void>;
};

/** An agent begins a session in 1 to 3 s; MCP servers of a user may take many seconds. Longer than this it hangs. */
const startMsMax = 120_000;

const nothingOffered: WireSettings = { model: null, effort: null, mode: null };

export function createSession(
  deps: SessionDeps,
  options: SessionOptions,
  markers: readonly [...string[], string],
): AcpSession {
  let sink: TurnSink | null = null;
  let id = "";
  let agent: WireAgent | null = null;
  let settings = nothingOffered;
  /** What the agent had chosen by itself when the session began. */
  let own = nothingOffered;
  let door: HostToolsDoor | null = null;
  let spentUsd: number | null = options.resume === null ? 0 : null;
  let resident: readonly ProcessRef[] = [];
  let adopted: readonly Spared[] = [];
  let isAlive = true;
  let closing: Promise<void> | undefined;

  const connection: AcpConnection = connect(deps, options.workspace, markers, {
    update(session, update) {
      if (session !== id) return; // a session that the agent has begun for itself, or the history of one that is being loaded
      if (update.kind === "options") settings = update.settings;
      if (update.kind === "usage") spentUsd = update.spentUsd;
      sink?.update(update);
    },
    permission: (session, permission, withdrawn) =>
      // A subagent may ask under an id of its own: as long as a turn is attached, it is that turn's.
      sink === null || session === "" ? Promise.resolve(null) : sink.permission(permission, withdrawn),
  });
  const { process } = connection;
  const ready = start();
  void watch(); // never rejects

  async function start(): Promise<SessionStart> {
    const late = new AbortController();
    // A bound, told as the death of the agent: without it a hanging start would hold its conversation for ever.
    void deps.clock
      .sleep(startMsMax, late.signal)
      .then(() => (late.signal.aborted ? undefined : process.signal("SIGKILL")));
    const dead = process.exited.then((): SessionStart => ({ kind: "dead" }));
    const outcome = await Promise.race([begin(), dead]).catch((error: unknown): SessionStart => ({
      kind: "refused",
      fault: { kind: "internal", detail: bounded(String(error)) },
    }));
    late.abort();
    if (outcome.kind !== "ready") process.signal("SIGKILL");
    return outcome;
  }

  async function begin(): Promise<SessionStart> {
    const introduced = await connection.introduced;
    switch (introduced.kind) {
      case "dead":
        return { kind: "dead" };
      case "stranger":
        return { kind: "refused", fault: strangerFault(introduced.said, deps.title) };
      case "refused":
        return { kind: "refused", fault: faultOf(introduced.error, deps.title) };
      case "agent":
        agent = introduced.agent;
        break;
      default:
        introduced satisfies never;
    }
    const started = await enter();
    if (started.kind === "ready") await regardAsHelpers();
    return started;
  }

  async function enter(): Promise<SessionStart> {
    if (agent?.protocolVersion !== 1) {
      const detail = `It speaks version ${agent?.protocolVersion} of the Agent Client Protocol; Signalbox speaks version 1.`;
      return { kind: "refused", fault: { kind: "agent-error", agent: deps.title.name, detail } };
    }
    // Before its first turn the list is empty only where there are no tools at all.
    door = deps.toolList.length === 0 ? null : await deps.tools.open(deps.toolList, callTool);
    const where = { cwd: options.workspace, mcpServers: door === null ? [] : [door.program] };
    const resumed = options.resume === null ? null : await takeUp(agent, options.resume, where);
    if (resumed?.kind === "answered") {
      settings = own = decodeSettings(resumed.value);
      id = options.resume ?? "";
      return { kind: "ready", id, hasForgotten: false };
    }
    const refusal = resumed === null ? null : faultOf(resumed.error, deps.title);
    if (refusal?.kind === "agent-not-logged-in") return { kind: "refused", fault: refusal };
    const begun = await connection.ask(methods.agent.session.new, where);
    if (begun.kind === "refused") return { kind: "refused", fault: faultOf(begun.error, deps.title) };
    settings = own = decodeSettings(begun.value);
    id = decodeSessionId(begun.value);
    spentUsd = 0;
    return { kind: "ready", id, hasForgotten: options.resume !== null };
  }

  /** Without repeating the history where the agent can; else what it repeats is waited for, and shown nowhere. */
  async function takeUp(agent: WireAgent, sessionId: string, where: object): Promise<Answer<unknown>> {
    if (agent.can.resume) return connection.ask(methods.agent.session.resume, { ...where, sessionId });
    if (!agent.can.load) return { kind: "refused", error: { code: 0, message: "it keeps no sessions", detail: "" } };
    const loaded = await connection.ask(methods.agent.session.load, { ...where, sessionId });
    // gemini-cli goes on repeating after it has answered.
    await connection.drained();
    return loaded;
  }

  function callTool(name: string, input: unknown, signal: AbortSignal): Promise<HostToolResult> {
    if (sink === null)
      return Promise.resolve({ kind: "failed", text: "There is no turn that this could be done for." });
    return sink.tools.call(name, input, signal);
  }

  async function watch(): Promise<void> {
    const exit = await process.exited;
    isAlive = false;
    door?.close();
    if (sink) sink.died(exit);
    // Its helpers must not outlive it; a turn would see to that itself.
    else await session.close("at once").catch(() => undefined); // unreadable process table: whoever closes it next is told
  }

  async function regardAsHelpers(): Promise<void> {
    resident = await process.survivors(adopted);
  }

  const helpers = (): readonly ProcessRef[] => [...resident, ...(door?.helpers ?? [])];

  async function choose(model: ModelChoice | null, mode: string | null): Promise<Fault | null> {
    const wanted = model?.id ?? own.model?.current;
    if (wanted !== undefined && !(await set("model", wanted))) {
      return { kind: "agent-error", agent: deps.title.name, detail: bounded(`It does not offer the model ${wanted}.`) };
    }
    const effort = model?.effort ?? own.effort?.current;
    if (effort !== undefined && settings.effort?.values.some((value) => value.id === effort) === true) {
      await set("effort", effort);
    } else if (model !== null && model.effort !== null) {
      const detail = bounded(`It does not offer the effort ${model.effort} for the model ${model.id}.`);
      return { kind: "agent-error", agent: deps.title.name, detail };
    }
    const next = settings.mode?.values.some((value) => value.id === mode) === true ? mode : own.mode?.current;
    if (next !== undefined && next !== null) await set("mode", next);
    return null;
  }

  /** Whether it is chosen then. */
  async function set(what: keyof WireSettings, value: string): Promise<boolean> {
    const setting = settings[what];
    if (setting === null) return what !== "model";
    if (setting.current === value) return true;
    const answer = await connection.ask(...settingRequest(id, what, setting, value));
    if (answer.kind === "refused") return false;
    // A choice by config option answers with all of them: another model has other efforts.
    settings =
      setting.option === null ? { ...settings, [what]: { ...setting, current: value } } : decodeSettings(answer.value);
    return true;
  }

  async function prompt(asked: AgentPrompt): Promise<PromptOutcome | null> {
    const images = agent?.can.images === true ? readImages(asked) : [];
    const shown = images.map(({ mediaType, base64 }) => ({ type: "image", mimeType: mediaType, data: base64 }));
    const params = { sessionId: id, prompt: [{ type: "text", text: asked.text }, ...shown] };
    const answer = await Promise.race([connection.ask(methods.agent.session.prompt, params), process.exited]);
    if (!("kind" in answer) || !isAlive) return null;
    if (answer.kind === "refused") return answer.error.code === 0 ? null : answer;
    // Updates may trail the answer.
    await connection.drained();
    return { kind: "ended", end: decodePromptEnd(answer.value) };
  }

  async function close(how: "gently" | "at once"): Promise<void> {
    process.child.stdin.end();
    await closeAgent(process, adopted, how, deps.clock);
    door?.close();
  }

  const session: AcpSession = {
    options,
    process,
    ready,
    get isAlive() {
      return isAlive && process.isRunning && closing === undefined;
    },
    get agent() {
      return agent;
    },
    get settings() {
      return settings;
    },
    get models() {
      return modelsOf(settings, own);
    },
    hasStandingAllowance: false,
    get spentUsd() {
      return spentUsd;
    },
    get spared() {
      return [...helpers(), ...adopted];
    },
    get adopted() {
      return adopted;
    },
    attach(turn) {
      if (sink) throw new Error("the session has a turn already");
      sink = turn;
    },
    detach(turn) {
      if (sink === turn) sink = null;
    },
    choose,
    regardAsHelpers,
    prompt,
    cancel: () => connection.tell(methods.agent.session.cancel, { sessionId: id }),
    calm: () => connection.drained(),
    ask: connection.ask,
    leftovers: () => process.survivors([...helpers(), ...adopted]),
    adopt(entries) {
      adopted = [...adopted, ...entries.map((entry) => ({ ...entry, reach: "tree" as const }))];
    },
    close(how) {
      closing ??= close(how);
      return closing;
    },
  };
  return session;
}

/** Which efforts another model has is only known once it is chosen. "default" is no effort but the wish for the model's own. */
function modelsOf(settings: WireSettings, own: WireSettings): readonly AgentModel[] {
  const efforts = (settings.effort?.values ?? []).map((value) => value.id).filter((id) => id !== "default");
  return (settings.model?.values ?? []).map(({ id, name, description }) => ({
    id,
    name,
    description,
    efforts: id === settings.model?.current ? efforts : [],
    isDefault: id === own.model?.current,
  }));
}

function settingRequest(
  sessionId: string,
  what: keyof WireSettings,
  setting: WireSetting,
  value: string,
): [method: string, params: object] {
  if (setting.option !== null) {
    return [methods.agent.session.setConfigOption, { sessionId, configId: setting.option, value }];
  }
  // The older form of the protocol, which is not among the SDK's names any more.
  return what === "model"
    ? ["session/set_model", { sessionId, modelId: value }]
    : [methods.agent.session.setMode, { sessionId, modeId: value }];
}
