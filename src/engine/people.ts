/**
 * Who may do what (C5), and how somebody is let in (C6). Channels keep strangers out; what those who were let in may ask for is decided
 * here and nowhere else, in the transaction that stores what they sent.
 *
 * 1. The role is that of the item's `user` at the moment of its admission: somebody who was removed is out at once, also for buttons
 *    that are shown already (T4). The page is its owner's, also where they act from it in a conversation of another channel.
 * 2. A refusal is a row and a text (I4), and changes nothing else: a button that was not theirs to press stays as it was.
 * 3. A stranger is told one code an hour; at most `pairingsMax` wait; a code works once (T1).
 * 4. Where no owner is known, the first is who sends the code that only the terminal shows: never who comes first.
 */
import type { ButtonAction } from "../domain/button.ts";
import { channelOf, type ConversationId, placeOf, telegramConversation } from "../domain/conversation.ts";
import { type InboxItem, isNothingAlone, type ItemKey } from "../domain/inbox-item.ts";
import type { Notice } from "../domain/notice.ts";
import {
  cleanName,
  describeRefusal,
  mayAct,
  pageUser,
  type PairedRole,
  pairedRoles,
  type Pairing,
  pairingLifeMs,
  pairingsMax,
  parsePairedRole,
  type Role,
  roleNeeded,
  roleNeededToPress,
} from "../domain/person.ts";
import { isSameCode, shortCode, spelledCode } from "../lib/short-code.ts";
import type { Receipt, StoredItem, Stranger } from "./ports.ts";
import { addButton, type Addressee, fresh, reply, say, seenBefore, type Work } from "./work.ts";

// ---- Roles

/** What is answered to an item that its sender has no right to; null when they have. */
export async function refused(work: Work, item: InboxItem): Promise<Receipt | null> {
  const role = await roleOf(work, item);
  if (role === "owner") return null;
  const needed = await neededFor(work, item);
  if (mayAct(role, needed)) return null;
  if (isNothingAlone(item)) return seenBefore(item); // talk of a group that was never for us
  if ((await work.tx.addItem(item, "rejected", work.atMs)) === null) return seenBefore(item);
  if (item.request.kind === "press") return fresh(item, describeRefusal(role, needed));
  await reply(work, item, { kind: "not-allowed", role, needed });
  return fresh(item, null);
}

async function roleOf(work: Work, { conversation, user }: InboxItem): Promise<Role | null> {
  return roleOfUser(work, conversation, user);
}

/** What somebody may do at this moment in a conversation of this channel; null: nothing. */
export async function roleOfUser(
  { tx, settings }: Work,
  conversation: ConversationId,
  user: string,
): Promise<Role | null> {
  if (channelOf(conversation) === "web" || user === pageUser || settings.owners.has(user)) return "owner";
  return (await tx.person(user))?.role ?? null;
}

async function neededFor(work: Work, { conversation, request }: InboxItem): Promise<Role> {
  if (request.kind !== "press") return roleNeeded(request);
  const action = await work.tx.button(request.button, conversation);
  return action === null ? "viewer" : roleNeededToPress(action.action);
}

// ---- Strangers

/** The code for a stranger who wrote; null when they are to be told nothing. */
export async function knock(work: Work, stranger: Stranger): Promise<string | null> {
  const { user, claim } = stranger;
  if (work.settings.owners.has(user) || (await work.tx.person(user)) !== null) return null; // let in meanwhile
  await work.tx.dropPairings(work.atMs - pairingLifeMs);
  const name = cleanName(stranger.name);
  if (claim !== undefined && (await claimed(work, { user, name, claim }))) return null;
  const known = await work.tx.pairings();
  if (known.some((one) => one.user === user)) return null;
  if ((await pendingPairings(work)).length >= pairingsMax) return null;
  const pairing = { user, name, code: shortCode(work.newId()), askedAtMs: work.atMs };
  await work.tx.addPairing(pairing);
  for (const owner of await ownersOf(work)) await tellOwner(work, owner, pairing);
  return spelledCode(pairing.code);
}

