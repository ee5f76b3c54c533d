/**
 * One warm Claude Code process: it is started, serves turns one after the other, and is ended with proof.
 *
 * 1. A process belongs to one session for its whole life.
 * 2. The CLI works only while a turn is attached. It can also begin by itself (a background command has finished): that is
 *    interrupted until it is idle again, and tools are refused meanwhile, because nobody owns such a run (I1).
 * 3. No tool starts after its turn was told to stop: the CLI asks us before each tool (a hook), and the first of these questions is
 *    also the moment at which everything alive is known to be a helper and not a tool: that is the resident set.
 * 4. A process that dies takes its turn with it, and what it leaves is swept by its marker (I2).
 * 5. What a turn wants to be different (model, permissions, tools) is settled before its message is sent and never while one runs; what
 *    was not confirmed is asked for again by the next turn.
 */
import type {
  CanUseTool,
  HookCallback,
  HookJSONOutput,
  Options,
  PermissionMode as ClaudeMode,
  Query,
} from "@anthropic-ai/claude-agent-sdk";
import type { AgentEvent } from "../../domain/agent-event.ts";
import type { AgentModel, ModelChoice } from "../../domain/agent-model.ts";
import type { AgentPrompt } from "../../domain/agent-prompt.ts";
import type { Ask, AskAnswer } from "../../domain/ask.ts";
import type { Clock } from "../../engine/ports.ts";
import type { Spared } from "../../lib/process-group.ts";
import type { ProcessEntry, ProcessRef, Scan } from "../../lib/process-scan.ts";
import { closeAgent, spawnAgent } from "../agent-process.ts";
import type { AgentExit, AgentProcess } from "../agent-process.ts";
import { decode } from "./decode.ts";
import type { McpTrouble, Wire, WireTask } from "./decode.ts";
import { createHostToolServer, hostServerName } from "./host-tools.ts";
import type { HostToolUser } from "./host-tools.ts";
import { contentOf, createInput } from "./input.ts";
import type { ClaudeSdk } from "./locate.ts";
import { modelsOf } from "./models.ts";
import { askOf, claudeModes, readsWhatWasSent, refusalOf, resultOf, stopped } from "./permissions.ts";
import type { Call } from "./permissions.ts";
import { createSettings, startPermissions } from "./settings.ts";
import type { Outcome, TurnSettings } from "./settings.ts";

export type SessionOptions = TurnSettings & {
  readonly workspace: string;
  /** Claude Code's own session id to go on with. */
  readonly resume: string | null;
};

export type SessionDeps = {
  readonly sdk: ClaudeSdk;
  readonly cli: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly settingSources: NonNullable<Options["settingSources"]>;
  /** What the user's settings say, for a session that goes back to it; the CLI itself would only go back to its built-in default. Never rejects. */
  readonly ownModel: (workspace: string) => Promise<ModelChoice>;
  readonly scan: Scan;
  readonly clock: Clock;
};

/** The turn that is attached. None of these may throw. */
export type TurnSink = HostToolUser & {
  wire(wire: Wire): void;
  show(event: AgentEvent): void;
  died(exit: AgentExit): void;
  /** Null when nobody wants to know any more; never rejects. */
  ask(ask: Ask, signal: AbortSignal): Promise<AskAnswer | null>;
  /** What the agent has said before the tool that it is about to use. */
  readonly said: string;
};

/** "dead": nobody is there to be told. */
export type Settled = Outcome | { readonly kind: "dead" };

