/**
 * The ledger of what is really alive: processes by workspace and turn, whoever started them and whatever the engine believes.
 * It outlives every crash of the program.
 *
 * I1: two turns with living processes in one workspace, or for one conversation, are an overlap, unless a person force-released
 * the older one.
 */
import type { TurnEnd } from "../../src/domain/agent-event.ts";
import type { ProcessRef, RunOwner } from "../../src/domain/run.ts";
import type { InterruptLevel, TurnRequest } from "../../src/engine/ports.ts";

/** agent: the turn itself, alive until the agent is done with it; tool: a child of it; background: left running on purpose. */
export type ProcessRole = "agent" | "tool" | "background";

/** The weakest request that ends a process; `never` outlives even SIGKILL for as long as faults go on. */
export type Toughness = InterruptLevel | "never";

export type LedgerProcess = {
  readonly ref: ProcessRef;
  readonly turn: LedgerTurn;
  role: ProcessRole;
  toughness: Toughness;
  alive: boolean;
};

const strengths: readonly Toughness[] = ["ask", "terminate", "kill", "never"];

/** Whether a request of this level ends a process of this toughness. */
export function endsBy(level: InterruptLevel, toughness: Toughness): boolean {
  return strengths.indexOf(level) >= strengths.indexOf(toughness);
}

/** What a turn wants to know: `id` is the agent's own, which later turns use again; `mark` is in its words and in no other ask. */
export type LedgerAsk = {
  readonly id: string;
  readonly mark: string;
  state: "waiting" | "answered" | "given-up";
  /** How often an answer was handed to the turn for it. */
  handed: number;
};

export type LedgerTurn = {
  readonly owner: RunOwner;
  readonly agent: string;
  readonly session: TurnRequest["session"];
  readonly permissions: TurnRequest["permissions"];
  readonly model: TurnRequest["model"];
  readonly asks: LedgerAsk[];
  /** The agent's own word on its end. */
  said: TurnEnd | null;
  hasUsedTools: boolean;
  /** What a tool of ours said that it told the person. */
  readonly told: string[];
  readonly life: number;
  readonly workspace: string;
  /** The tags of the prompts it was given and of their files, in order: `p17`, `f18`. */
  readonly prompts: string[];
  /** As the agent was given it. */
  readonly text: string;
  readonly processes: LedgerProcess[];
  /** The program that started it is gone. */
  isOrphan: boolean;
  /** The strongest request to end that reached it. */
  asked: InterruptLevel | null;
  /** A person took the risk: its processes are no overlap any more. */
  isReleased: boolean;
  /** Told when one of its processes ended, by whomever. */
  onEnd: () => void;
};

export interface World {
  beginTurn(request: TurnRequest, life: number, agent: string): LedgerTurn;
  spawn(turn: LedgerTurn, role: ProcessRole, toughness: Toughness): LedgerProcess;
  end(process: LedgerProcess): void;
  /** Living processes of a turn, without those that it left behind on purpose. */
  alive(turn: LedgerTurn): readonly LedgerProcess[];
  turns(): readonly LedgerTurn[];
  turnsOf(run: string): readonly LedgerTurn[];
  find(refs: readonly ProcessRef[]): readonly LedgerProcess[];
  background(): readonly LedgerProcess[];
  orphans(): readonly LedgerProcess[];
  /** The program crashed: its living turns have nobody any more. */
  orphan(life: number): void;
  release(run: string): void;
  /** How often each tagged prompt was given to an agent as the prompt of a run's first turn. */
  readonly starts: ReadonlyMap<string, number>;
}

const tagPattern = /\b[pf]\d+\b/g;

/** What is said in a file is quoted between fences: it is not the message's own. */
const quotedPattern = /(`{3,})\n[\s\S]*?\n\1/g;

/** The tags of the prompts that a text holds, and of the files that it names: a joined prompt holds several. */
export function tagsOf(text: string): readonly string[] {
  const own = text.includes("```") ? text.replaceAll(quotedPattern, "") : text;
  return own.match(tagPattern) ?? [];
}

export function createWorld(violated: (invariant: string, what: string) => void): World {
  const turns: LedgerTurn[] = [];
  const byRun = new Map<string, LedgerTurn[]>();
  /** Turns that may still have a living process. */
  const active = new Set<LedgerTurn>();
  const starts = new Map<string, number>();
  let spawned = 0;

  const alive = (turn: LedgerTurn): readonly LedgerProcess[] =>
    turn.processes.filter((process) => process.alive && process.role !== "background");

  function checkOverlap(turn: LedgerTurn): void {
    for (const other of active) {
      if (other === turn || other.isReleased) continue;
      const sharesWorkspace = other.workspace === turn.workspace;
      const sharesMemory = turn.session.resume !== null && other.session.resume === turn.session.resume;
      if (!sharesMemory && !sharesWorkspace && other.owner.conversation !== turn.owner.conversation) continue;
      if (alive(other).length === 0) continue;
      if (sharesMemory) violated("memory", `${turn.owner.run} and ${other.owner.run} work in one memory`);
      const where = sharesWorkspace ? turn.workspace : turn.owner.conversation;
      violated("I1", `${turn.owner.run} acts in ${where} while processes of ${other.owner.run} live there`);
    }
  }

  const world: World = {
    beginTurn: (request, life, agent) => {
      const { owner, session, permissions, model } = request;
      const turn: LedgerTurn = {
        ...{ owner, agent, session, permissions, model },
        asks: [],
        said: null,
        hasUsedTools: false,
        told: [],
        life,
        workspace: request.workspace,
        prompts: [...tagsOf(request.prompt.text)],
        text: request.prompt.text,
        processes: [],
        isOrphan: false,
        asked: null,
        isReleased: false,
        onEnd: () => {},
      };
      turns.push(turn);
      const ofRun = byRun.get(request.owner.run);
      if (ofRun === undefined) byRun.set(request.owner.run, [turn]);
      else ofRun.push(turn);
      if (ofRun === undefined) for (const tag of turn.prompts) starts.set(tag, (starts.get(tag) ?? 0) + 1);
      return turn;
    },
    spawn: (turn, role, toughness) => {
      active.add(turn);
      if (!turn.isReleased) checkOverlap(turn);
      spawned += 1;
      // Pids are reused soon, so that only the start time tells a process from its successor.
      const ref = { pid: 100 + (spawned % 50), startTime: `t${spawned}`, command: role };
      const process: LedgerProcess = { ref, turn, role, toughness, alive: true };
      turn.processes.push(process);
      return process;
    },
    end: (process) => {
      if (!process.alive) return;
      process.alive = false;
      if (process.turn.processes.every((other) => !other.alive)) active.delete(process.turn);
      process.turn.onEnd();
    },
    alive,
    turns: () => turns,
    turnsOf: (run) => byRun.get(run) ?? [],
    find: (refs) =>
      [...active].flatMap((turn) =>
        turn.processes.filter((process) => process.alive && refs.some((ref) => isSame(ref, process.ref))),
      ),
    background: () =>
      [...active].flatMap((turn) => turn.processes.filter((process) => process.alive && process.role === "background")),
    orphans: () =>
      [...active].filter((turn) => turn.isOrphan).flatMap((turn) => turn.processes.filter((process) => process.alive)),
    orphan: (life) => {
      for (const turn of active) if (turn.life === life) turn.isOrphan = true;
    },
    release: (run) => {
      for (const turn of byRun.get(run) ?? []) turn.isReleased = true;
    },
    starts,
  };
  return world;
}

function isSame(a: ProcessRef, b: ProcessRef): boolean {
  return a.pid === b.pid && a.startTime === b.startTime;
}
