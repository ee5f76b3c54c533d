/**
 * Messages that are not whole when they come: further pictures of an album, further pieces of a long text, files to be fetched and
 * read, speech to be understood. Such an item is stored and has its place from its first moment (I5, I9); what it lacks is brought while
 * it waits there, and again after a crash.
 *
 * N-1: nothing here starts a run. A whole item is said to be ready, and is claimed like every other.
 * I4: a further part is a row of its own, which joined (`merged`).
 * I14: how long parts are waited for, how many join, and how large files are is bounded; what is left out is told.
 */
import type { SentFile } from "../domain/attachment.ts";
import type { InboxItem, ItemId, Request } from "../domain/inbox-item.ts";
import type { ConversationId } from "../domain/conversation.ts";
import { decide } from "../domain/lane-machine.ts";
import { kindWords, type Prompt, type PromptFile } from "../domain/prompt.ts";
import { readSpoken } from "../domain/typed-text.ts";
import type { Clock, FetchedFile, Gathering, IncomingFiles, Lane, Log, Receipt, StoredItem } from "./ports.ts";
import { carryOut, runningIn, stopAll, stopConversation } from "./stops.ts";
import { steerNow } from "./steering.ts";
import { laneCapacity, withParts } from "./waiting-line.ts";
import { addButton, type Addressee, type Commit, fresh, persist, reply, seenBefore, type Work } from "./work.ts";

// ---- While a message is admitted

/** What a further message of a person joins: `collect` is every message of a conversation whose policy says so (L4). */
type GatheringKind = "album" | "split" | "collect";

/**
 * How long nothing more has come when it counts as whole. An album's pictures arrive within a second of each other, a text's pieces at once;
 * a person who writes in several messages pauses for seconds.
 */
const quietMs: Readonly<Record<GatheringKind, number>> = { album: 1_200, split: 700, collect: 3_000 };

/** Telegram's albums have ten files; a text of more pieces than that is a file, and a person's burst ends somewhere. */
const partsMax = 20;

/** The pieces of one text come together, also when all of them come so late that they are put on hold. In milliseconds. */
const heldPiecesMs = 5_000;

/** How this prompt begins to wait for what it lacks; undefined for one that is whole. */
export function gatheringOf(
  item: InboxItem,
  { prompt }: Request & { kind: "prompt" },
  lane: Lane,
): Gathering | undefined {
  const gathers = item.part?.opens === true ? item.part.of : collects(item, lane) ? collectionOf(item) : null;
  return gathers !== null || lacksFiles(prompt) ? { kind: "unready", gathers } : undefined;
}

/** The item that this message is a further part of; null for a message of its own. */
export async function gatheringFor(work: Work, item: InboxItem, lane: Lane): Promise<StoredItem | null> {
  for (const of of groupsOf(item, lane)) {
    const open = await work.tx.gathering(item.conversation, of);
    if (open === null || !mayJoin(work, open, kindOf(of))) continue;
    if ((await work.tx.partsOf(open.id)).length < partsMax - 1) return open;
  }
  return null;
}

function groupsOf(item: InboxItem, lane: Lane): readonly string[] {
  const part = item.part === undefined ? [] : [item.part.of];
  return collects(item, lane) ? [...part, collectionOf(item)] : part;
}

function collectionOf({ user }: InboxItem): string {
  return `collect:${user}`;
}

/** I4: the part's row ends here; the whole is decided where it was. */
export async function joinPart(work: Work, item: InboxItem, whole: StoredItem, lane: Lane): Promise<Receipt> {
  if ((await work.tx.addItem(item, "merged", work.atMs, { kind: "part", of: whole.id })) === null)
    return seenBefore(item);
  if (whole.isReady) await work.tx.setReady(whole.id, false);
  work.after.push({ kind: "complete", item: whole.id });
  const isInterrupt = item.request.kind === "prompt" && item.request.placement === "interrupt";
  if (isInterrupt && whole.state === "queued") await interruptFor(work, item, whole.id, lane);
  return fresh(item, null);
}

