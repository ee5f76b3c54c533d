/**
 * What the sections with the real program stand on: a local Telegram, a scripted model, a home for the program and one for bare
 * agents, and people whose chats are conversations of their own.
 *
 * A chat takes about one message a second (src/telegram/pacing.ts), as Telegram does: sections take turns among people and pause, so
 * that this limit is never what they measure.
 */
import { setTimeout as pause } from "node:timers/promises";
import type { Person } from "../test/emulator/people.ts";
import { createEmulator, type Emulator } from "../test/emulator/emulator.ts";
import { type Bridge, startBridge } from "../test/e2e/bridge.ts";
import { createHome, type Home } from "../test/e2e/home.ts";
import { createModelServer, type ModelServer } from "../test/model/model-server.ts";
import { scripted } from "../test/model/script.ts";
import { type BareAgent, type BarePermissions, type BenchAgent, claude } from "./agent.ts";
import { cpuTicks } from "./proc.ts";
import { timed } from "./spread.ts";

export type Stage = AsyncDisposable & {
  readonly agent: BenchAgent;
  readonly emulator: Emulator;
  readonly model: ModelServer;
  readonly home: Home;
  readonly bareHome: Home;
  readonly people: readonly Person[];
  /** Starts the program in `home`; to be disposed before the stage. */
  bridge(): Promise<Bridge>;
  /** The agent alone, in `bareHome`, after its first turn; it may do everything unless told. */
  startBare(permissions?: BarePermissions): Promise<BareAgent>;
};

export type StageOptions = {
  readonly peopleCount: number;
  readonly agent?: BenchAgent;
  readonly permissions?: "bypass" | "ask";
};

export async function openStage({ peopleCount, agent = claude, permissions = "bypass" }: StageOptions): Promise<Stage> {
  await using stack = new AsyncDisposableStack();
  const emulator = stack.use(await createEmulator());
  const model = stack.use(await createModelServer());
  const home = stack.use(createHome());
  const bareHome = stack.use(createHome());
  const people = Array.from({ length: peopleCount }, (_, index) =>
    emulator.user({ firstName: `Person ${index}`, started: true }),
  );
  for (const each of [home, bareHome]) agent.prepare(each, model);
  // The log as it is unless told: writing every detail of it is not what people run.
  const settings = { SIGNALBOX_LOG: "info", SIGNALBOX_DRIVER: agent.driver, SIGNALBOX_PERMISSIONS: permissions };
  const env = { ...settings, ...agent.variables(home) };
  const owned = stack.move();
  return {
    agent,
    emulator,
    model,
    home,
    bareHome,
    people,
    bridge: () => startBridge({ home, emulator, model, driver: "claude", users: people, env }),
    startBare: (bare = { kind: "bypass" }) => agent.startWarm(bareHome, model, bare),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** Only the newest requests are looked at: a look is made at every change, and must not be what is measured. */
const newestRequests = 12;

/** Resolves at the moment Telegram has taken a message of the bot with this text, sent to this person after this call. */
export async function delivered(stage: Stage, person: Person, text: string | RegExp): Promise<void> {
  const matches = (sent: unknown): boolean =>
    typeof sent === "string" && (typeof text === "string" ? sent === text : text.test(sent));
  const { journal } = stage.emulator;
  const before = journal.entries.at(-1)?.seq ?? 0;
  const look = (): boolean =>
    journal.entries
      .slice(-newestRequests)
      .some(
        ({ seq, method, chatId, params, outcome }) =>
          seq > before &&
          method === "sendMessage" &&
          chatId === person.chatId &&
          outcome.kind === "ok" &&
          matches(params["text"]),
      );
  await stage.emulator.until(look, { what: `${String(text)} for ${person.user.first_name}`, withinMs: 30_000 });
}

const restMs = 400;
const restWithinMs = 20_000;

/** Until an agent of this home was started and has used no processor time for a while: it is prepared, as far as one can see. */
export async function untilAgentRests({ home, agent }: Pick<Stage, "home" | "agent">): Promise<void> {
  const until = performance.now() + restWithinMs;
  let before = -1;
  let since = performance.now();
  while (performance.now() < until) {
    const agents = (await home.processes()).filter(({ name }) => name.startsWith(agent.processName));
    const ticks = agents.reduce((sum, { pid }) => sum + cpuTicks(pid), 0);
    if (agents.length === 0 || ticks !== before) since = performance.now();
    if (performance.now() - since >= restMs) return;
    before = ticks;
    await pause(50);
  }
  throw new Error("no agent was prepared");
}

/** From the update at Telegram to the answer there. */
export async function bridgeTurnMs(stage: Stage, person: Person, answer: string): Promise<number> {
  const answered = delivered(stage, person, answer);
  const { ms } = await timed(() => {
    person.sends(scripted([[answer]]));
    return answered;
  });
  stage.emulator.journal.clear();
  return ms;
}

/** People take turns. */
export function personOf({ people }: Stage, round: number): Person {
  const person = people[round % people.length];
  if (person === undefined) throw new Error("there are no people");
  return person;
}
