/**
 * What a running agent asks a person: raised by its run, answered once, closed with its run.
 *
 * I3: an ask is raised, withdrawn and closed under its run's owner; an answer reaches that run and no other.
 * T5: what could not be shown whole has no button that allows it, and such an answer by any other road is refused (domain/ask.ts).
 * I5: an answer is stored before the agent gets it. I7: answering waits for nothing but the commit.
 */
import type { Button } from "../domain/button.ts";
import type { ConversationId } from "../domain/conversation.ts";
import {
  type Ask,
  type AskAnswer,
  type AskId,
  type AskState,
  type AskStep,
  answerForAgent,
  decideAsk,
  isAllowable,
  openAsk,
  type Question,
} from "../domain/ask.ts";
import type { RunOwner } from "../domain/run.ts";
import type { StoredAsk } from "./ports.ts";
import { addButton, type Work } from "./work.ts";

/** Shows what the agent asks. A run that is stopping or deposed asks nothing more. */
export async function raiseAsk(work: Work, owner: RunOwner, agentId: string, ask: Ask): Promise<void> {
  const id = work.newId() as AskId;
  if (!(await work.tx.addAsk(owner, { id, agentId, ask }))) return;
  await draw(work, { id, owner, agentId, ask, state: openAsk, drawn: 0 });
}

export async function withdrawAsk(work: Work, owner: RunOwner, agentId: string): Promise<void> {
  const asked = (await work.tx.openAsks(owner.run)).find((one) => one.agentId === agentId);
  if (asked !== undefined) await put(work, asked, { kind: "withdrawn" });
}

/** The turn that asked is over, and its run goes on with another one. */
export async function withdrawAsks(work: Work, owner: RunOwner): Promise<void> {
  for (const asked of await work.tx.openAsks(owner.run)) await put(work, asked, { kind: "withdrawn" });
}

/** The run is over: whatever it still wanted to know has expired. */
export async function expireAsks(work: Work, owner: RunOwner): Promise<void> {
  for (const asked of await work.tx.openAsks(owner.run)) await put(work, asked, { kind: "expired" });
}

/** The agent did not wait for the answer any more. */
export async function answerCameLate(work: Work, id: AskId): Promise<void> {
  const asked = await work.tx.ask(id);
  if (asked !== null) await put(work, asked, { kind: "late" });
}

/** What became of a person's answer. `toast` is for them; the card says it too when it was taken. */
export type Answered = { readonly kind: "taken" | "ignored"; readonly toast: string };

/** Carries out what a person did with an ask of this conversation. */
export async function answerAsk(work: Work, conversation: ConversationId, id: AskId, step: AskStep): Promise<Answered> {
  const asked = await work.tx.ask(id);
  if (asked === null || asked.owner.conversation !== conversation)
    return { kind: "ignored", toast: "This question does not belong here. Nothing was done." };
  const decision = decideAsk(asked.ask, asked.state, step);
  if (decision.kind === "ignored") return decision;
  const live = await work.tx.run(asked.owner);
  if (live === null || (live.state !== "starting" && live.state !== "running"))
    return { kind: "ignored", toast: "The run that asked is being stopped. Nothing was done." };
  switch (decision.kind) {
    case "open":
      await put(work, asked, decision.state);
      return { kind: "taken", toast: decision.toast };
    case "answered":
      await leavePlanning(work, asked, decision.answer);
      await put(work, asked, { kind: "answered", answer: decision.answer });
      work.after.push({
        ...{ kind: "answer", owner: asked.owner, ask: id, agentId: asked.agentId },
        answer: answerForAgent(asked.ask, decision.answer),
      });
      return { kind: "taken", toast: decision.toast };
    default:
      return decision satisfies never;
  }
}

/** The agent leaves its planning for this turn; the conversation's next ones must not fall back into it. */
async function leavePlanning(work: Work, { ask, owner }: StoredAsk, answer: AskAnswer): Promise<void> {
  if (ask.kind !== "plan" || answer.kind !== "allow") return;
  await work.tx.choosePermissions(owner.conversation, answer.scope === "session" ? "edit" : "ask");
}

async function put(work: Work, asked: StoredAsk, state: AskState): Promise<void> {
  await work.tx.setAsk(asked.id, state);
  await draw(work, { ...asked, state, drawn: asked.drawn + 1 });
}

async function draw(work: Work, { id, owner, ask, state, drawn }: StoredAsk): Promise<void> {
  const { conversation, run } = owner;
  work.touched.add(conversation);
  const first = `ask:${id}`;
  const buttons = state.kind === "open" ? await askButtons(work, conversation, id, ask, state) : [];
  const body = { kind: "ask" as const, run, id, ask, state, replaces: drawn === 0 ? null : first, buttons };
  const dedupe = drawn === 0 ? first : `${first}:${drawn}`;
  await work.tx.addOutgoing({ conversation, run, dedupe, body, notBeforeMs: 0 }, work.atMs);
}

async function askButtons(
  work: Work,
  conversation: ConversationId,
  id: AskId,
  ask: Ask,
  state: AskState & { kind: "open" },
): Promise<readonly (readonly Button[])[]> {
  const button = (step: AskStep, label: string) =>
    addButton(work, conversation, { kind: "answer", ask: id, step, label });
  switch (ask.kind) {
    case "approval": {
      if (!isAllowable(ask)) return [[await button({ kind: "deny" }, "Deny")]];
      const allow = [await button({ kind: "allow", scope: "once" }, "Allow once")];
      if (ask.scopes.includes("session"))
        allow.push(await button({ kind: "allow", scope: "session" }, "Allow for this session"));
      return [allow, [await button({ kind: "deny" }, "Deny")]];
    }
    case "plan":
      if (!isAllowable(ask)) return [[await button({ kind: "deny" }, "Keep planning")]];
      return [
        [await button({ kind: "allow", scope: "once" }, "Go, ask before edits")],
        [await button({ kind: "allow", scope: "session" }, "Go, edit freely")],
        [await button({ kind: "deny" }, "Keep planning")],
      ];
    case "questions": {
      const question = ask.questions[state.answers.length];
      return question === undefined ? [] : questionButtons(question, state, button);
    }
    default:
      return ask satisfies never;
  }
}

async function questionButtons(
  question: Question,
  state: AskState & { kind: "open" },
  button: (step: AskStep, label: string) => Promise<Button>,
): Promise<readonly (readonly Button[])[]> {
  const number = state.answers.length;
  const rows: Button[][] = [];
  for (const { label } of question.options) {
    const mark = question.choice === "one" ? "" : state.ticked.includes(label) ? "\u2611 " : "\u2610 ";
    rows.push([await button({ kind: "option", question: number, label }, `${mark}${label}`)]);
  }
  if (question.choice === "many") rows.push([await button({ kind: "ticked", question: number }, "Done")]);
  return rows;
}
