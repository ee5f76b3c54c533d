/**
 * M6: an album of ten photos is one prompt, whatever becomes of its updates on their way: a thousand albums, with the real reading of
 * updates, the real engine and the real store in memory, under a clock of the test's own.
 *
 * 1. A round has many chats at once, each with an album whose updates come in any order, with pauses, again, and with other messages between
 *    them. What the seed says happens again with the same seed.
 * 2. A pause is within the bound that an album has (src/engine/intake.ts); only behind a run, where an album waits anyway, it is longer.
 * 3. Half of the rounds crash the engine in the middle, twice; the newest updates come again then, as those that were not confirmed.
 */
import type { Message, Update } from "grammy/types";
import { expect, test } from "vitest";
import { telegramConversation } from "../src/domain/conversation.ts";
import type { FetchedFile, IncomingFiles } from "../src/engine/ports.ts";
import { parseUpdate } from "../src/telegram/parse.ts";
import { createHouse, type House } from "./engine-house.ts";
import { createScriptedDriver, type ScriptedTurn } from "./scripted-driver.ts";

const albums = 1_000;
const chatsAtOnce = 25;
const picturesMax = 10;
/** Below the 1,200 ms after which an album that does not wait behind a run counts as whole. */
const pauseMsMax = 1_150;
/** Any pause is one that an album may have while it waits behind a run. */
const longPauseMsMax = 6_000;
/** Past every pause in which more may come. */
const quietMs = 5_000;
const redelivered = 3;

const me = { id: 99, username: "signalbox_test_bot" };
/** As the manual clock begins. */
const sentAtSeconds = Date.parse("2026-11-23T07:00:00Z") / 1000;

type Delivery = { readonly atMs: number; readonly chat: number; readonly update: Update };
type Plan = {
  /** In the order of their times. */
  readonly deliveries: readonly Delivery[];
  /** Chats in which a run is under way until the end of the plan. */
  readonly busy: ReadonlySet<number>;
  /** Indices of deliveries after which the program dies. */
  readonly crashes: ReadonlySet<number>;
};

for (let round = 0; round < albums / chatsAtOnce; round += 1) {
  test(`albums ${round * chatsAtOnce + 1} to ${(round + 1) * chatsAtOnce} are one prompt each, with ten pictures in their order`, async () => {
    const plan = planOf(20_261_123 + round);
    const turns = await played(plan);
    for (let chat = 1; chat <= chatsAtOnce; chat += 1) {
      const images = turns
        .filter(({ request }) => request.owner.conversation === telegramConversation(chat, null))
        .map(({ request }) => (request.prompt.images ?? []).map(({ path }) => path))
        .filter((paths) => paths.length > 0);
      const inOrder = Array.from({ length: picturesMax }, (_, at) => `/f/${chat}-${at}`);
      expect(images, `round ${round}, chat ${chat}`).toEqual([inOrder]);
    }
  });
}

/** Every turn that was asked for, over all lives. */
async function played({ deliveries, busy, crashes }: Plan): Promise<readonly ScriptedTurn[]> {
  const turns: ScriptedTurn[] = [];
  const owners = Array.from({ length: chatsAtOnce }, (_, at) => String(at + 1));
  const open = (database?: House["database"]): Promise<House> =>
    createHouse({
      owners,
      runsMax: 2 * chatsAtOnce,
      incoming: photos,
      driver: createScriptedDriver({
        onTurn(turn) {
          turns.push(turn);
          if (turn.request.prompt.text !== "busy") turn.finish("seen");
        },
      }),
      ...(database === undefined ? {} : { database }),
    });
  let house = await open();
  let nowMs = 0;
  for (const chat of busy) await deliver(house, chat, message(chat, 1, { text: "busy" }));
  for (const [index, { atMs, chat, update }] of deliveries.entries()) {
    await house.clock.advance(atMs - nowMs);
    nowMs = atMs;
    await deliver(house, chat, update);
    if (!crashes.has(index)) continue;
    await house.settled();
    house = await open(house.database); // what the former life still waits for never comes: its clock stands still
    for (const again of deliveries.slice(Math.max(0, index + 1 - redelivered), index + 1))
      await deliver(house, again.chat, again.update);
  }
  await house.settled();
  await house.clock.advance(quietMs);
  await house.settled();
  for (const turn of turns) if (!turn.isEnded) turn.finish("done");
  await house.settled();
  await house[Symbol.asyncDispose]();
  return turns;
}