async function ownersOf({ tx, settings }: Work): Promise<ReadonlySet<string>> {
  const stored = (await tx.people()).flatMap(({ user, role }) => (role === "owner" ? [user] : []));
  return new Set([...settings.owners, ...stored]);
}

// ---- The first owner

/** In the place of a person's id: whoever will be the first owner. */
const firstOwner = "";

export async function inviteOwner(work: Work): Promise<string | null> {
  if ((await ownersOf(work)).size > 0) return null;
  const code = shortCode(work.newId());
  await work.tx.addPairing({ user: firstOwner, name: "", code, askedAtMs: work.atMs });
  return spelledCode(code);
}

/** Whether it was the code of the terminal, and they are the owner now. */
async function claimed(
  work: Work,
  { user, name, claim }: { user: string; name: string; claim: NonNullable<Stranger["claim"]> },
): Promise<boolean> {
  if ((await ownersOf(work)).size > 0) return false;
  const invited = (await freshPairings(work)).find((one) => one.user === firstOwner);
  if (invited === undefined || !isSameCode(claim.code, invited.code)) return false;
  await work.tx.endPairing(firstOwner);
  await welcome(work, { user, name }, "owner", claim.key);
  return true;
}

/** In the private chat, where there is one: a stranger opens no conversation, and only an owner is to see the code. */
async function tellOwner(work: Work, owner: string, { user, name, code, askedAtMs }: Pairing): Promise<void> {
  const conversation = privateChat(owner);
  if ((await work.tx.lane(conversation)) === null) return;
  const notice: Notice = { kind: "pairing-asked", user, name, code: spelledCode(code) };
  const buttons = [];
  for (const row of pairingActions(user)) {
    const line = [];
    for (const action of row) line.push(await addButton(work, conversation, action));
    buttons.push(line);
  }
  await say(work, conversation, notice, { dedupe: `pairing:${user}:${askedAtMs}:${owner}`, buttons });
}

function pairingActions(user: string, name?: string): readonly (readonly ButtonAction[])[] {
  const of = name === undefined ? "" : `: ${name}`;
  return [
    [
      { kind: "pair", user, role: "operator", label: `Approve as operator${of}` },
      { kind: "pair", user, role: "viewer", label: `As viewer${of}` },
    ],
    [{ kind: "pair", user, role: null, label: `Deny${of}` }],
  ];
}

function privateChat(user: string): ReturnType<typeof telegramConversation> {
  return telegramConversation(Number(user), null);
}

// ---- What an owner decides

/** `/pair <code> [operator|viewer]` */
export async function pairByCode(
  work: Work,
  item: InboxItem,
  { code, role: word }: { readonly code: string | null; readonly role: string | null },
): Promise<Notice> {
  if (code === null) return showPeople(work, item);
  const role = word === null ? "operator" : parsePairedRole(word);
  if (role === null)
    return reply(work, item, { kind: "not-a-choice", what: "roles", given: word ?? "", choices: pairedRoles });
  const pending = await pendingPairings(work);
  // Every one is compared: how long it takes says nothing about where a code is right.
  const [found] = pending.filter((one) => isSameCode(code, one.code));
  return found === undefined
    ? reply(work, item, { kind: "pairing-unknown", code: shownCode(code) })
    : letIn(work, item, found, role);
}

/** A button on the card of somebody who asks; returns the words for the person who pressed. */
export async function pressPair(
  work: Work,
  item: InboxItem,
  { user, role }: ButtonAction & { kind: "pair" },
): Promise<string> {
  const found = (await pendingPairings(work)).find((one) => one.user === user);
  if (found === undefined) return "That request is answered already, or older than an hour. Nothing was done.";
  if (role !== null) {
    await letIn(work, item, found, role);
    return "Let in.";
  }
  await work.tx.endPairing(user);
  await tellDecision(work, item, { user, name: found.name, became: "denied", cancelled: 0, running: 0 });
  return "Not let in.";
}

