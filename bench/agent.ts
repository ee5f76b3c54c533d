/**
 * The agents that sections measure: how the program is told to use one, and the same agent driven by nothing but its own protocol, which
 * is the floor under our driver.
 */
import type { Home } from "../test/e2e/home.ts";
import type { ModelServer } from "../test/model/model-server.ts";
import { coldClaudeTurnMs, startWarmClaude } from "./bare-claude.ts";
import { coldCodexTurnMs, codexVariables, startWarmCodex, writeCodexSettings } from "./bare-codex.ts";

export type BenchAgent = {
  readonly driver: "claude" | "codex";
  /** Of its processes, as the process table begins their names. */
  readonly processName: string;
  readonly bareName: string;
  readonly coldName: string;
  /** Two of its models, by the ids that `/model` takes. */
  readonly models: readonly [string, string];
  /** Writes what the agent must find in a home before anything starts there. */
  prepare(home: Home, model: ModelServer): void;
  /** What the program gets beyond the environment of every test. */
  variables(home: Home): Readonly<Record<string, string>>;
  /** Resolves when it has answered its first turn: it is warm then. */
  startWarm(home: Home, model: ModelServer, permissions: BarePermissions): Promise<BareAgent>;
  /** One turn by a process of its own, from its start to the result; resolves with the milliseconds once the process has ended. */
  coldTurnMs(home: Home, model: ModelServer, prompt: string): Promise<number>;
};

/** One conversation with a process of its own. */
export type BareAgent = AsyncDisposable & {
  /** Resolves with the end of the turn, which an interrupt brings about as well. One turn at a time. */
  turn(prompt: string): Promise<void>;
  /** Asks for the end of the turn with everything that the protocol offers for it. Never rejects. */
  interrupt(): void;
};

export type BarePermissions =
  | { readonly kind: "bypass" }
  /** As our "ask": everything that is asked is allowed once, when `allowed` resolves. */
  | { readonly kind: "ask"; readonly allowed: () => Promise<void> };

export const claude: BenchAgent = {
  driver: "claude",
  processName: "claude",
  bareName: "the bare warm CLI by its SDK",
  coldName: "a process for each turn",
  models: ["sonnet", "haiku"],
  prepare: () => undefined,
  variables: () => ({}),
  startWarm: startWarmClaude,
  coldTurnMs: coldClaudeTurnMs,
};

export const codex: BenchAgent = {
  driver: "codex",
  processName: "codex",
  bareName: "the bare warm app-server",
  coldName: "an app-server for each turn",
  models: ["gpt-5.5", "gpt-5.6-luna"],
  prepare: writeCodexSettings,
  variables: codexVariables,
  startWarm: startWarmCodex,
  coldTurnMs: coldCodexTurnMs,
};
