/**
 * The people of the crash test, and the ledger of all they did: each update that they caused, with what the program must make of it.
 *
 * 1. Plain people only write; what reaches them must be in the order in which they wrote. The others interrupt, stop and press too.
 * 2. Every prompt holds a token of its own, so that it is recognised in answers, in notices, in the database, and, where it starts a
 *    process, in that process's argument.
 */
import type { Emulator } from "../emulator/emulator.ts";
import type { Person } from "../emulator/people.ts";
import type { Random } from "../simulation/random.ts";
import { type Habits, wordsFor } from "./habits.ts";

export type Deed = {
  readonly update: number;
  /** Whether the program has to store it: whatever an allowed person does. A stranger's it must not. */
  readonly isOurs: boolean;
  readonly member: Member | null;
  readonly kind: "prompt" | "interrupt" | "command" | "stop" | "stop-all" | "press" | "unsupported" | "stranger";
  /** Of a prompt. */
  readonly token: string | null;
  /** Of a prompt that starts a process: its argument, which no other prompt has. */
  readonly sleeps: string | null;
  /** The person's message; null for a press. */
  readonly message: number | null;
  /** The label of a pressed button. */
  readonly label: string | null;
};

export type Member = { readonly person: Person; readonly kind: "plain" | "lively"; readonly number: number };

export type CrashCrowd = {
  readonly deeds: readonly Deed[];
  /** Somebody does something, unless everybody waits for the bot. */
  act(): void;
};

/** A person who hears nothing waits after this many messages. */
const unheardMax = 3;
/** A person has so many prompts under way, or at the end of the load everything takes minutes to come to rest. */
const openMax = 3;
/** People press what they see without scrolling. */
const messagesInSight = 12;

/** Outcomes of one prompt, and words after which none is under way. */
const endsOne = /^(\(possibly repeated\) )?(This is the demo agent|This run was interrupted|The run failed)/;
const endsAll = /^(\(possibly repeated\) )?(Stopped|Nothing to stop|Everything is stopped)/;
/** Nobody lets the stranger in: what they write must never be stored. */
const letsIn = /^(Approve as operator|As viewer)/;

type Act = Deed["kind"] | "edit";

const plainActs: Habits<Act> = [
  { value: "prompt", weight: 20 },
  { value: "command", weight: 1 },
];
const livelyActs: Habits<Act> = [
  { value: "prompt", weight: 44 },
  { value: "interrupt", weight: 10 },
  { value: "stop", weight: 8 },
  { value: "stop-all", weight: 0.5 },
  { value: "press", weight: 26 },
  { value: "command", weight: 4 },
  { value: "unsupported", weight: 3 },
  { value: "edit", weight: 2 },
  { value: "stranger", weight: 2 },
];

/** What a prompt asks for; `seconds` is the process it starts, made unique by further digits. */
const wishes: Habits<{ readonly seconds: string | null; readonly how: string }> = [
  { value: { seconds: null, how: "" }, weight: 8 },
  { value: { seconds: "0.3", how: "" }, weight: 5 },
  { value: { seconds: "1.5", how: "" }, weight: 3 },
  { value: { seconds: "4.0", how: "" }, weight: 1 },
  { value: { seconds: "5.0", how: " detached" }, weight: 1 },
  { value: { seconds: "3.0", how: " stubborn" }, weight: 0.7 },
  { value: { seconds: "8.0", how: " in the background" }, weight: 0.7 },
];

export type CrashCrowdDeps = {
  readonly emulator: Emulator;
  readonly members: readonly Member[];
  readonly stranger: Person;
  readonly random: Random;
};