async function letIn(work: Work, item: InboxItem, { user, name }: Pairing, role: PairedRole): Promise<Notice> {
  await welcome(work, { user, name }, role, item.key);
  return tellDecision(work, item, { user, name, became: role, cancelled: 0, running: 0 });
}

/** `by` is the key of what let them in. */
async function welcome(
  work: Work,
  { user, name }: { readonly user: string; readonly name: string },
  role: Role,
  by: ItemKey,
): Promise<void> {
  await work.tx.endPairing(user);
  await work.tx.addPerson({ user, name, role, admittedBy: by, admittedAtMs: work.atMs });
  const conversation = privateChat(user);
  await work.tx.openLane(conversation, work.settings.workspace, false, work.newId());
  await say(work, conversation, { kind: "let-in", role }, { dedupe: `let-in:${by}` });
}

async function pendingPairings(work: Work): Promise<readonly Pairing[]> {
  return (await freshPairings(work)).filter(({ user }) => user !== firstOwner);
}

async function freshPairings(work: Work): Promise<readonly Pairing[]> {
  return (await work.tx.pairings()).filter(
    ({ state, askedAtMs }) => state === "pending" && askedAtMs > work.atMs - pairingLifeMs,
  );
}

/** `/people` */
export async function showPeople(work: Work, item: InboxItem): Promise<Notice> {
  const people = await work.tx.people();
  const asking = await pendingPairings(work);
  const isShared = placeOf(item.conversation) === "group"; // where others would read the codes
  const buttons = [];
  for (const { user, name } of people.filter((one) => one.user !== item.user))
    // nobody locks themselves out
    buttons.push([await addButton(work, item.conversation, { kind: "remove-person", user, label: `Remove ${name}` })]);
  for (const { user, name } of isShared ? [] : asking) {
    for (const row of pairingActions(user, name)) {
      const line = [];
      for (const action of row) line.push(await addButton(work, item.conversation, action));
      buttons.push(line);
    }
  }
  const notice: Notice = {
    kind: "people",
    owners: [...work.settings.owners],
    people: people.map(({ user, name, role }) => ({ user, name, role })),
    asking: asking.map(({ user, name, code }) => ({ user, name, code: isShared ? null : spelledCode(code) })),
  };
  return reply(work, item, notice, buttons);
}

/** Out at once: what waits of theirs is cancelled, and what they press or write from here on is refused. */
export async function pressRemove(work: Work, item: InboxItem, user: string): Promise<string> {
  const person = await work.tx.removePerson(user);
  if (person === null) return "That person is not on the list any more.";
  const waiting = await waitingOf(work, user);
  for (const { id, state, conversation } of waiting) {
    await work.tx.moveItem(id, state, "cancelled");
    work.touched.add(conversation);
  }
  let running = 0;
  for (const run of await work.tx.liveRuns()) if ((await work.tx.item(run.item))?.user === user) running += 1;
  const { name } = person;
  await tellDecision(work, item, { user, name, became: "removed", cancelled: waiting.length, running });
  return "Removed.";
}

/** Through the conversations that have something waiting: an index for what happens once a year would cost every message. */
async function waitingOf({ tx }: Work, user: string): Promise<readonly StoredItem[]> {
  const waiting: StoredItem[] = [];
  for (const { conversation, queued, held } of await tx.lanes()) {
    if (queued > 0) waiting.push(...(await tx.items(conversation, "queued")));
    if (held > 0) waiting.push(...(await tx.items(conversation, "held")));
  }
  return waiting.filter((item) => item.user === user);
}

function tellDecision(work: Work, to: Addressee, decision: Omit<Notice & { kind: "person" }, "kind">): Promise<Notice> {
  return reply(work, to, { kind: "person", ...decision });
}

/** What was typed instead of a code may be anything; this much of it tells which. In UTF-16 units. */
const shownCodeMax = 20;

function shownCode(typed: string): string {
  return typed.slice(0, shownCodeMax).toWellFormed();
}