export type ClaudeSession = {
  readonly options: SessionOptions;
  readonly process: AgentProcess;
  /** Resolves when it can take a message, or will never; never rejects. */
  readonly ready: Promise<"ready" | "dead">;
  readonly isAlive: boolean;
  /** "untold" with a CLI that does not report its state: there a result is all the evidence of a turn's end. */
  readonly state: "idle" | "running" | "untold";
  /** Processes that outlive a turn by right: the agent's helpers, and what earlier turns left running on purpose. */
  readonly spared: readonly Spared[];
  readonly adopted: readonly Spared[];
  readonly hasUsedTools: boolean;
  /** Whether it can serve such a turn. Anything else needs another process. */
  fits(workspace: string, settings: TurnSettings): boolean;
  /** Makes it so, where it differs. Resolves, never rejects. */
  settle(settings: TurnSettings): Promise<Settled>;
  /** Once it is ready. Null when the process is dead or does not tell; never rejects. */
  models(): Promise<readonly AgentModel[] | null>;
  attach(sink: TurnSink): void;
  detach(sink: TurnSink): void;
  /** Resolves when nothing that nobody asked for is going on, or when the process is dead. */
  calm(): Promise<void>;
  push(prompt: AgentPrompt): string;
  /** The background tasks of all turns that are alive now. */
  readonly tasks: readonly WireTask[];
  /** Resolves when it is answered; never rejects. The evidence is that the task leaves `tasks`. */
  stopTask(id: string): Promise<void>;
  /** One interrupt, which also drops what waits inside the CLI. Resolves when it is answered; never rejects. */
  interrupt(): Promise<void>;
  /** What is alive and was not there before the turn. */
  leftovers(): Promise<ProcessEntry[]>;
  adopt(entries: readonly ProcessRef[]): void;
  regardAsHelpers(entries: readonly ProcessRef[]): void;
  /** Ends the process and everything of it but the adopted. Resolves when that is proven; idempotent. */
  close(how: "gently" | "at once"): Promise<void>;
};

/** The CLI is ready in 0.6 s; MCP servers and hooks of a user may take many seconds. Longer than this it hangs. */
const startMsMax = 120_000;
/** agents.md: an interrupt may be missed by a turn that is just beginning, so it is repeated until the turn has ended. */
export const interruptEveryMs = 25;

/** What the CLI only reports when it is asked to: whether it is idle, and why it could not start. */
const reporting = { CLAUDE_CODE_EMIT_SESSION_STATE_EVENTS: "1", CLAUDE_CODE_STARTUP_FAILURE_RESULTS: "1" };

