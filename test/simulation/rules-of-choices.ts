/**
 * choice: what a conversation goes on with changes by what a person did in it: with the answer to a command that asked an agent, at once by
 * a press or a command that asks nobody, by a tool of its run, and by a claim that finds the session of another agent. A command that was
 * told as unanswered has changed nothing.
 * memory: no two conversations go on in one memory of one agent.
 */
import { type ConversationId, homeOf } from "../../src/domain/conversation.ts";
import type { Change } from "./journal.ts";
import type { ChoiceRow, ItemRow } from "./mirror.ts";
import type { Rule, RuleContext } from "./rule.ts";

export function rulesOfChoices({ mirror, violated }: RuleContext): Rule {
  /** Of the decision that is being read. */
  let before = new Map<ConversationId, ChoiceRow>();
  let causes = new Set<ConversationId>();
  let added: ItemRow[] = [];
  let isMemoryChanged = false;

  function endOfDecision(): void {
    for (const item of added) if (item.state === "done" && mayChoose(item)) causes.add(placeOf(item));
    for (const [conversation, was] of before) {
      // What somebody says about a schedule may begin the side conversation that it runs in.
      const isBegun = homeOf(conversation) !== conversation && added.some((item) => isOrder(item, conversation));
      if (!causes.has(conversation) && !isBegun)
        violated("choice", `${conversation} goes on otherwise than in ${was.session}, and nobody asked for it`);
    }
    if (before.size > 0 || isMemoryChanged) checkMemories();
    before = new Map();
    causes = new Set();
    added = [];
    isMemoryChanged = false;
  }

  /** Whether what is done in the very transaction that stores it may have chosen. */
  function mayChoose({ request }: ItemRow): boolean {
    switch (request.kind) {
      case "press":
      case "answer":
      case "prompt": // a reply to an ask's message: an allowed plan ends the planning
        return true;
      case "command":
        return request.command.name === "new" || request.command.name === "permissions";
      case "edit":
      case "occurrence":
      case "unsupported":
        return false;
      default:
        return request satisfies never;
    }
  }

  /** A button of a side conversation is shown, and pressed, in its home. */
  function placeOf({ conversation, request }: ItemRow): ConversationId {
    const button = request.kind === "press" ? mirror.buttons.find(({ id }) => id === request.button) : undefined;
    return button !== undefined && homeOf(button.conversation) === conversation ? button.conversation : conversation;
  }

  function isOrder({ conversation, request }: ItemRow, side: ConversationId): boolean {
    return conversation === homeOf(side) && request.kind === "command" && request.command.name === "cron";
  }

  function checkMemories(): void {
    const holders = new Map<string, ConversationId>();
    for (const [conversation, { session }] of mirror.choices) {
      const { driver, resume } = mirror.sessions.get(session) ?? { driver: null, resume: null };
      if (driver === null || resume === null) continue;
      const memory = `${driver} ${resume}`;
      const other = holders.get(memory);
      if (other !== undefined) violated("memory", `${conversation} and ${other} go on in ${memory}`);
      holders.set(memory, conversation);
    }
  }

  function note(change: Change): void {
    if (change.what === "choice") {
      const was = mirror.choices.get(change.conversation);
      if (was !== undefined) before.set(change.conversation, was); // else the conversation begins
    }
    if (change.what === "session") isMemoryChanged = true;
    if (change.what === "run-added") causes.add(change.conversation);
    if (change.what === "item-changed" && change.from === "running" && change.to === "done") {
      const item = mirror.items.get(change.id)!;
      if (item.run === null) causes.add(placeOf(item)); // a consultation was answered
    }
    if (change.what === "said" && change.run !== null && change.dedupe.includes(":new-session:"))
      causes.add(change.conversation);
  }

  return {
    before: (change) => {
      if (change.what === "decision") endOfDecision();
      note(change);
    },
    after: (change) => {
      if (change.what === "item-added") added.push(mirror.items.get(change.id)!);
    },
    end: endOfDecision,
  };
}
