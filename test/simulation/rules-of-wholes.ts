/**
 * whole: a message runs, or is handed to a turn, once it is whole: every message that joined it is in its prompt, each once and with all
 * its files, in the order in which they were written; a file is missing only where it could not be had. What an agent has is not
 * rewritten. A message that joined another is never left behind by it.
 * S1: a stop that is spoken is no prompt, unless it was on hold or ran as words among words before.
 */
import type { ItemId, Request } from "../../src/domain/inbox-item.ts";
import type { Meet } from "./faults.ts";
import type { Incoming } from "./incoming.ts";
import type { Change } from "./journal.ts";
import type { ItemRow } from "./mirror.ts";
import type { Rule, RuleContext } from "./rule.ts";
import { sourcesOf, tagsOfItem } from "./rules-of-items.ts";
import { type Speech, spokenStop, stopAllWords, stopWords } from "./speech.ts";
import { tagsOf } from "./world.ts";

export type WholesDeps = {
  readonly speech: Speech;
  readonly incoming: Pick<Incoming, "refused">;
  readonly meet: Meet;
};

/** By an edit of a message, or (null) by an answer to what was heard. */
type Rewording = { readonly message: string | null };

export function rulesOfWholes({ mirror, violated }: RuleContext, { speech, incoming, meet }: WholesDeps): Rule {
  /** Files that came in the message itself. */
  const ownFiles = new Map<ItemId, readonly string[]>();
  /** A part joined after others had been put together: what was put together once stays so. */
  const grown = new Set<ItemId>();
  /** Its words were replaced by what a person wrote instead. */
  const reworded = new Set<ItemId>();
  const beenHeld = new Set<ItemId>();
  /** Files with which a message has begun: what is in them was no stop then, and is none when a person runs it again. */
  const given = new Set<string>();
  /** Of the decision that is being read. */
  let joinedOnHold: { readonly item: ItemRow; readonly tags: readonly string[] }[] = [];
  let rewording: Rewording | null = null;
  /** By its tag: the message that somebody wrote it in. */
  const writtenIn = new Map<string, string>();

  function added(change: Change & { what: "item-added" }): void {
    write(change);
    if (change.request.kind === "prompt") ownFiles.set(change.id, sourcesOf(change.request.prompt, "all"));
    if (change.state === "held") beenHeld.add(change.id);
    const isReplacing = change.state === "queued" && mirror.liveIn(change.conversation) !== null;
    if (isReplacing && policyOf(change) === "interrupt") meet("a message interrupts unasked");
    if (change.partOf === null) return;
    if (policyOf(change) === "collect") meet("what people write is collected");
    const whole = mirror.items.get(change.partOf)!;
    if (whole.isReady || mirror.partsOf(whole.id).some(({ isReady }) => isReady)) grown.add(whole.id);
    if (whole.isReady) meet("a part joins what was whole");
    if (whole.state === "held") meet("a part joins what is on hold");
    if (whole.state !== "queued" && whole.state !== "held")
      violated("whole", `item ${change.id} joins item ${whole.id}, which is ${whole.state}`);
  }

  function write({ key, request, state }: Change & { what: "item-added" }): void {
    const [, number] = /^tg:update:(\d+)$/.exec(key) ?? [];
    if (request.kind === "edit") for (const tag of tagsOf(request.text)) writtenIn.set(tag, request.message);
    // One that is done at once has put what was heard right: its words are now those of another message.
    if (request.kind === "prompt" && number !== undefined && state !== "done")
      for (const tag of tagsOf(request.prompt.text)) writtenIn.set(tag, number);
  }

  function policyOf({ conversation }: Pick<ItemRow, "conversation">): string {
    return mirror.settings.get(conversation)?.policy ?? "queue";
  }

  function changed(change: Change & { what: "item-changed" }): void {
    const item = mirror.items.get(change.id)!;
    if (change.to === "held") beenHeld.add(item.id);
    if (change.partOf !== null && item.partOf === null) grown.add(change.partOf); // on hold, in the order of the line
    const isPart = change.to === "merged" && change.from === "merged" && !item.isReady;
    const isWaiting = change.from === "queued" || change.from === "held";
    if (change.request !== null) {
      if (!isPart && !isWaiting) violated("whole", `item ${item.id} is rewritten although it is ${change.from}`);
      if (rewording !== null) checkReworded(item, change.request, rewording);
      checkFilesKept(item, change.request);
    }
    if (change.from === "queued" && change.to === "running" && change.run !== null) {
      begun(item);
      const isSteer = mirror.runs.get(change.run)?.item !== item.id;
      if (isSteer && policyOf(item) === "steer") meet("a message is handed to the running turn unasked");
    }
    if (change.from === "held" && change.to === "merged" && change.run === null) {
      const parts = mirror.partsOf(item.id).filter((part) => !part.isReady);
      joinedOnHold.push({ item, tags: [item, ...parts].flatMap((one) => tagsOfItem(one)) });
      if (!item.isReady) meet("messages that are not whole are joined on hold");
    }
    if (!item.isReady && item.state === "queued" && change.to === "held" && !change.isReady)
      meet("a message that is not whole is put on hold");
    if (!item.isReady && change.to === "cancelled") meet("a message that is not whole is cancelled");
    if (change.to === "rejected") meet("nothing is left of a message");
    const spoken = spokenStop(mirror, change);
    if (spoken !== null) heardStop(spoken.item, spoken.scope);
    if (change.request?.kind === "prompt" && change.request.placement === "interrupt" && isWaiting)
      meet("an interrupt is spoken");
  }

  /** What a person changed is one message's: the words of others in the same prompt stay. */
  function checkReworded(item: ItemRow, request: Request, { message }: Rewording): void {
    reworded.add(item.partOf ?? item.id);
    if (item.request.kind !== "prompt" || request.kind !== "prompt") return;
    const words = tagsOf(request.prompt.text);
    const lost = tagsOf(item.request.prompt.text).filter((tag) => !words.includes(tag));
    const others = lost.filter((tag) => message !== null && (writtenIn.get(tag) ?? message) !== message);
    if (others.length > 0)
      violated("whole", `item ${item.id} loses ${others.join(" ")}, and what was changed is message ${message}`);
    if (lost.length > 1) violated("whole", `item ${item.id} loses the words ${lost.join(" ")} by one change`);
  }

  function heardStop(item: ItemRow, scope: "conversation" | "all"): void {
    meet(scope === "all" ? "a stop of everything is spoken" : "a stop is spoken");
    const [source = ""] = ownFiles.get(item.id) ?? [];
    const said = speech.get(source);
    if (said !== (scope === "all" ? stopAllWords : stopWords))
      violated("S1", `item ${item.id} stops (${scope}), and what was said is "${said}"`);
  }

  /** A file leaves a prompt with its message alone. */
  function checkFilesKept(item: ItemRow, request: Request): void {
    if (item.request.kind !== "prompt" || request.kind !== "prompt") return;
    const kept = sourcesOf(request.prompt, "all");
    const lost = sourcesOf(item.request.prompt, "all").filter((source) => !kept.includes(source));
    if (lost.length > 0) violated("whole", `item ${item.id} loses ${lost.join(" ")}`);
  }

  /** The agent gets it: as a run of its own, or into a turn that runs. */
  function begun(item: ItemRow): void {
    if (item.request.kind !== "prompt") return;
    const { prompt } = item.request;
    const parts = mirror.partsOf(item.id);
    const left = parts.find((part) => !part.isReady);
    const gathered = [item, ...parts].flatMap(({ id }) => ownFiles.get(id) ?? []);
    const all = sourcesOf(prompt, "all");
    if (!item.isReady) violated("whole", `item ${item.id} begins although it is not whole`);
    if (left !== undefined) violated("whole", `item ${item.id} begins without item ${left.id}, which joined it`);
    if (prompt.files?.some(({ state }) => state === "sent"))
      violated("whole", `item ${item.id} begins with a file that is not fetched`);
    const lost = gathered.filter((source) => !all.includes(source));
    if (lost.length > 0) violated("whole", `item ${item.id} begins without ${lost.join(" ")}`);
    if (new Set(all).size < all.length) violated("whole", `item ${item.id} begins with ${all.join(" ")}`);
    for (const source of all) {
      if (sourcesOf(prompt, "had").includes(source)) continue;
      meet("a message runs without a file");
      if (!incoming.refused.has(source)) violated("whole", `${source} is given up, and nothing was in its way`);
    }
    checkOrder(item, all, gathered);
    checkWords(item, parts);
    checkNoStop(item, all);
  }

  /** Files of an album that was gathered at once. */
  function checkOrder(item: ItemRow, all: readonly string[], gathered: readonly string[]): void {
    if (grown.has(item.id) || all.length !== gathered.length) return;
    const inOrder = all.toSorted((a, b) => messageOf(a) - messageOf(b));
    if (inOrder.some((source, index) => source !== all[index]))
      violated("whole", `item ${item.id} begins with its files as ${all.join(" ")}`);
  }

  function checkWords(item: ItemRow, parts: readonly ItemRow[]): void {
    if (item.request.kind !== "prompt" || reworded.has(item.id)) return;
    const words = tagsOf(item.request.prompt.text);
    for (const part of parts) {
      const lost = part.request.kind === "prompt" ? tagsOf(part.request.prompt.text) : [];
      if (lost.some((tag) => !words.includes(tag)))
        violated("whole", `item ${item.id} begins without the words of item ${part.id}`);
    }
  }

  function checkNoStop(item: ItemRow, sources: readonly string[]): void {
    const fresh = sources.filter((source) => !given.has(source));
    for (const source of fresh) given.add(source);
    const said = fresh.flatMap((source) => speech.get(source) ?? []);
    if (
      beenHeld.has(item.id) ||
      reworded.has(item.id) ||
      !said.some((words) => words === stopWords || words === stopAllWords)
    )
      return;
    violated("S1", `item ${item.id} begins, and in it is said "${said.join(" ")}"`);
  }

  /** Another message of the conversation has them, in its prompt or in what joined it. */
  function isKept(item: ItemRow, tags: readonly string[]): boolean {
    for (const other of mirror.items.values()) {
      if (other === item || other.conversation !== item.conversation || other.state === "merged") continue;
      const parts = mirror.partsOf(other.id).filter(({ isReady }) => !isReady);
      const kept = [other, ...parts].flatMap((one) => tagsOfItem(one));
      if (tags.every((tag) => kept.includes(tag))) return true;
    }
    return false;
  }

  function endOfDecision(): void {
    for (const { item, tags } of joinedOnHold)
      if (!isKept(item, tags)) violated("whole", `item ${item.id} was joined with others, and is in none of them`);
    joinedOnHold = [];
    rewording = null;
  }

  return {
    before: (change) => {
      if (change.what === "decision") endOfDecision();
      if (change.what === "item-added") {
        // An edit, or an answer to what was heard, comes before what it changes.
        if (change.state === "done" && change.request.kind === "edit") rewording = { message: change.request.message };
        if (change.state === "done" && change.request.kind === "prompt") rewording = { message: null };
        added(change);
      }
      if (change.what === "item-changed") changed(change);
      if (change.what === "button" && change.action.kind === "held-item" && change.action.how === "run") {
        const [source = ""] = ownFiles.get(change.action.item) ?? [];
        if (speech.has(source)) meet("what was heard has to be confirmed");
      }
    },
    end: () => {
      endOfDecision();
      for (const part of mirror.items.values()) {
        if (part.partOf === null || part.isReady) continue;
        const whole = mirror.items.get(part.partOf)!;
        const isAnEnd = whole.state === "held" || whole.state === "cancelled" || whole.state === "rejected";
        if (!isAnEnd) violated("whole", `item ${part.id} is left behind by item ${whole.id}, which is ${whole.state}`);
      }
    },
  };
}

/** f12 came with the message 12, and f12001 is one more that came with it. */
function messageOf(source: string): number {
  return Number(/^f(\d+?)(?:00\d)?$/.exec(source)?.[1]);
}