export function createSession(
  deps: SessionDeps,
  options: SessionOptions,
  markers: readonly [...string[], string],
): ClaudeSession {
  const input = createInput();
  const pending = new Set<Promise<void>>();
  const never = new AbortController().signal;
  let sink: TurnSink | null = null;
  let agent: AgentProcess | undefined;
  let state: ClaudeSession["state"] = "untold";
  let resident: readonly ProcessRef[] = [];
  let adopted: readonly Spared[] = [];
  let tasks: readonly WireTask[] = [];
  let hasUsedTools = false;
  let isAlive = true;
  let straying: Promise<void> = Promise.resolve();
  let closing: Promise<void> | undefined;
  /** Where and in which mode a tool call of this turn was made: the CLI says so only to the hook. */
  const calls = new Map<string, { readonly directory: string; readonly mode: ClaudeMode }>();
  /** MCP servers whose trouble was told. */
  let troubled: ReadonlySet<string> = new Set();
  const hostTools = createHostToolServer(() => sink, options.tools, deps.clock);

  const beforeTool: HookCallback = async (call) => {
    const turn = sink;
    if (call.hook_event_name === "PreToolUse") {
      const mode = (call.permission_mode ?? claudeModes[settled.permissions]) as ClaudeMode;
      calls.set(call.tool_use_id, { directory: call.cwd, mode });
    }
    if (turn && !hasUsedTools) {
      hasUsedTools = true;
      resident = await process.survivors(adopted);
    }
    // I8: asked again after the wait, since a stop may have come meanwhile.
    if (turn && turn === sink && !turn.isStopping) return {};
    return denied(stopped);
  };
  /** Files that came with the prompts of this process's life. */
  const sent = new Set<string>();
  const canUseTool: CanUseTool = async (tool, toolInput, about) => {
    const turn = sink;
    if (!turn || turn.isStopping) return { behavior: "deny", message: stopped, interrupt: true };
    // Ours by where it comes from; a server of the user's settings may have the same name.
    const { mcpServer } = about;
    if (mcpServer?.source === "sdk" && mcpServer.name === hostServerName)
      return { behavior: "allow", updatedInput: toolInput };
    const call: Call = {
      tool,
      input: toolInput,
      ...(calls.get(about.toolUseID) ?? { directory: options.workspace, mode: claudeModes[settled.permissions] }),
      permissions: settled.permissions,
      suggestions: about.suppressAlwaysAllowRule === true ? [] : (about.suggestions ?? []),
      reason: about.decisionReason ?? "",
      said: turn.said,
    };
    if (readsWhatWasSent(call, sent)) return { behavior: "allow", updatedInput: toolInput };
    const refusal = refusalOf(call);
    if (refusal) {
      turn.show({ kind: "notice", text: refusal.forUser });
      return { behavior: "deny", message: refusal.forAgent };
    }
    const answer = await turn.ask(await askOf(call), about.signal);
    // I8: a stop may have come between the answer and here.
    return resultOf(call, turn === sink && !turn.isStopping ? answer : null);
  };

  const query: Query = deps.sdk.query({
    prompt: input.messages,
    options: {
      cwd: options.workspace,
      env: { ...deps.environment, ...reporting },
      pathToClaudeCodeExecutable: deps.cli,
      includePartialMessages: true,
      settingSources: deps.settingSources,
      permissionMode: claudeModes[startPermissions(options)],
      ...(options.permissions === "bypass" ? { allowDangerouslySkipPermissions: true } : {}),
      // Also under bypass: questions and plans come this way.
      canUseTool,
      ...(options.model === null ? {} : { model: options.model.id }),
      ...(options.resume === null ? {} : { resume: options.resume }),
      mcpServers: { [hostServerName]: hostTools.config },
      // Plan mode would otherwise hand its decisions to the "auto" mode's classifier, which asks a model.
      settings: { useAutoModeDuringPlan: false },
      hooks: { PreToolUse: [{ hooks: [beforeTool] }] },
      // An interrupt then leaves background tasks alone: those of earlier turns are to live, those of this turn we stop ourselves.
      perTaskStopAffordance: true,
      spawnClaudeCodeProcess: ({ command, args, cwd, env }) => {
        agent = spawnAgent({ command, args, cwd: cwd ?? options.workspace, env, markers }, deps.scan);
        return agent.child;
      },
    },
  });
  if (!agent) throw new Error("the Claude SDK did not start its program at once");
  const process = agent;
  const settled = createSettings(query, options, hostTools, () => deps.ownModel(options.workspace));
  const ready = becomeReady();

  async function becomeReady(): Promise<"ready" | "dead"> {
    const late = new AbortController();
    // A bound, told as the death of the agent: without it a hanging start would hold its conversation for ever.
    void deps.clock
      .sleep(startMsMax, late.signal)
      .then(() => (late.signal.aborted ? undefined : process.signal("SIGKILL")));
    const initialised = query.initializationResult().then(
      () => "ready" as const,
      () => "dead" as const, // refused or exited
    );
    const outcome = await Promise.race([initialised, process.exited.then(() => "dead" as const)]);
    late.abort();
    if (outcome === "dead") {
      process.signal("SIGKILL");
      return outcome;
    }
    if (options.permissions === "bypass") await Promise.race([settled.settle(options), process.exited]); // refused: the turn asks again, and is told
    resident = await process.survivors([]);
    return outcome;
  }

  async function settle(settings: TurnSettings): Promise<Settled> {
    const settling = settled.settle(settings);
    const done = Promise.race([settling, process.exited]).then(() => undefined);
    pending.add(done);
    const outcome = await Promise.race([settling, process.exited.then(() => ({ kind: "dead" }) as const)]);
    pending.delete(done);
    return outcome;
  }

  async function consume(): Promise<void> {
    try {
      for await (const message of query) receive(decode(message));
    } catch {
      // The SDK throws when the program exits with an error; what there is to know is in its exit.
    }
    // The output is closed: without it the agent is of no use, whether it still runs or not.
    process.signal("SIGKILL");
    const exit = await process.exited;
    isAlive = false;
    input.end();
    if (sink) sink.died(exit);
    // Its helpers must not outlive it; a turn would see to that itself.
    else await session.close("at once").catch(() => undefined); // unreadable process table: whoever closes it next is told
  }

  function receive(wire: Wire): void {
    if (wire.kind === "tasks") tasks = wire.tasks;
    if (wire.kind === "state") state = wire.state === "idle" ? "idle" : "running";
    if (wire.kind === "init") tellTroubles(wire.troubles);
    if (sink) sink.wire(wire);
    else if (wire.kind === "state" && wire.state !== "idle") straying = tame();
  }

  function tellTroubles(troubles: readonly McpTrouble[]): void {
    if (!sink) return;
    for (const { server, status } of troubles) {
      if (!troubled.has(server)) sink.show({ kind: "notice", text: troubleText(server, status) });
    }
    troubled = new Set(troubles.map(({ server }) => server));
  }

  /** I1: the agent began by itself. */
  async function tame(): Promise<void> {
    while (isAlive && !sink && state === "running") {
      void interrupt();
      // Pacing: the state is what ends the loop.
      await Promise.race([deps.clock.sleep(interruptEveryMs, never), process.exited]);
    }
  }

  function interrupt(): Promise<void> {
    // `cancelQueued` is known to the SDK's code and not to its types.
    const interruptAll: (how: { cancelQueued: true }) => Promise<unknown> = query.interrupt.bind(query);
    // Never before the message that it is to stop: the CLI reads both from one stream, and we write them by two roads.
    return ask(() => input.written().then(() => interruptAll({ cancelQueued: true })));
  }

  /** A question to the CLI whose answer is only waited for. */
  async function ask(question: () => Promise<unknown>): Promise<void> {
    const answered = question().then(
      () => undefined,
      () => undefined, // refused, or the process is gone: what counts is the state, or its exit
    );
    pending.add(answered);
    await Promise.race([answered, process.exited]);
    pending.delete(answered);
  }

  async function close(how: "gently" | "at once"): Promise<void> {
    input.end();
    await closeAgent(process, adopted, how, deps.clock);
    query.close();
  }

  const session: ClaudeSession = {
    options,
    process,
    ready,
    get isAlive() {
      return isAlive && process.isRunning && closing === undefined;
    },
    get state() {
      return state;
    },
    get spared() {
      return [...resident, ...adopted];
    },
    get adopted() {
      return adopted;
    },
    get hasUsedTools() {
      return hasUsedTools;
    },
    fits: (workspace, settings) =>
      session.isAlive &&
      workspace === options.workspace &&
      (settings.permissions !== "bypass" || options.permissions === "bypass"),
    settle,
    async models() {
      if ((await ready) === "dead") return null;
      const told = query.supportedModels().then(modelsOf, () => null);
      return Promise.race([told, process.exited.then(() => null)]);
    },
    attach(turn) {
      if (sink) throw new Error("the session has a turn already");
      sink = turn;
      hasUsedTools = false;
      calls.clear();
    },
    detach(turn) {
      if (sink !== turn) return;
      sink = null;
      if (state === "running") straying = tame();
    },
    async calm() {
      await straying;
      // An answer still on its way could interrupt the next turn.
      await Promise.all(pending);
    },
    push(prompt) {
      const uuid = crypto.randomUUID();
      for (const path of prompt.files ?? []) sent.add(path);
      if (state === "idle") state = "running";
      input.push({
        type: "user",
        message: { role: "user", content: contentOf(prompt) },
        parent_tool_use_id: null,
        uuid,
      });
      return uuid;
    },
    get tasks() {
      return tasks;
    },
    stopTask: (id) => ask(() => query.stopTask(id)),
    interrupt,
    leftovers: () => process.survivors([...resident, ...adopted]),
    adopt(entries) {
      adopted = [...adopted, ...entries.map((entry) => ({ ...entry, reach: "tree" as const }))];
    },
    regardAsHelpers(entries) {
      resident = [...resident, ...entries];
    },
    close(how) {
      closing ??= close(how);
      return closing;
    },
  };
  void consume(); // never rejects: every end of it is told to the turn
  return session;
}

function denied(permissionDecisionReason: string): HookJSONOutput {
  return { hookSpecificOutput: { hookEventName: "PreToolUse", permissionDecision: "deny", permissionDecisionReason } };
}

function troubleText(server: string, status: McpTrouble["status"]): string {
  const what = status === "failed" ? "could not be started" : "wants you to log in";
  return `The MCP server "${server}" of your settings ${what}; the agent works without it. Run /mcp in \`claude\` to see more.`;
}
