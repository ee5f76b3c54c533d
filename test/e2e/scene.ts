/**
 * One program in one home before one emulator and one model, for all tests of a file: each test takes a person of its own, whose
 * private chat is a conversation of its own. They share the workspace, so a test ends what it starts.
 */
import { vi } from "vitest";
import { createEmulator, type Emulator, type EmulatorOptions } from "../emulator/emulator.ts";
import type { MessageView } from "../emulator/chat-view.ts";
import type { Person } from "../emulator/people.ts";
import { createModelServer, type Gate, type ModelServer } from "../model/model-server.ts";
import { scripted } from "../model/script.ts";
import { type Bridge, startBridge } from "./bridge.ts";
import { isLive } from "./look.ts";
import { createHome, type Home } from "./home.ts";
import { assertBooksBalance, assertDelivered, assertStoppedIsStopped } from "./house-rules.ts";
import { type ChildKind, shellChild, type ShellChild } from "./shell-child.ts";

export type SceneOptions = {
  readonly driver: "claude" | "demo";
  /** Of every life; see BridgeOptions. */
  readonly env?: Env | ((home: Home) => Env);
  /** Before the first start. */
  readonly before?: (home: Home, model: ModelServer) => void;
  readonly emulator?: EmulatorOptions;
};

type Env = Readonly<Record<string, string | undefined>>;

export type Scene = AsyncDisposable & {
  readonly emulator: Emulator;
  readonly model: ModelServer;
  readonly home: Home;
  /** The present life of the program. */
  readonly bridge: Bridge;
  /** Someone who may use the bot and has not written yet. */
  person(): Person;
  /** Someone who may not. */
  stranger(): Person;
  /** The next life in the same home, after the present one ended. */
  start(env?: Env): Promise<Bridge>;
  /** The newest message of the bot in the person's chat that contains this, once it is there; only those after `after`. */
  said(person: Person, wanted: string | RegExp, options?: SaidOptions): Promise<MessageView>;
  /** The newest answer with exactly this text. What a live status shows of it is not yet one. */
  answered(person: Person, text: string | RegExp, options?: SaidOptions): Promise<MessageView>;
  /** A turn that waits to say this, its status shown: whatever the bot sends next to this chat is its answer. */
  aboutToSay(person: Person, text: string): Promise<Waiting>;
  /** How often the model was asked for exactly this. */
  timesAsked(prompt: string): number;
  /** Ends what any conversation runs, and forgets what waits. */
  stopAll(): Promise<void>;
  /** Until the program has written down that every message it owes has arrived. */
  delivered(): Promise<void>;
  /** Until the model waits at that gate of a script; the turn goes on when it is released. */
  reached(gate: string): Promise<Gate>;
  child(kind?: ChildKind): ShellChild;
  /** One whose tool runs in another directory than the scene's workspace. */
  childIn(directory: string, kind?: ChildKind): ShellChild;
};

/** What the agent was asked, and what lets it answer. */
export type Waiting = { readonly prompt: string; say(): void };

export type SaidOptions = { readonly after?: { readonly id: number }; readonly withinMs?: number };

/** More than any file has tests. */
const peopleMax = 40;

export async function openScene({ driver, env, before, emulator: options }: SceneOptions): Promise<Scene> {
  const stack = new AsyncDisposableStack();
  const emulator = stack.use(await createEmulator(options));
  const model = stack.use(await createModelServer());
  const home = stack.use(createHome());
  const pool = Array.from({ length: peopleMax }, (_, index) =>
    emulator.user({ firstName: `Person ${index}`, started: true }),
  );
  const users = [emulator.owner, ...pool];
  let bridge: Bridge;
  let children = 0;

  async function start(more: Env = {}): Promise<Bridge> {
    const own = typeof env === "function" ? env(home) : env;
    bridge = await startBridge({ home, emulator, model, driver, users, env: { ...own, ...more } });
    return bridge;
  }

  try {
    before?.(home, model);
    await start();
  } catch (error) {
    await stack.disposeAsync().catch(() => undefined); // the first failure is the one to be told
    throw error;
  }

  const scene: Scene = {
    emulator,
    model,
    home,
    get bridge() {
      return bridge;
    },
    person() {
      const person = pool.shift();
      if (person === undefined) throw new Error(`a scene has ${peopleMax} people`);
      return person;
    },
    stranger: () => emulator.user({ firstName: "Stranger", started: true }),
    start,
    said(person, wanted, { after, withinMs } = {}) {
      const matches = (text: string): boolean =>
        typeof wanted === "string" ? text.includes(wanted) : wanted.test(text);
      const look = () =>
        person.chat().fromBot.findLast((message) => message.id > (after?.id ?? 0) && matches(message.text));
      return bridge.until(look, `${String(wanted)} in ${person.user.first_name}'s chat`, withinMs);
    },
    answered(person, wanted, { after, withinMs } = {}) {
      const matches = (text: string): boolean => (typeof wanted === "string" ? text === wanted : wanted.test(text));
      const look = () =>
        person
          .chat()
          .fromBot.findLast((message) => message.id > (after?.id ?? 0) && !isLive(message) && matches(message.text));
      return bridge.until(look, `the answer ${String(wanted)} in ${person.user.first_name}'s chat`, withinMs);
    },
    async aboutToSay(person, text) {
      const prompt = scripted([[{ gate: `${person.id} ${text}` }, text]]);
      const { message_id: asked } = person.sends(prompt);
      const { release } = await scene.reached(`${person.id} ${text}`);
      const isStatus = ({ id, buttons }: MessageView): boolean => id > asked && buttons.length > 0;
      await bridge.until(() => person.chat().fromBot.some(isStatus), "the status of a turn that waits");
      await scene.delivered();
      return { prompt, say: release };
    },
    timesAsked: (prompt) => model.requests.filter((request) => request.prompt === prompt).length,
    async stopAll() {
      if (!bridge.isRunning) await start();
      const asked = emulator.owner.sends("/stop all");
      await bridge.until(
        () =>
          emulator.owner
            .chat()
            .messages.some(({ id, text }) => id > asked.message_id && /^(Everything|Nothing to)/.test(text)),
        "the proof that everything is stopped",
        30_000,
      );
    },
    delivered: () => vi.waitFor(() => assertDelivered(home), { timeout: 15_000, interval: 20 }),
    async reached(name) {
      const gate = model.gate(name);
      await bridge.during(gate.reached, `the model was at the gate "${name}"`);
      return gate;
    },
    child: (kind) => shellChild(home.workspace, `child${(children += 1)}`, kind),
    childIn: (directory, kind) => shellChild(directory, `child${(children += 1)}`, kind),
    async [Symbol.asyncDispose]() {
      try {
        await bridge[Symbol.asyncDispose]();
        assertBooksBalance(home);
        assertStoppedIsStopped(emulator, home);
        emulator.journal.assertClean();
      } finally {
        await stack.disposeAsync();
      }
    },
  };
  return scene;
}