function mayJoin(work: Work, open: StoredItem, kind: GatheringKind): boolean {
  switch (kind) {
    case "album":
      return true; // a picture that comes late still belongs to its album
    case "split":
      // Words that come late are a message of their own, and are not put on hold with older ones.
      return !open.isReady && (open.state === "queued" || work.atMs - open.acceptedAtMs < heldPiecesMs);
    case "collect":
      return !open.isReady && open.state === "queued"; // what is said after a stop is not on hold with what was said before
    default:
      return kind satisfies never;
  }
}

/** What is spoken is a message of its own: it may be a stop. */
function collects(item: InboxItem, lane: Lane): boolean {
  const { part, request } = item;
  if (policyFor(item, lane) !== "collect" || part?.otherwise === "nothing") return false;
  if (request.kind !== "prompt" || request.placement !== "queue") return false;
  return !(request.prompt.files ?? []).some((file) => file.state === "sent" && file.file.kind === "voice");
}

/** A person's choice for what they send; background work waits for its turn (I11). */
export function policyFor({ priority }: Pick<InboxItem, "priority">, lane: Lane): Lane["settings"]["policy"] {
  return priority === "interactive" ? lane.settings.policy : "queue";
}

function kindOf(gathers: string): GatheringKind {
  const kind = gathers.slice(0, gathers.indexOf(":"));
  return kind === "album" || kind === "split" ? kind : "collect";
}

function lacksFiles({ files = [] }: Prompt): boolean {
  return files.some(({ state }) => state === "sent");
}

async function interruptFor(work: Work, item: InboxItem, id: ItemId, lane: Lane): Promise<void> {
  const queue = { queued: 0, capacity: laneCapacity }; // it has its place already
  const interrupt = { kind: "prompt" as const, placement: "interrupt" as const, over: await runningIn(work, lane) };
  await carryOut(work, item, id, lane, decide(lane.state, interrupt, queue).effects);
}

// ---- While it waits

export interface Intake {
  /** Brings what the item lacks; returns at once. Asked again meanwhile, it looks again afterwards. */
  complete(item: ItemId): void;
  /** Something of the conversation changed: what waits no longer is not fetched any further. Returns at once. */
  changed(conversation: ConversationId): void;
}

/** Files of one message that are fetched at a time. One hides the pauses of another; more would only share the same line. */
const fetchedAtOnceMax = 3;

export type IntakeDeps = {
  readonly commit: Commit;
  readonly incoming: IncomingFiles;
  readonly clock: Clock;
  readonly log: Log;
  /** Owns a promise that never rejects for a reason of its own. */
  readonly own: (task: Promise<void>) => void;
  /** The end of the engine's life: what is not whole by then is brought by the next. */
  readonly closed: AbortSignal;
};