async function deliver(house: House, chat: number, update: Update): Promise<void> {
  const reading = parseUpdate(update, {
    me,
    allowedUsers: new Set([chat]),
    listening: new Set(),
    nowMs: sentAtSeconds * 1000,
  });
  if (reading.kind !== "item") throw new Error(`${reading.kind}: ${JSON.stringify(update)}`);
  await house.engine.accept([reading.item], { workspace: `/projects/${chat}` });
}

/** Every picture is there at once: what a fetch can meet is src/engine/intake.test.ts'. */
const photos: IncomingFiles = {
  read: ({ source, kind }): Promise<FetchedFile> =>
    Promise.resolve({
      kind: "read",
      attachment: {
        kind,
        name: source,
        path: `/f/${source}`,
        mediaType: "image/jpeg",
        bytes: 1,
        content: { kind: "image" },
      },
    }),
  list: () => Promise.resolve([]),
  remove: () => Promise.resolve(0),
};

// ---- What comes, and when

function planOf(seed: number): Plan {
  const chance = chanceOf(seed);
  const isCrashing = seed % 2 === 0;
  const chats = Array.from({ length: chatsAtOnce }, (_, at) => at + 1);
  // After a crash nothing runs: whoever waited behind a run waits no longer.
  const busy = new Set(isCrashing ? [] : chats.filter(() => chance() < 0.5));
  const deliveries = chats
    .flatMap((chat) => albumOf(chat, busy.has(chat) ? longPauseMsMax : pauseMsMax, chance))
    .toSorted((a, b) => a.atMs - b.atMs);
  const crash = (): number => Math.floor(chance() * deliveries.length);
  return { deliveries, busy, crashes: new Set(isCrashing ? [crash(), crash()] : []) };
}

/** The album of one chat with everything that comes beside it. */
function albumOf(chat: number, pauseMax: number, chance: () => number): readonly Delivery[] {
  const deliveries: Delivery[] = [];
  let atMs = Math.floor(chance() * 2_000);
  let updateId = 1_000;
  const bring = (update: Update): void => void deliveries.push({ atMs, chat, update });
  const next = (id: number, fields: Partial<Message>): Update => message(chat, id, fields, (updateId += 1));
  for (const picture of shuffled(picturesMax, chance)) {
    const fields = photoOf(chat, picture);
    const update = next(10 + picture, fields);
    bring(update);
    // The same update once more, at once or when everything is long over.
    if (chance() < 0.2) deliveries.push({ atMs: atMs + Math.floor(chance() * 15_000), chat, update });
    // The same message as another update: late only where the album still waits.
    if (chance() < 0.1) {
      const laterMs = pauseMax === longPauseMsMax ? Math.floor(chance() * 15_000) : 0;
      deliveries.push({ atMs: atMs + laterMs, chat, update: next(10 + picture, fields) });
    }
    if (chance() < 0.15) bring(next(100 + picture, { text: `and ${picture}` }));
    atMs += Math.floor(chance() * pauseMax);
  }
  return deliveries;
}

function photoOf(chat: number, picture: number): Partial<Message> {
  const size = (name: string, side: number) => ({ file_id: name, file_unique_id: name, width: side, height: side });
  return {
    media_group_id: `g${chat}`,
    photo: [size(`${chat}-${picture}`, 1_280), size("small", 90)],
    ...(picture === 0 ? { caption: "ten of them" } : {}),
  };
}

function message(chat: number, id: number, fields: Partial<Message>, updateId = id): Update {
  const from = { id: chat, is_bot: false as const, first_name: `Person ${chat}` };
  const where = { id: chat, type: "private" as const, first_name: from.first_name };
  const sent = { message_id: id, date: sentAtSeconds, chat: where, from, ...fields };
  // Ids of updates are one line over all chats.
  return { update_id: chat * 100_000 + updateId, message: sent as Message & Update.NonChannel };
}

function shuffled(count: number, chance: () => number): readonly number[] {
  const left = Array.from({ length: count }, (_, at) => at);
  return Array.from({ length: count }, () => left.splice(Math.floor(chance() * left.length), 1)[0] ?? 0);
}

/** The same numbers in 0..1 for the same seed (a linear congruence with the constants of Numerical Recipes). */
function chanceOf(seed: number): () => number {
  let state = seed >>> 0;
  const next = (): number => (state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0) / 2 ** 32;
  next();
  return next;
}
