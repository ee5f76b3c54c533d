/**
 * The people and the network before the engine: who types, stops and presses what, and how their updates arrive: in batches,
 * again, out of order, and once more after a crash, until they were acknowledged.
 *
 * I5: what was acknowledged is in the database.
 * I7: an update is acknowledged as soon as the store allows; nothing else is waited for.
 */
import type { AskId } from "../../src/domain/ask.ts";
import type { ButtonId } from "../../src/domain/button.ts";
import type { FileKind } from "../../src/domain/attachment.ts";
import { hearings, policies } from "../../src/domain/conversation-settings.ts";
import type { Command, InboxItem, ItemId, ItemKey, Part, Request } from "../../src/domain/inbox-item.ts";
import { channelOf, homeOf } from "../../src/domain/conversation.ts";
import { nameOf } from "./incoming.ts";
import type { AskRow, ButtonRow, Mirror, SaidRow } from "./mirror.ts";
import type { Receipt } from "../../src/engine/ports.ts";
import type { Meet } from "./faults.ts";
import type { Life } from "./life.ts";
import type { Random } from "./random.ts";
import type { Asked } from "./rule.ts";
import type { Place, Scenario } from "./scenario.ts";
import type { Choice, Scheduler, Source } from "./scheduler.ts";
import { createScheduleOrders, guest, owner } from "./schedule-orders.ts";
import { stopAllWords, stopWords } from "./speech.ts";
import type { VirtualClock } from "./virtual-clock.ts";

export interface Chat {
  readonly asked: Asked;
  /** Updates go to this life from now on; those that were not acknowledged go again. */
  attach(life: Life | null): void;
  /** A succeeded life still polls now and then. */
  haunt(ghost: Life): void;
  readonly source: Source;
  /** Nobody types any more; what was typed still arrives. */
  calm(): void;
  /** To be called between two steps, when the mirror is up to date. */
  check(): void;
  actionsLeft(): number;
  isIdle(): boolean;
}

type ChatDeps = {
  readonly mirror: Mirror;
  readonly scheduler: Scheduler;
  readonly random: Random;
  readonly clock: VirtualClock;
  readonly scenario: Scenario;
  /** What is said in the voice messages that people send. */
  readonly speech: Map<string, string>;
  readonly meet: Meet;
  readonly violated: (invariant: string, what: string) => void;
};

type Update = {
  readonly item: InboxItem;
  readonly place: Place;
  state: "waiting" | "sent" | "acknowledged";
  /** The life that it was last sent to, 0 before the first time. */
  sentTo: number;
  /** It stays behind for so many deliveries. */
  delay: number;
};
/** `files` are the kinds of those that come with it. */
type Message = {
  readonly request: Request;
  readonly part?: Part;
  readonly files?: readonly FileKind[];
};
type Call = { readonly life: number; readonly updates: readonly Update[]; isAnswered: boolean };

const batchMax = 3;
/** Answers to what is open that people give beside what they do anyway. */
const answersMax = 8;
/** How many of the parts of a message come long after the others. */
const stragglers = 0.35;
/** How often an update reaches a life that was succeeded. */
const ghostPolls = 0.1;
/** Several channels call at once, and a poller that gave up a call may make the next one. */
const callsMax = 3;