export function createIntake(deps: IntakeDeps): Intake {
  const { clock, incoming, log, closed } = deps;
  /** The last task of each item: one brings what it lacks, and the next looks again. */
  const tasks = new Map<ItemId, Promise<void>>();
  /** Items whose files are on their way. */
  const fetching = new Map<ItemId, Fetching>();

  function complete(id: ItemId): void {
    const before = tasks.get(id) ?? Promise.resolve();
    const task = before.then(() => bring(id)).catch((error: unknown) => giveUp(id, error));
    tasks.set(id, task);
    deps.own(
      task.finally(() => {
        if (tasks.get(id) === task) tasks.delete(id);
      }),
    );
  }

  async function bring(id: ItemId): Promise<void> {
    const fetched = new Map<string, FetchedFile>();
    let parts = -1;
    while (!closed.aborted) {
      const look = async ({ tx }: Work) => {
        const item = await tx.item(id);
        return item === null || !isIncomplete(item) ? null : { item, joined: await tx.partsOf(id) };
      };
      const found = await persist(deps, look, closed);
      if (found === null) return;
      const { item, joined } = found;
      if (item.gathers !== null && joined.length !== parts && joined.length < partsMax - 1) {
        parts = joined.length;
        // Pacing: when nothing more came for this long, the message is looked at as it is.
        await clock.sleep(quietMs[kindOf(item.gathers)], closed);
        continue;
      }
      parts = joined.length;
      const wanted = filesOf(item, joined).flatMap((file) => (file.state === "sent" ? [file.file] : []));
      await fetchAll(
        item,
        wanted.filter(({ source }) => !fetched.has(source)),
        fetched,
      );
      if (closed.aborted) return;
      const end = await persist(deps, (work) => settleWhole(work, id, parts, fetched), closed);
      if (end === "whole") return;
    }
  }

  /** Adds to `fetched` in the order of the files, whichever of them is there first. */
  async function fetchAll(
    { id, conversation }: StoredItem,
    wanted: readonly SentFile[],
    fetched: Map<string, FetchedFile>,
  ): Promise<void> {
    const here = { conversation, over: new AbortController() };
    const signal = AbortSignal.any([closed, here.over.signal]);
    const arrived = new Map<string, FetchedFile>();
    const line = [...new Map(wanted.map((file) => [file.source, file])).values()];
    const next = line.values();
    const fetchOn = async (): Promise<void> => {
      for (const file of next) {
        if (signal.aborted) return;
        arrived.set(file.source, await incoming.read(file, conversation, signal));
      }
    };
    fetching.set(id, here);
    try {
      await Promise.all(Array.from({ length: fetchedAtOnceMax }, fetchOn));
    } finally {
      fetching.delete(id);
    }
    for (const { source } of line) {
      const one = arrived.get(source);
      if (one !== undefined) fetched.set(source, one);
    }
  }

  function changed(conversation: ConversationId): void {
    for (const [id, here] of fetching) if (here.conversation === conversation) deps.own(endUnwanted(id, here));
  }

  async function endUnwanted(id: ItemId, { over }: Fetching): Promise<void> {
    try {
      const item = await persist(deps, ({ tx }) => tx.item(id), closed);
      if (item === null || !isIncomplete(item)) over.abort();
    } catch (error) {
      // It is fetched to its end then, for nothing.
      if (!closed.aborted)
        log.warn({ error, item: id }, "whether a message still waits for its files could not be seen");
    }
  }

  /** I4: what cannot be brought together would hold its conversation for ever; it ends, and is told. */
  async function giveUp(id: ItemId, error: unknown): Promise<void> {
    if (closed.aborted) return; // the next life brings it
    log.error({ error, item: id }, "a message could not be brought together");
    await persist(deps, (work) => endBroken(work, id), closed);
  }

  return { complete, changed };
}

type Fetching = { readonly conversation: ConversationId; readonly over: AbortController };

async function endBroken(work: Work, id: ItemId): Promise<void> {
  const item = await work.tx.item(id);
  if (item === null || !isIncomplete(item)) return;
  await work.tx.moveItem(id, item.state, "failed");
  const reasons = ["Signalbox could not put this message together; the log has the cause. Please send it again."];
  await reply(work, item, { kind: "files-left-out", reasons, isEmpty: true });
}

function isIncomplete(item: StoredItem): boolean {
  return !item.isReady && (item.state === "queued" || item.state === "held");
}

function filesOf(item: StoredItem, joined: readonly StoredItem[]): readonly PromptFile[] {
  return [item, ...joined].flatMap(({ request }) => (request.kind === "prompt" ? (request.prompt.files ?? []) : []));
}

/** "grown": another part or another message joined meanwhile, and nothing was decided. */
async function settleWhole(
  work: Work,
  id: ItemId,
  parts: number,
  fetched: ReadonlyMap<string, FetchedFile>,
): Promise<"whole" | "grown"> {
  const item = await work.tx.item(id);
  if (item === null || !isIncomplete(item) || item.request.kind !== "prompt") return "whole"; // cancelled meanwhile
  const joined = await work.tx.partsOf(id);
  if (joined.length !== parts) return "grown";
  work.touched.add(item.conversation);
  const prompt = withFiles(withParts(item, joined), fetched);
  // Messages that were joined on hold brought files that were not asked for yet.
  if (prompt.files?.some((file) => file.state === "sent" && !fetched.has(file.file.source))) return "grown";
  await work.tx.takeParts(id, { ...item.request, prompt });
  const failures = [...fetched.values()].flatMap((one) => (one.kind === "refused" ? [one] : []));
  if (failures.some(({ again }) => again)) await askAboutFiles(work, item, prompt, failures);
  else await settleFiles(work, item, { ...item.request, prompt }, failures);
  return "whole";
}

