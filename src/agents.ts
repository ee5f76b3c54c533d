/**
 * Which agents this program knows, and which of them serves a conversation: the one that was chosen there, else the one that was asked
 * for in the configuration, else the first that is installed and logged in, else the demo.
 *
 * 1. An agent's code is loaded when it is needed: the start of the program must not wait for an SDK.
 * 2. What a conversation chose before the start is loaded before anything runs; an agent that the configuration does not name any more
 *    is a fault of the run, never another agent in its place.
 */
import type { Config } from "./config.ts";
import { describeFault, type Fault } from "./domain/faults.ts";
import { createMissingDriver } from "./drivers/missing.ts";
import { hostToolList } from "./engine/host-tools.ts";
import type { Clock, Driver, Log } from "./engine/ports.ts";
import type { Scan } from "./lib/process-scan.ts";

export type AgentDeps = {
  readonly config: Pick<Config, "driver" | "claude" | "codex" | "agents" | "permissions">;
  /** Marker of everything that any life of this instance started. */
  readonly instance: string;
  /** What agents inherit, with the markers of this instance and this life. */
  readonly environment: Readonly<Record<string, string>>;
  readonly version: string;
  readonly scan: Scan;
  readonly clock: Clock;
  readonly log: Log;
};

/** `remark` is for the person: why it is this agent, or what is wrong with it; null when there is nothing to say. */
export type AgentState = { readonly version: string | null; readonly remark: string | null };

export type Choice = {
  readonly driver: Driver;
  /** How it is, as soon as it has answered. Never rejects. */
  readonly state: Promise<AgentState>;
};

export type Agents = AsyncDisposable & {
  /** Every agent that can be chosen. */
  readonly names: readonly string[];
  /** The agent of conversations that did not choose one. To be called once. Rejects only when an agent's own code cannot be loaded. */
  choose(signal: AbortSignal): Promise<Choice>;
  /** Its name, as far as it is known yet. */
  readonly name: string;
  /** Loads an agent; null for a name that is not known. Resolves, never rejects. */
  open(name: string): Promise<Driver | null>;
  /** Who serves a conversation that chose this; null: none. Throws before `choose` has resolved. */
  serving(chosen: string | null): Driver;
  /** Every agent that was loaded so far. */
  readonly loaded: readonly Driver[];
};

export function createAgents(deps: AgentDeps): Agents {
  const loaded: Driver[] = [];
  const opening = new Map<string, Promise<Driver | null>>();
  const names = agentNames(deps.config);
  const wanted = deps.config.driver;
  let choice: Choice | null = null;

  return {
    names,
    loaded,
    get name() {
      return choice?.driver.name ?? wanted ?? "an agent";
    },
    async choose(signal) {
      choice = await (wanted === null ? firstReady(signal) : asAsked(wanted, signal));
      return choice;
    },
    open,
    serving(chosen) {
      if (choice === null) throw new Error("no agent was chosen yet");
      if (chosen === null) return choice.driver;
      return loaded.find((driver) => driver.name === chosen) ?? createMissingDriver(chosen);
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(loaded.map((driver) => driver[Symbol.asyncDispose]()));
    },
  };

  function open(name: string): Promise<Driver | null> {
    const before = opening.get(name);
    if (before !== undefined) return before;
    const now = openNew(name).catch((error: unknown) => {
      deps.log.error({ error, agent: name }, "the code of an agent cannot be loaded");
      opening.delete(name);
      return null;
    });
    opening.set(name, now);
    return now;
  }

  async function openNew(name: string): Promise<Driver | null> {
    if (!names.includes(name)) return null;
    const driver = await loadAgent(name, deps);
    loaded.push(driver);
    return driver;
  }

  async function demand(name: string): Promise<Driver> {
    const driver = await open(name);
    if (driver === null) throw new Error(`the agent ${name} cannot be loaded; the log has the cause`);
    return driver;
  }

  /**
   * An agent that was asked for serves even when it is not ready: its runs say what to do, and it may be repaired meanwhile. So
   * nobody waits for its answer.
   */
  async function asAsked(name: string, signal: AbortSignal): Promise<Choice> {
    const driver = await demand(name);
    const state = driver
      .health(signal)
      .then((health) =>
        health.kind === "ready"
          ? { version: health.version, remark: null }
          : { version: null, remark: describeFault(health.fault) },
      );
    return { driver, state };
  }

  async function firstReady(signal: AbortSignal): Promise<Choice> {
    const faults: Fault[] = [];
    for (const name of names.filter((one) => one !== "demo")) {
      const driver = await demand(name);
      const health = await driver.health(signal);
      if (health.kind === "ready") return known(driver, health.version, null);
      faults.push(health.fault);
    }
    return known(await demand("demo"), null, faults.map(describeFault).join(" "));
  }
}

function known(driver: Driver, version: string | null, remark: string | null): Choice {
  return { driver, state: Promise.resolve({ version, remark }) };
}

/** In the order in which they are tried. */
export function agentNames({ agents }: Pick<Config, "agents">): readonly string[] {
  return ["claude", "codex", ...Object.keys(agents), "demo"];
}

/** Rejects when its code cannot be loaded. */
export async function loadAgent(name: string, deps: AgentDeps): Promise<Driver> {
  const { claude, codex, agents, permissions } = deps.config;
  switch (name) {
    case "claude": {
      const { createClaudeDriver } = await import("./drivers/claude/driver.ts");
      return createClaudeDriver({ ...deps, cli: claude.path, permissions });
    }
    case "codex": {
      const { createCodexDriver } = await import("./drivers/codex/driver.ts");
      return createCodexDriver({ ...deps, cli: codex.path });
    }
    case "demo": {
      const { createDemoDriver } = await import("./drivers/demo/driver.ts");
      return createDemoDriver(deps);
    }
    default: {
      const { createAcpDriver, configuredAgent } = await import("./drivers/acp/driver.ts");
      return createAcpDriver({ ...deps, agent: configuredAgent(name, agents[name] ?? null), tools: hostToolList });
    }
  }
}