export function createChat(deps: ChatDeps): Chat {
  const { mirror, scheduler, random, clock, scenario, speech } = deps;
  const orders = createScheduleOrders(mirror, random, clock, scenario);
  let groups = 0;
  const updates: Update[] = [];
  const released = new Set<string>();
  const again = new Map<ItemId, number>();
  const moved = new Set<ItemId>();
  const pressed = new Set<string>();
  const fresh = new Set<string>();
  let calls: Call[] = [];
  let life: Life | null = null;
  const ghosts: Life[] = [];
  let actionsLeft = scenario.actionsMax;
  let answersLeft = answersMax;
  let isCalm = false;

  // ---- people

  function type(): Choice {
    const asked = answersLeft > 0 && random.chance(scenario.answering) ? drawAsked() : null;
    const place = asked?.place ?? random.pick(scenario.places);
    const messages = asked === null ? drawMessages(place) : [{ request: drawAnswer(place, asked.ask) }];
    return {
      kind: "chat",
      label: `${place.conversation} ${messages.map(({ request }) => describe(request)).join(" ")}`,
      life: null,
      run: () => {
        if (asked === null) actionsLeft -= 1;
        else answersLeft -= 1;
        sendAll(place, messages);
      },
    };
  }

  /** What belongs together was written in this order, and is brought in any. */
  function sendAll(place: Place, messages: readonly Message[]): void {
    const begin = updates.length + 1;
    const numbered = messages.map((message, index) => ({ ...message, number: begin + index }));
    if (messages.length > 1 && random.chance(0.5)) {
      numbered.sort(() => random.next() - 0.5);
      if (numbered.some(({ number }, index) => number !== begin + index))
        deps.meet("the parts of a message come out of order");
    }
    for (const { request, part, files, number } of numbered) send(place, request, number, part, files);
  }

  function send(
    place: Place,
    request: Request,
    number: number,
    part: Message["part"],
    files: Message["files"] = [],
  ): void {
    if (request.kind === "press") {
      const button = mirror.buttons.find((other) => other.id === request.button);
      if (button !== undefined && pressed.has(button.id)) deps.meet("a button is pressed again");
      if (button === undefined || homeOf(button.conversation) !== place.conversation)
        deps.meet("a button is pressed in another conversation");
      if (button?.action.kind === "answer") noteAnswer(place, mirror.asks.get(button.action.ask));
      note(button);
    }
    if (request.kind === "answer") {
      deps.meet("an ask is answered by words");
      noteAnswer(place, mirror.asks.get(request.ask));
    }
    const isPlain = request.kind === "prompt" && request.placement === "queue" && part === undefined;
    const repliesTo = isPlain && files.length === 0 ? drawReply(place) : null;
    // A plain text may be the last piece of a longer one.
    const isPiece = isPlain && files.length === 0 && channelOf(place.conversation) === "telegram";
    const belongsTo = part ?? (isPiece ? { of: "split:7", opens: false, otherwise: "message" as const } : undefined);
    const isAlone = part === undefined && files.length === 0;
    const item: InboxItem = {
      ...(repliesTo === null ? {} : { repliesTo }),
      key: `tg:update:${number}` as ItemKey,
      conversation: place.conversation,
      user: isOrder(request) && random.chance(scenario.guests) ? guest : owner,
      message: !isAlone || random.chance(0.8) ? `${number}` : null,
      ...(belongsTo === undefined ? {} : { part: belongsTo }),
      priority: isAlone && isPlain && random.chance(scenario.backgroundWork) ? "background" : "interactive",
      request: withTag(request, number, files),
      sentAtMs: clock.now(),
    };
    if (request.kind === "edit") noteEdit(place, request);
    const isStraggler = part !== undefined && random.chance(stragglers);
    updates.push({ item, place, state: "waiting", sentTo: 0, delay: isStraggler ? random.between(2, 12) : 0 });
  }

  // ---- files, pieces, changes

  function drawMessages(place: Place): readonly Message[] {
    const share = (weight: number): boolean => weight > 0 && random.chance(weight / (weight + 4));
    const hasty = scenario.media > 1 && random.chance(0.3) ? drawHasty(place) : null;
    if (hasty !== null) return [{ request: hasty }];
    if (share(scenario.media)) return drawMedia(place);
    const edit = share(scenario.editing / 2) ? drawEdit(place) : null;
    if (edit !== null) return [{ request: edit }];
    if (share(scenario.setting / 2)) return [{ request: drawSetting() }];
    return [{ request: drawRequest(place) }];
  }

  /** Somebody does not wait for what is not whole: stops it, drops it, or joins it with others on hold. */
  function drawHasty(place: Place): Request | null {
    const unready = [...mirror.items.values()].filter(
      ({ conversation, isReady, state }) => conversation === place.conversation && !isReady && state !== "merged",
    );
    const own = unready.length === 0 ? [] : mirror.buttons.filter((one) => one.conversation === place.conversation);
    const early = own.findLast(isSteerOfUnready) ?? own.findLast(isWithoutForGrown);
    if (early !== undefined && random.chance(0.7)) return { kind: "press", button: early.id as ButtonId };
    if (unready.some(({ state }) => state === "queued") && random.chance(0.5))
      return { kind: "command", command: { name: "stop", scope: "conversation" } };
    const isHeld = unready.some(({ state }) => state === "held");
    const how = isHeld && random.chance(0.4) ? "discard" : isHoldingUnready(place) ? "run-as-one" : null;
    const button = how === null ? undefined : mirror.buttons.findLast((one) => isHeldButton(one, place, how));
    return button === undefined ? null : { kind: "press", button: button.id as ButtonId };
  }

  function drawMedia(place: Place): readonly Message[] {
    const form = random.weighted([
      { value: "album", weight: 3 },
      { value: "pieces", weight: 2 },
      { value: "voice", weight: 3 },
      { value: "file", weight: 2 },
    ] as const);
    const prompt = (text: string, placement: "queue" | "interrupt" = "queue"): Request => ({
      kind: "prompt",
      placement,
      prompt: { text },
    });
    const placement = random.chance(0.1) ? "interrupt" : "queue";
    switch (form) {
      case "album": {
        const part = { of: `album:7:${(groups += 1)}`, opens: true, otherwise: "message" as const };
        const captioned = random.int(4);
        return Array.from({ length: random.between(2, 4) }, (_, index) => ({
          request: index === captioned ? prompt("look", placement) : prompt(""),
          part,
          files: ["photo" as const],
        }));
      }
      case "pieces": {
        const count = random.between(2, 3);
        return Array.from({ length: count }, (_, index) => ({
          request: prompt("piece", index === 0 ? placement : "queue"),
          part: { of: "split:7", opens: index < count - 1 || random.chance(0.3), otherwise: "message" as const },
        }));
      }
      case "voice":
        return [{ request: prompt(""), files: ["voice"] }];
      case "file": {
        const count = channelOf(place.conversation) === "web" ? random.between(1, 3) : 1;
        const files = Array.from({ length: count }, () => "document" as const);
        return [{ request: prompt(random.chance(0.6) ? "read" : "", placement), files }];
      }
      default:
        return form satisfies never;
    }
  }

  /** Mostly of what was written last. */
  function drawEdit(place: Place): Request | null {
    const written = updates.filter(
      ({ item }) => item.conversation === place.conversation && item.request.kind === "prompt" && item.message !== null,
    );
    const joined = random.chance(0.5) ? written.filter(({ item }) => isJoinedAndWaits(item)) : [];
    const target =
      written.length === 0 ? null : random.pick(joined.length > 0 ? joined : written.slice(-6)).item.message;
    return target === null ? null : { kind: "edit", message: target, text: "rather" };
  }

  function isJoinedAndWaits({ key }: InboxItem): boolean {
    const row = mirror.itemByKey.get(key);
    const of = row?.partOf ?? null;
    const whole = of === null ? row : mirror.items.get(of);
    if (whole === undefined || (whole.state !== "queued" && whole.state !== "held")) return false;
    return mirror.partsOf(whole.id).length > 0;
  }

  function drawSetting(): Request {
    const [setting, value] = random.pick([
      ["policy", scenario.policy],
      ["policy", scenario.policy],
      ["policy", random.pick(policies)],
      ["voice", "confirm"],
      ["voice", random.pick(hearings)],
    ] as const);
    return { kind: "command", command: { name: "settings", setting, value } };
  }

  function withTag(request: Request, number: number, kinds: readonly FileKind[]): Request {
    if (request.kind === "edit") return { ...request, text: `${request.text} p${number}` };
    if (request.kind !== "prompt") return request;
    const text = request.prompt.text === "" ? "" : `${request.prompt.text} p${number}`;
    if (kinds.length === 0) return { ...request, prompt: { text } };
    const files = kinds.map((kind, index) => {
      const source = `f${number}${index === 0 ? "" : `00${index}`}`;
      if (kind === "voice") speech.set(source, drawWords(number));
      const file = { kind, source, message: `${number}`, name: nameOf(source), mediaType: null, bytes: 1, seconds: 1 };
      return { state: "sent" as const, file };
    });
    return { ...request, prompt: { text, files } };
  }

  function drawWords(number: number): string {
    return random.weighted([
      { value: `say p${number}`, weight: 5 },
      { value: stopWords, weight: 1.5 },
      { value: stopAllWords, weight: 0.7 },
      { value: `! at once p${number}`, weight: 1 },
    ]);
  }

  function noteEdit({ conversation }: Place, { message }: Request & { kind: "edit" }): void {
    const target = updates.find(({ item }) => item.conversation === conversation && item.message === message);
    const row = target === undefined ? undefined : mirror.itemByKey.get(target.item.key);
    if (row === undefined) return deps.meet("an edit that comes before its message");
    if (row.partOf !== null) deps.meet("an edit of a part");
    else if (row.state === "queued") deps.meet("an edit of what waits");
    else if (row.state === "held") deps.meet("an edit of what is on hold");
    else if (row.state === "running") deps.meet("an edit of what runs");
    else deps.meet("an edit of what is over");
  }

  /** Somebody answers an agent that waits for it; at times somebody of another conversation. */
  function drawAsked(): { readonly place: Place; readonly ask: AskRow } | null {
    if (mirror.openAsks.size === 0) return null;
    const ask = random.pick([...mirror.openAsks]);
    const own = scenario.places.find((place) => place.conversation === homeOf(ask.conversation))!;
    return { ask, place: random.chance(0.15) ? random.pick(scenario.places) : own };
  }

  /** By words, or by a button of its newest card or of the one before. */
  function drawAnswer({ conversation }: Place, ask: AskRow): Request {
    const buttons = mirror.buttons.filter(({ action }) => action.kind === "answer" && action.ask === ask.id);
    if (buttons.length > 0 && random.chance(conversation === homeOf(ask.conversation) ? 0.8 : 0.2))
      return { kind: "press", button: random.pick(buttons.slice(-5)).id as ButtonId };
    return { kind: "answer", ask: ask.id as AskId, text: random.pick(["red", "Blue ", "no, other words"]) };
  }

  function noteAnswer(place: Place, ask: AskRow | undefined): void {
    if (ask === undefined) return;
    if (ask.state.kind !== "open") deps.meet("an ask that is closed is answered");
    if (homeOf(ask.conversation) !== place.conversation) deps.meet("an ask is answered in another conversation");
  }

  /** The message that shows an ask, as the messenger numbered it. */
  function drawReply(place: Place): string | null {
    if (channelOf(place.conversation) === "web") return null;
    const heard = speech.size === 0 || !random.chance(0.3) ? [] : heardIn(place);
    if (heard.length > 0) {
      deps.meet("what was heard is corrected");
      return `m${random.pick(heard.slice(-2)).id}`;
    }
    if (mirror.asks.size === 0 || !random.chance(0.2)) return null;
    const shown = [...mirror.said.values()].filter((row) => row.ask !== null && row.state === "sent");
    return shown.length === 0 ? null : `m${random.pick(shown.slice(-6)).id}`;
  }

  function heardIn({ conversation }: Place): readonly SaidRow[] {
    return [...mirror.said.values()].filter(
      (row) => row.notice === "heard" && row.state === "sent" && row.conversation === conversation,
    );
  }

  function drawChoice(): Command {
    if (scenario.choosing > 4 && random.chance(0.7))
      return random.pick<Command>([
        { name: "switch", driver: "alpha" },
        { name: "switch", driver: "beta" },
        { name: "resume", search: null },
      ]);
    return random.pick<Command>([
      { name: "switch", driver: "alpha" },
      { name: "switch", driver: "beta" },
      { name: "switch", driver: "beta" },
      { name: "switch", driver: "nobody" },
      { name: "switch", driver: "alpha" },
      { name: "switch", driver: null },
      { name: "model", choice: null },
      { name: "model", choice: { id: "big", effort: "high" } },
      { name: "model", choice: { id: "small", effort: null } },
      { name: "model", choice: { id: "huge", effort: null } },
      { name: "permissions", mode: null },
      { name: "permissions", mode: "plan" },
      { name: "permissions", mode: "everything" },
      { name: "resume", search: null },
      { name: "resume", search: null },
      { name: "resume", search: null },
      { name: "fork" },
      { name: "terminal" },
      { name: "usage" },
      { name: "context" },
      { name: "debug" },
    ]);
  }

  /** A session that was offered and not chosen yet, or another agent. */
  function drawOffer({ conversation }: Place): Request | null {
    const offers = mirror.buttons.filter(
      (button) => button.conversation === conversation && isOffer(button) && !pressed.has(button.id),
    );
    return offers.length === 0 ? null : { kind: "press", button: random.pick(offers.slice(-4)).id as ButtonId };
  }

  function drawRequest(place: Place): Request {
    const press = drawPress(place);
    const offer = scenario.choosing === 0 ? null : drawOffer(place);
    const asked = mirror.asks.size === 0 ? null : random.pick([...mirror.asks.values()]);
    const answer = asked === null ? null : drawAnswer(place, asked);
    const order = scenario.scheduling === 0 ? null : orders.draw(place);
    return random.weighted<Request>([
      { weight: 8, value: { kind: "prompt", placement: "queue", prompt: { text: "do" } } },
      { weight: 2, value: { kind: "prompt", placement: "interrupt", prompt: { text: "rather" } } },
      { weight: 2, value: { kind: "command", command: { name: "stop", scope: "conversation" } } },
      { weight: 0.5, value: { kind: "command", command: { name: "stop", scope: "all" } } },
      { weight: 0.7, value: { kind: "command", command: { name: "queue" } } },
      { weight: 0.4, value: { kind: "command", command: { name: "status" } } },
      { weight: 0.5, value: { kind: "command", command: { name: "new", title: null } } },
      { weight: 0.1, value: { kind: "command", command: { name: "help" } } },
      { weight: 0.1, value: { kind: "command", command: { name: "start" } } },
      { weight: 0.2, value: { kind: "command", command: { name: "unknown", text: "/x" } } },
      { weight: 0.2, value: { kind: "unsupported", what: "A sticker" } },
      { weight: scenario.choosing, value: { kind: "command", command: drawChoice() } },
      { weight: offer === null ? 0 : scenario.choosing, value: offer ?? { kind: "unsupported", what: "" } },
      { weight: scenario.scheduling, value: order ?? { kind: "unsupported", what: "" } },
      { weight: answer === null ? 0 : 2, value: answer ?? { kind: "unsupported", what: "" } },
      { weight: press === null ? 0 : 5, value: press ?? { kind: "unsupported", what: "" } },
    ]);
  }

  /** Mostly a new button of this conversation; at times an old, spent or foreign one. */
  function drawPress(place: Place): Request | null {
    const own = mirror.buttons.filter((button) => homeOf(button.conversation) === place.conversation);
    const list = random.chance(0.05) ? mirror.buttons : own;
    if (list.length === 0) return null;
    const steer = random.chance(0.15) ? list.findLast((button) => button.action.kind === "steer") : undefined;
    const unready = scenario.media > 0 && random.chance(0.5) ? list.findLast(isSteerOfUnready) : undefined;
    if (unready !== undefined) return { kind: "press", button: unready.id as ButtonId };
    if (steer !== undefined) return { kind: "press", button: steer.id as ButtonId };
    const asked = scenario.media > 0 && random.chance(0.3) ? list.findLast(isOpenHeldItem) : undefined;
    if (asked !== undefined) return { kind: "press", button: asked.id as ButtonId };
    const release = random.chance(0.4) ? list.findLast(isReleaseOfLive) : undefined;
    if (release !== undefined) return { kind: "press", button: release.id as ButtonId };
    const button = random.chance(0.7)
      ? list[list.length - 1 - random.int(Math.min(4, list.length))]!
      : random.pick(list);
    return { kind: "press", button: button.id as ButtonId };
  }

  function isOpenHeldItem({ id, action }: ButtonRow): boolean {
    return action.kind === "held-item" && !pressed.has(id) && random.chance(0.5);
  }

  function isSteerOfUnready({ id, action }: ButtonRow): boolean {
    if (action.kind !== "steer" || pressed.has(id)) return false;
    const item = mirror.items.get(action.item);
    return item?.state === "queued" && !item.isReady;
  }

  function isWithoutForGrown({ id, action }: ButtonRow): boolean {
    if (action.kind !== "held-item" || action.how !== "without" || pressed.has(id)) return false;
    const isHeld = mirror.items.get(action.item)?.state === "held";
    return isHeld && mirror.partsOf(action.item).some((part) => !part.isReady);
  }

  function isHeldButton({ id, conversation, action }: ButtonRow, place: Place, how: "discard" | "run-as-one"): boolean {
    return conversation === place.conversation && !pressed.has(id) && action.kind === "held" && action.how === how;
  }

  function isHoldingUnready({ conversation }: Place): boolean {
    let held = 0;
    let unready = 0;
    for (const item of mirror.items.values()) {
      if (item.conversation !== conversation || item.state !== "held") continue;
      held += 1;
      if (!item.isReady) unready += 1;
    }
    return held > 1 && unready > 0;
  }

  function isReleaseOfLive({ action }: ButtonRow): boolean {
    return action.kind === "force-release" && mirror.runs.get(action.owner.run)?.state === "quarantined";
  }

  function note(button: ButtonRow | undefined): void {
    const action = button?.action;
    if (action?.kind === "force-release") released.add(action.owner.run);
    // A button works once, however often it is pressed.
    if ((action?.kind === "run-again" || action?.kind === "continue-with") && !pressed.has(button!.id))
      again.set(action.item, (again.get(action.item) ?? 0) + 1);
    if (button !== undefined) pressed.add(button.id);
    if (action?.kind === "move-first" || action?.kind === "stop-and-run") moved.add(action.item);
    if (action?.kind === "held-item" && action.how === "stop-and-run") moved.add(action.item);
  }

  // ---- network

  function deliver(to: Life): Choice | null {
    if (calls.filter((call) => call.life === to.number && !call.isAnswered).length >= callsMax) return null;
    const waiting = updates.filter((update) => update.state === "waiting" && (isCalm || update.delay === 0));
    for (const update of updates) if (update.delay > 0) update.delay -= 1;
    const repeated = waiting.length === 0 || random.chance(scenario.duplicates / 4);
    const source = repeated && !isCalm && random.chance(scenario.duplicates) ? updates : waiting;
    if (source.length === 0) return null;
    const from = random.chance(scenario.reorders) ? random.int(source.length) : 0;
    const batch = alike(source.slice(from, from + random.between(1, batchMax)));
    if (random.chance(scenario.reorders)) batch.reverse();
    const label = `deliver ${batch.map((update) => update.item.key.slice(10)).join(" ")}`;
    return { kind: "chat", label, life: to.number, run: () => call(to, batch) };
  }

  /** One call names one directory at most. */
  function alike(batch: Update[]): Update[] {
    const workspace = batch[0]!.place.workspace;
    const isOne = (update: Update): boolean => update.place.workspace === workspace;
    return batch.slice(0, batch.findIndex((update) => !isOne(update)) + 1 || batch.length).filter(isOne);
  }

  function call(to: Life, batch: readonly Update[]): void {
    const made: Call = { life: to.number, updates: batch, isAnswered: false };
    calls.push(made);
    for (const update of batch) {
      if (update.state !== "waiting") deps.meet("an update comes again");
      else if (update.sentTo > 0 && update.sentTo < to.number) deps.meet("an update comes again after a crash");
      if (update.sentTo === 0 && updates.indexOf(update) > updates.findIndex((other) => other.sentTo === 0)) {
        deps.meet("updates come out of order");
      }
      update.sentTo = to.number;
      if (update.state === "waiting") update.state = "sent";
    }
    const workspace = batch[0]!.place.workspace;
    const items = batch.map((update) => update.item);
    const accepted = workspace === null ? to.engine.accept(items) : to.engine.accept(items, { workspace });
    // Both ends are seen here: acknowledged, or to be sent again.
    void accepted.then(
      (receipts) => acknowledge(made, receipts),
      () => {
        made.isAnswered = true;
        for (const update of batch) if (update.state === "sent") update.state = "waiting";
      },
    );
  }

  function acknowledge(made: Call, receipts: readonly Receipt[]): void {
    made.isAnswered = true;
    for (const [index, { item }] of made.updates.entries()) {
      const receipt = receipts[index];
      noteLate(item);
      if (receipt?.key !== item.key) deps.violated("I5", `${item.key} has no receipt of its own`);
      if (receipt?.fresh !== true) continue;
      if (fresh.has(item.key)) deps.violated("I4", `${item.key} is called new a second time`);
      fresh.add(item.key);
    }
    for (const update of made.updates) {
      update.state = "acknowledged";
      // A change of what never came, and a piece of what was never for us, are nothing.
      if (!mirror.itemByKey.has(update.item.key) && update.item.request.kind !== "edit") {
        deps.violated("I5", `${update.item.key} is acknowledged and not in the database`);
      }
    }
  }

  function noteLate({ key, part }: InboxItem): void {
    const row = mirror.itemByKey.get(key);
    if (part === undefined || !part.of.startsWith("album:") || row === undefined || row.partOf !== null) return;
    const others = updates.filter(({ item }) => item.key !== key && item.part?.of === part.of);
    const rows = others.flatMap(({ item }) => mirror.itemByKey.get(item.key) ?? []);
    if (rows.some((other) => other.partOf === null && other.id < row.id))
      deps.meet("a part comes after its whole has begun");
  }

  function isAllAcknowledged(): boolean {
    return updates.every((update) => update.state === "acknowledged");
  }

  return {
    asked: { released, again, moved },
    attach: (next) => {
      life = next;
      calls = [];
      for (const update of updates) if (update.state === "sent") update.state = "waiting";
    },
    haunt: (ghost) => {
      ghosts.push(ghost);
    },
    source: {
      kind: "chat",
      isPossible: () => (actionsLeft > 0 && !isCalm) || (life !== null && (!isCalm || !isAllAcknowledged())),
      choice: () => {
        const to = ghosts.length > 0 && !isCalm && random.chance(ghostPolls) ? random.pick(ghosts) : life;
        const delivery = to === null ? null : deliver(to);
        if (actionsLeft > 0 && !isCalm && (delivery === null || random.chance(0.5))) return type();
        return delivery;
      },
    },
    calm: () => {
      isCalm = true;
    },
    check: () => {
      if (life === null) return;
      const { number } = life;
      const open = calls.find((call) => !call.isAnswered && call.life === number);
      if (open === undefined) return;
      const asksProcesses = open.updates.some(
        ({ item }) => item.request.kind === "command" && item.request.command.name === "status",
      );
      const kinds = asksProcesses ? (["flush", "resolve", "machine"] as const) : (["flush", "resolve"] as const);
      if (scheduler.waiting(kinds, number) > 0) return;
      deps.violated(
        "I7",
        `${open.updates.map((update) => update.item.key).join(" ")} waits for something other than the store`,
      );
    },
    actionsLeft: () => actionsLeft,
    isIdle: isAllAcknowledged,
  };
}

function isOffer({ action: { kind } }: ButtonRow): boolean {
  return kind === "resume" || kind === "fork" || kind === "switch" || kind === "continue-with";
}

function isOrder(request: Request): boolean {
  return request.kind === "command" && request.command.name === "cron";
}

function describe(request: Request): string {
  switch (request.kind) {
    case "prompt":
      return request.placement === "interrupt" ? "!prompt" : "prompt";
    case "command":
      if (request.command.name === "cron") return `/cron ${request.command.typed}`;
      return `/${request.command.name}${request.command.name === "stop" ? ` ${request.command.scope}` : ""}`;
    case "press":
      return `presses ${request.button}`;
    case "answer":
      return "answer";
    case "edit":
      return "edit";
    case "occurrence":
      return `occurrence of ${request.name}`;
    case "unsupported":
      return "sticker";
    default:
      return request satisfies never;
  }
}
