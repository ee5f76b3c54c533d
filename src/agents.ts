/**
 * Which agents this program knows, and which of them serves: the one that was asked for, else the first that is installed and
 * logged in, else the demo.
 *
 * An agent's code is loaded when it is needed: the start of the program must not wait for an SDK.
 */
import type { Config } from "./config.ts";
import { describeFault } from "./domain/faults.ts";
import type { Clock, Driver, Log } from "./engine/ports.ts";
import type { Scan } from "./lib/process-scan.ts";

export type AgentName = NonNullable<Config["driver"]>;

export type AgentDeps = {
  readonly config: Pick<Config, "driver" | "claude" | "permissions">;
  /** Marker of everything that any life of this instance started. */
  readonly instance: string;
  /** What agents inherit, with the markers of this instance and this life. */
  readonly environment: Readonly<Record<string, string>>;
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
  /** To be called once. Rejects only when an agent's own code cannot be loaded. */
  choose(signal: AbortSignal): Promise<Choice>;
  /** The agent that serves. Throws before `choose` has resolved. */
  current(): Driver;
  /** Its name, as far as it is known yet. */
  readonly name: string;
  /** Every agent that was loaded so far. */
  readonly loaded: readonly Driver[];
};

export function createAgents(deps: AgentDeps): Agents {
  const loaded: Driver[] = [];
  const wanted = deps.config.driver;
  let choice: Choice | null = null;

  return {
    loaded,
    get name() {
      return choice?.driver.name ?? wanted ?? "an agent";
    },
    async choose(signal) {
      choice = await (wanted === null ? firstReady(signal) : asAsked(wanted, signal));
      return choice;
    },
    current() {
      if (choice === null) throw new Error("no agent was chosen yet");
      return choice.driver;
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(loaded.map((driver) => driver[Symbol.asyncDispose]()));
    },
  };

  async function open(name: AgentName): Promise<Driver> {
    const driver = await loadAgent(name, deps);
    loaded.push(driver);
    return driver;
  }

  /**
   * An agent that was asked for serves even when it is not ready: its runs say what to do, and it may be repaired meanwhile. So
   * nobody waits for its answer.
   */
  async function asAsked(name: AgentName, signal: AbortSignal): Promise<Choice> {
    const driver = await open(name);
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
    const reasons: string[] = [];
    for (const name of realAgents) {
      const driver = await open(name);
      const health = await driver.health(signal);
      if (health.kind === "ready") return known(driver, health.version, null);
      reasons.push(describeFault(health.fault));
    }
    return known(await open("demo"), null, reasons.join(" "));
  }
}

function known(driver: Driver, version: string | null, remark: string | null): Choice {
  return { driver, state: Promise.resolve({ version, remark }) };
}

/** In the order in which they are tried. */
export const realAgents: readonly Exclude<AgentName, "demo">[] = ["claude"];

/** Rejects when its code cannot be loaded. */
export async function loadAgent(name: AgentName, deps: AgentDeps): Promise<Driver> {
  switch (name) {
    case "claude": {
      const { createClaudeDriver } = await import("./drivers/claude/driver.ts");
      const { claude, permissions } = deps.config;
      return createClaudeDriver({ ...deps, cli: claude.path, permissions });
    }
    case "demo": {
      const { createDemoDriver } = await import("./drivers/demo/driver.ts");
      return createDemoDriver(deps);
    }
    default:
      return name satisfies never;
  }
}