function withFiles(prompt: Prompt, fetched: ReadonlyMap<string, FetchedFile>): Prompt {
  if (prompt.files === undefined) return prompt;
  const files = prompt.files.map((file): PromptFile => {
    if (file.state !== "sent") return file;
    const got = fetched.get(file.file.source);
    if (got === undefined) return file;
    const { source, message } = file.file;
    if (got.kind === "read") return { state: "read", source, message, attachment: got.attachment };
    if (got.again) return file; // another try may bring it
    return missing(file.file, got.why);
  });
  return { ...prompt, files };
}

function missing({ name, kind, source, message }: SentFile, why: string): PromptFile {
  return { state: "missing", name: name ?? kindWords[kind], source, message, why };
}

type Failure = FetchedFile & { kind: "refused" };

/** What may come with another try is not given up without the person. The others go on meanwhile. */
async function askAboutFiles(
  work: Work,
  item: StoredItem,
  prompt: Prompt,
  failures: readonly Failure[],
): Promise<void> {
  const { id, conversation } = item;
  if (item.state === "queued") await work.tx.moveItem(id, "queued", "held");
  const isAlone = prompt.text === "" && (prompt.files ?? []).every(({ state }) => state !== "read");
  const ways = isAlone ? (["again", "discard"] as const) : (["again", "without", "discard"] as const);
  const buttons = [];
  const files = (prompt.files ?? []).flatMap((file) => (file.state === "sent" ? [file.file.source] : []));
  for (const how of ways)
    buttons.push(await addButton(work, conversation, { kind: "held-item", item: id, how, files }));
  const reasons = failures.map(({ why }) => why);
  await reply(work, saidAgain(work, item), { kind: "files-failed", reasons }, [buttons]);
}

/** The same may be said of one message more than once: at each try, and of each picture that comes late. */
function saidAgain(work: Work, item: StoredItem): Addressee {
  return { ...item, key: `${item.key}:${work.newId()}` as InboxItem["key"] };
}

async function settleFiles(
  work: Work,
  item: StoredItem,
  { prompt }: Request & { kind: "prompt" },
  failures: readonly Failure[],
): Promise<void> {
  const isEmpty = prompt.text === "" && (prompt.files ?? []).every(({ state }) => state === "missing");
  if (failures.length > 0) {
    const reasons = failures.map(({ why }) => why);
    await reply(work, saidAgain(work, item), { kind: "files-left-out", reasons, isEmpty });
  }
  if (isEmpty) {
    await work.tx.moveItem(item.id, item.state, "rejected");
    return;
  }
  const heard = prompt.text === "" ? heardIn(prompt) : null;
  if (heard === null) return ready(work, item, wasWhole(item) ? "known" : "new");
  // Beside anything else it is words among words: a stop would end what came with it, unread.
  const isAlone = prompt.files?.length === 1 && prompt.isJoined !== true;
  const request: Request = isAlone
    ? readSpoken(heard)
    : { kind: "prompt", placement: "queue", prompt: { text: heard } };
  const lane = await work.tx.lane(item.conversation);
  // S1: a stop that is spoken stops like one that is typed. On hold it is old: it stops nothing.
  if (request.kind === "command" && request.command.name === "stop" && item.state === "queued" && lane !== null) {
    const isForAll = request.command.scope === "all";
    await work.tx.moveItem(item.id, "queued", isForAll ? "running" : "done"); // as the row of a typed one
    return isForAll ? stopAll(work, item, item.id) : stopConversation(work, item, item.id, lane);
  }
  const placement = request.kind === "prompt" ? request.placement : "queue";
  const text = request.kind === "prompt" ? request.prompt.text : heard;
  const isAsked = lane?.settings.hearing === "confirm" && item.state === "queued";
  await tellHeard(work, item, heard, isAsked);
  await work.tx.rewriteItem(item.id, { kind: "prompt", placement, prompt: { ...prompt, text } });
  await work.tx.setReady(item.id, true);
  if (isAsked) await work.tx.moveItem(item.id, "queued", "held");
  else if (item.state === "queued") {
    if (placement === "interrupt" && lane !== null) await interruptFor(work, item, item.id, lane);
    await inLine(work, item, placement);
  }
}

