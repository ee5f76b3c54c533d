// A local Telegram Bot API for tests and for playing: see README.md beside this file.
//
// E1 It imports nothing from src/: it may disagree with the product.
// E2 It lives on loopback and ends with its owner (AsyncDisposable): no timer, socket or listener stays.

import { randomBytes } from "node:crypto";
import type { UserFromGetMe } from "grammy/types";
import { createAccess } from "./access.ts";
import { botMethods } from "./bot-methods.ts";
import type { BotWorld } from "./bot-world.ts";
import { createCallbacks, type CallbackAnswer } from "./callbacks.ts";
import { createChanges } from "./changes.ts";
import { viewChat, type ChatView } from "./chat-view.ts";
import { createChats } from "./chats.ts";
import { createFaults, type FaultGate, type Faults } from "./faults.ts";
import { createFiles } from "./files.ts";
import { createGroup, type Group, type GroupOptions } from "./groups.ts";
import { createJournal, type Journal } from "./journal.ts";
import type { Mutation } from "./mutations.ts";
import { createPeople, type Person, type PersonOptions } from "./people.ts";
import { createRateLimits, type RateLimitMode } from "./rate-limits.ts";
import { startServer, type BotApiServer } from "./server.ts";
import { serveSimulation } from "./sim-http.ts";
import { createTelegramClock } from "./telegram-clock.ts";
import { createUntil, type Until } from "./until.ts";
import { createUpdateQueue, type UpdateContent, type UpdateQueue } from "./updates.ts";
import { createValidation } from "./validation.ts";

export interface EmulatorOptions {
  /** `<digits>:<35 characters>`; a fresh one unless told. */
  readonly token?: string;
  /** A free port unless told. */
  readonly port?: number;
  readonly owner?: PersonOptions;
  /** Topics in private chats (getMe.has_topics_enabled). */
  readonly privateTopics?: boolean;
  /** In groups the bot hears only what is meant for it. */
  readonly privacyMode?: boolean;
  readonly rateLimits?: RateLimitMode;
  /** The pause between 409 answers after the first; Telegram's 3000 unless told. */
  readonly conflictPacingMs?: number;
  readonly mutations?: ReadonlySet<Mutation>;
}

export interface Emulator extends AsyncDisposable {
  /** `http://127.0.0.1:PORT` */
  readonly apiRoot: string;
  readonly token: string;
  readonly me: UserFromGetMe;
  /** Someone whose private chat with the bot is open. */
  readonly owner: Person;
  readonly journal: Journal;
  readonly faults: Faults;
  readonly updates: UpdateQueue;
  user(options?: PersonOptions): Person;
  group(options: GroupOptions): Group;
  readonly groups: ReadonlyMap<number, Group>;
  /** Everybody there is, the owner first. */
  readonly people: readonly Person[];
  chat(chatId: number, thread?: number): ChatView;
  chats(): ChatView[];
  answerTo(callbackQueryId: string): CallbackAnswer | undefined;
  /** The command menu as set for that scope (the default one unless told). */
  menu(scope?: object): readonly { readonly command: string; readonly description: string }[];
  /** Queues an update of any one kind, raw. Undefined when the bot has not asked for that kind. */
  pushUpdate(content: UpdateContent): number | undefined;
  readonly until: Until;
  /** Moves Telegram's clock forward. */
  advance(ms: number): void;
  /** Calls back after every change of state, until the returned function is called. */
  onChange(listener: () => void): () => void;
  /** Every chat and the end of the journal, for people. */
  dump(): string;
}

const conflictPacingMsReal = 3000;
const journalTail = 25;

/** Rejects when the port is taken. */
export async function createEmulator(options: EmulatorOptions = {}): Promise<Emulator> {
  const mutations = options.mutations ?? new Set<Mutation>();
  const token = options.token ?? freshToken();
  const me = botUser(Number(token.split(":")[0]), options);
  const clock = createTelegramClock();
  const changes = createChanges();
  const chats = createChats(clock, me.id);
  const world: BotWorld = {
    me,
    clock,
    changes,
    chats,
    access: createAccess(chats, mutations),
    updates: createUpdateQueue({
      clock,
      changes,
      conflictPacingMs: options.conflictPacingMs ?? conflictPacingMsReal,
      mutations,
    }),
    callbacks: createCallbacks(clock, changes, mutations),
    files: createFiles(clock, mutations),
    rateLimits: createRateLimits({ mode: options.rateLimits ?? "off", clock, mutations }),
    commands: new Map(),
    mutations,
  };
  const journal = createJournal(clock, changes);
  const dump = () =>
    [...chats.all().map((chat) => viewChat(world, chat).rendered), "— journal —", journal.tail(journalTail)].join("\n");
  const until = createUntil(changes, dump);
  const { person } = createPeople({ world, privacyMode: options.privacyMode ?? false, until });
  const people = [person({ firstName: "Olga", username: "olga_owner", started: true, ...options.owner })];
  const groups = new Map<number, Group>();
  const owner = people[0];
  if (owner === undefined) throw new Error("the owner is the first person");

  const faults: Faults & FaultGate = createFaults(changes, () => server.refuse());
  const server: BotApiServer = await startServer(
    {
      token,
      methods: botMethods(world),
      validation: createValidation(),
      journal,
      faults: () => faults,
      files: world.files,
      mutations,
      elsewhere: (request, response, url) => serveSimulation(emulator, request, response, url),
    },
    options.port ?? 0,
  );

  const emulator: Emulator = {
    apiRoot: `http://127.0.0.1:${server.port}`,
    token,
    me,
    owner,
    people,
    journal,
    faults,
    updates: world.updates,
    user(personOptions = {}) {
      const someone = person(personOptions);
      people.push(someone);
      changes.ring();
      return someone;
    },
    group(groupOptions) {
      const group = createGroup(world, groupOptions);
      groups.set(group.id, group);
      changes.ring();
      return group;
    },
    groups,
    chat: (chatId, thread) => viewChat(world, chats.get(chatId), thread),
    chats: () => chats.all().map((chat) => viewChat(world, chat)),
    answerTo: (callbackQueryId) => world.callbacks.find(callbackQueryId)?.answer,
    menu: (scope = { type: "default" }) => world.commands.get(`${JSON.stringify(scope)} `) ?? [],
    pushUpdate: (content) => world.updates.push(content),
    until,
    advance(ms) {
      clock.advance(ms);
      changes.ring();
    },
    onChange: (listener) => changes.listen(listener),
    dump,
    async [Symbol.asyncDispose]() {
      world.updates.close();
      await server[Symbol.asyncDispose]();
    },
  };
  return emulator;
}

function freshToken(): string {
  const id = 7_000_000_000 + (randomBytes(4).readUInt32BE() % 900_000_000);
  return `${id}:AA${randomBytes(25).toString("base64url").slice(0, 33)}`;
}

function botUser(id: number, options: EmulatorOptions): UserFromGetMe {
  return {
    id,
    is_bot: true,
    first_name: "Signalbox",
    username: "signalbox_test_bot",
    can_join_groups: true,
    can_read_all_group_messages: options.privacyMode !== true,
    supports_inline_queries: false,
    can_connect_to_business: false,
    has_main_web_app: false,
    has_topics_enabled: options.privateTopics ?? false,
    allows_users_to_create_topics: options.privateTopics ?? false,
    can_manage_bots: false,
    supports_join_request_queries: false,
  };
}
