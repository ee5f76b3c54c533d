/**
 * The people of the soak: in each conversation they write, interrupt, stop and press, at a pace that keeps the processor at a given share.
 *
 * I5: what was not acknowledged comes again with the same key, as from Telegram, until it is: in this life or in a later one.
 */
import { type ConversationId, telegramConversation } from "../../src/domain/conversation.ts";
import { readText } from "../../src/domain/typed-text.ts";
import type { InboxItem, ItemKey, Request } from "../../src/domain/inbox-item.ts";
import type { Random } from "../simulation/random.ts";
import { type Habits, wordsFor } from "./habits.ts";
import { pause } from "./pause.ts";
import type { Shown } from "./shown.ts";
import type { SoakLife } from "./soak-life.ts";

export type SoakCrowd = {
  /** Deliveries begun and not acknowledged. */
  readonly open: number;
  /** Distinct keys handed over. */
  readonly keys: number;
  readonly counts: ReadonlyMap<string, number>;
  readonly violations: readonly string[];
  act(): void;
};

export type SoakCrowdDeps = {
  readonly conversations: number;
  readonly workspaceOf: (index: number) => string;
  readonly random: Random;
  readonly shown: Shown;
  /** The present life; null between two. */
  readonly life: () => SoakLife | null;
};

/** So many deliveries may wait for a commit; with more, people wait for the program, not the program for them. */
const openMax = 60;
/** Pacing of the next attempt when the store refused, or there is no life at the moment. */
const againAfterMs = 100;

type Act = "prompt" | "interrupt" | "stop" | "stop-all" | "press" | "together" | "command" | "repeat";

const acts: Habits<Act> = [
  { value: "prompt", weight: 58 },
  { value: "interrupt", weight: 8 },
  { value: "stop", weight: 8 },
  { value: "stop-all", weight: 0.25 },
  { value: "press", weight: 16 },
  { value: "together", weight: 4 },
  { value: "command", weight: 3 },
  { value: "repeat", weight: 2.75 },
];

const prompts: Habits<string> = [
  { value: "good morning", weight: 60 },
  { value: "count to 8", weight: 15 },
  { value: "run 0.3", weight: 6 },
  { value: "run 1.5", weight: 4 },
  { value: "run 6 detached", weight: 2 },
  { value: "run 2 stubborn", weight: 1 },
  { value: "run 4 in the background", weight: 2 },
];

export function createSoakCrowd(deps: SoakCrowdDeps): SoakCrowd {
  const { random, shown } = deps;
  const counts = new Map<string, number>();
  const violations: string[] = [];
  const acknowledged: InboxItem[] = [];
  let open = 0;
  let keys = 0;

  function act(): void {
    if (open >= openMax) return;
    const index = random.int(deps.conversations);
    const conversation = telegramConversation(1_000 + index, null);
    const chosen = random.weighted(acts);
    counts.set(chosen, (counts.get(chosen) ?? 0) + 1);
    switch (chosen) {
      case "prompt":
        return hand([said(conversation, promptText())]);
      case "interrupt":
        return hand([said(conversation, `!${promptText()}`)]);
      case "stop":
      case "stop-all":
      case "command":
        return hand([said(conversation, wordsFor(chosen, random))]);
      case "together":
        return hand(
          Array.from({ length: random.between(2, 5) }, () =>
            said(conversation, random.chance(0.2) ? wordsFor("stop", random) : promptText()),
          ),
        );
      case "press": {
        const pressed = shown.pick(random);
        if (pressed === null) return;
        return hand([itemOf(pressed.conversation, { kind: "press", button: pressed.button.id })]);
      }
      case "repeat":
        return acknowledged.length === 0 ? undefined : handAgain(random.pick(acknowledged));
      default:
        chosen satisfies never;
    }
  }

  function promptText(): string {
    return random.weighted(prompts);
  }

  function said(conversation: ConversationId, text: string): InboxItem {
    return itemOf(conversation, readText(text));
  }

  function itemOf(conversation: ConversationId, request: Request): InboxItem {
    keys += 1;
    const at = { sentAtMs: Date.now(), user: "1", message: String(keys) };
    return { key: `soak:${keys}` as ItemKey, conversation, priority: "interactive", request, ...at };
  }

  function hand(items: readonly InboxItem[]): void {
    void deliver(items).then(() => remember(items)); // never rejects
  }

  function remember(items: readonly InboxItem[]): void {
    acknowledged.push(...items);
    acknowledged.splice(0, Math.max(0, acknowledged.length - openMax));
  }

  /** What was acknowledged is known for ever: a second delivery changes nothing. */
  function handAgain(item: InboxItem): void {
    void deliver([item]).then((fresh) => {
      if (fresh) violations.push(`I5 ${item.key} was acknowledged, came again and was taken for new`);
    });
  }

  /** Resolves when it is acknowledged: whether its last was new at that delivery. Never rejects. */
  async function deliver(items: readonly InboxItem[]): Promise<boolean> {
    const chosen = { workspace: deps.workspaceOf(Number(items[0]?.conversation.split(":")[1]) - 1_000) };
    open += 1;
    for (;;) {
      const life = deps.life();
      try {
        const receipts = life === null ? "cut" : await life.during(life.engine.accept(items, chosen));
        if (receipts !== "cut") {
          open -= 1;
          return receipts.at(-1)?.fresh === true;
        }
      } catch {
        // The store refused: it comes again.
      }
      await pause(againAfterMs);
    }
  }

  return {
    get open() {
      return open;
    },
    get keys() {
      return keys;
    },
    counts,
    violations,
    act,
  };
}