/** What a person said into a voice message is what they write elsewhere; a recording that they send as a file is a file. */
function heardIn({ files = [] }: Prompt): string | null {
  const said = files.flatMap((file) =>
    file.state === "read" && file.attachment.kind === "voice" && file.attachment.content.kind === "speech"
      ? [file.attachment.content.text]
      : [],
  );
  return said.length === 0 ? null : said.join("\n\n");
}

async function tellHeard(work: Work, item: StoredItem, text: string, isAsked: boolean): Promise<void> {
  const buttons = [];
  if (isAsked) {
    for (const how of ["run", "discard"] as const)
      buttons.push(await addButton(work, item.conversation, { kind: "held-item", item: item.id, how }));
  }
  const notice = {
    kind: "heard" as const,
    item: item.id,
    text,
    state: isAsked ? ("asks" as const) : ("runs" as const),
  };
  await reply(work, item, notice, buttons.length === 0 ? [] : [buttons]);
}

/** `known`: its person was told its place already. */
async function ready(work: Work, item: StoredItem, place: "new" | "known" = "new"): Promise<void> {
  await work.tx.setReady(item.id, true);
  if (item.state === "queued" && item.request.kind === "prompt")
    await inLine(work, item, item.request.placement, place);
}

/** What comes late finds that everything before it was fetched. */
function wasWhole({ request }: StoredItem): boolean {
  const files = request.kind === "prompt" ? (request.prompt.files ?? []) : [];
  return files.length > 0 && files.every(({ state }) => state !== "sent");
}

/** L4: what came whole was handed to the running turn as it came, where the conversation is set to it. */
async function inLine(
  work: Work,
  item: StoredItem,
  placement: "queue" | "interrupt",
  place: "new" | "known" = "new",
): Promise<void> {
  if (place === "new") work.waiting.push(item.id);
  const lane = await work.tx.lane(item.conversation);
  if (lane === null || policyFor(item, lane) !== "steer" || placement !== "queue") return;
  await steerNow(work, item.conversation, item.id);
}

// ---- What a person decides about one message on hold

/**
 * Puts an item that is on hold by itself back in line; returns false when it is not on hold there any more. `without` are the files that the
 * person does not wait for: what joined since they were asked about is fetched all the same.
 */
export async function requeueHeld(
  work: Work,
  conversation: ConversationId,
  id: ItemId,
  without: (source: string) => boolean,
): Promise<boolean> {
  const item = await work.tx.item(id);
  if (item === null || item.conversation !== conversation || item.state !== "held") return false;
  await work.tx.moveItem(id, "held", "queued");
  const isLeft = (file: PromptFile): boolean => file.state === "sent" && without(file.file.source);
  if (item.isReady) work.waiting.push(id);
  else if (item.request.kind === "prompt" && item.request.prompt.files?.some(isLeft) === true) {
    const { prompt } = item.request;
    const files = (prompt.files ?? []).map((file): PromptFile =>
      file.state === "sent" && isLeft(file) ? missing(file.file, "It could not be fetched.") : file,
    );
    await work.tx.rewriteItem(id, { ...item.request, prompt: { ...prompt, files } });
    const isWhole = !lacksFiles({ ...prompt, files }) && (await work.tx.partsOf(id)).length === 0;
    if (isWhole) await ready(work, { ...item, state: "queued" });
    else work.after.push({ kind: "complete", item: id }); // it has grown while it was on hold
  } else work.after.push({ kind: "complete", item: id });
  return true;
}