export function createCrashCrowd({ emulator, members, stranger, random }: CrashCrowdDeps): CrashCrowd {
  const deeds: Deed[] = [];
  const unheard = new Map<Member, number>();
  const prompts = new Map<Member, number>();
  const open = new Map<Member, number>();
  let heard = emulator.journal.entries.length;

  function act(): void {
    listen();
    const ready = members.filter((member) => (unheard.get(member) ?? 0) < unheardMax);
    if (ready.length === 0) return;
    const member = random.pick(ready);
    const chosen = random.weighted(member.kind === "plain" ? plainActs : livelyActs);
    if (chosen === "prompt" && (open.get(member) ?? 0) >= openMax) return;
    unheard.set(member, (unheard.get(member) ?? 0) + 1);
    perform(member, chosen);
  }

  /** Whoever the bot wrote to writes on; an outcome makes room for the next prompt. */
  function listen(): void {
    const fresh = emulator.journal.entries.slice(heard);
    heard += fresh.length;
    for (const { method, chatId, params } of fresh) {
      if (method !== "sendMessage") continue;
      const member = members.find(({ person }) => person.chatId === chatId);
      if (member === undefined) continue;
      unheard.set(member, 0);
      const text = String(params["text"]);
      if (endsAll.test(text)) open.set(member, 0);
      else if (endsOne.test(text)) open.set(member, Math.max(0, (open.get(member) ?? 0) - 1));
    }
  }

  function perform(member: Member, chosen: Act): void {
    const { person } = member;
    switch (chosen) {
      case "prompt":
      case "interrupt":
        return write(member, chosen);
      case "command":
      case "stop":
      case "stop-all":
        return say(member, chosen, wordsFor(chosen, random));
      case "press":
        return press(member);
      case "unsupported":
        return record({ ...nothing, member, kind: "unsupported" }, () => {
          person.sendsPhoto(new Uint8Array([255, 216, 255]));
          return null;
        });
      case "edit": {
        const own = deeds.findLast((deed) => deed.member === member && deed.token !== null);
        if (own?.message === undefined || own.message === null) return;
        const { message } = own;
        return record({ ...nothing, member, kind: "unsupported" }, () => {
          person.edits(message, "changed my mind");
          return null;
        });
      }
      case "stranger":
        return record({ ...nothing, isOurs: false, member: null, kind: "stranger" }, () => {
          return stranger.sends("let me in").message_id;
        });
      default:
        chosen satisfies never;
    }
  }

  function write(member: Member, kind: "prompt" | "interrupt"): void {
    const number = (prompts.get(member) ?? 0) + 1;
    prompts.set(member, number);
    open.set(member, (open.get(member) ?? 0) + 1);
    const digits = `${String(member.number).padStart(2, "0")}${String(number).padStart(4, "0")}`;
    const { seconds, how } = random.weighted(wishes);
    const sleeps = seconds === null ? null : `${seconds}${digits}`;
    const token = `t${digits}t`;
    const text = sleeps === null ? `note ${token}` : `${token} run ${sleeps}${how}`;
    record({ ...nothing, member, kind, token, sleeps }, () => {
      return member.person.sends(kind === "interrupt" ? `!${text}` : text).message_id;
    });
  }

  function say(member: Member, kind: Deed["kind"], text: string): void {
    record({ ...nothing, member, kind }, () => member.person.sends(text).message_id);
  }

  function press(member: Member): void {
    const inSight = member.person.chat().fromBot.slice(-messagesInSight);
    const buttons = inSight.flatMap(({ id, buttons: rows }) =>
      rows.flat().flatMap(({ label, data }) => (data === undefined || letsIn.test(label) ? [] : [{ id, label, data }])),
    );
    if (buttons.length === 0) return;
    const { id, label, data } = random.pick(buttons);
    record({ ...nothing, member, kind: "press", label }, () => {
      member.person.presses({ data }, { message: id });
      return null;
    });
  }

  /** P1 of the emulator: the update is queued when the deed is done, and nothing can have taken it away yet. */
  function record(deed: Omit<Deed, "update" | "message">, perform: () => number | null): void {
    const before = emulator.updates.pending().length;
    const message = perform();
    for (const { update_id: update } of emulator.updates.pending().slice(before)) {
      deeds.push({ ...deed, update, message });
    }
  }

  return { deeds, act };
}

const nothing = { isOurs: true, token: null, sleeps: null, label: null } as const;
