/** One turn of the Claude driver as a test sees it: started, consumed, and disposed when the test is over. */
import { onTestFinished } from "vitest";
import { scripted } from "../../../test/model/script.ts";
import type { Script } from "../../../test/model/script.ts";
import { noTools } from "../../../test/no-tools.ts";
import type { AgentEvent, TurnEnd } from "../../domain/agent-event.ts";
import type { ModelChoice } from "../../domain/agent-model.ts";
import type { Ask } from "../../domain/ask.ts";
import { webConversation } from "../../domain/conversation.ts";
import type { PermissionMode } from "../../domain/permission-mode.ts";
import type { RunId } from "../../domain/run.ts";
import type { Driver, HostTools, Turn } from "../../engine/ports.ts";
import type { ClaudeStage } from "./test-stage.ts";

export type Session = { readonly id: string; readonly resume: string | null };

export type Played = {
  readonly turn: Turn;
  readonly events: readonly AgentEvent[];
  readonly end: Promise<TurnEnd>;
  /** Resolves with the first event (also a past one) of which `is` is true; rejects when the turn ends before. */
  when(is: (event: AgentEvent) => boolean): Promise<AgentEvent>;
  first(kind: AgentEvent["kind"]): Promise<AgentEvent>;
  /** The turn's ask with this number, from 1. */
  asked(number?: number): Promise<{ readonly id: string; readonly ask: Ask }>;
  /** The session as the next turn needs it. */
  session(): Session;
  notices(): string;
};

export type PlayOptions = {
  readonly session?: Session;
  readonly driver?: Driver;
  readonly permissions?: PermissionMode;
  readonly model?: ModelChoice | null;
  readonly tools?: HostTools;
};

export function play(stage: ClaudeStage, script: Script | string, options: PlayOptions = {}): Played {
  const session = options.session ?? { id: crypto.randomUUID(), resume: null };
  const turn = (options.driver ?? stage.driver).start({
    owner: { conversation: webConversation(session.id), run: crypto.randomUUID() as RunId, epoch: 1 },
    session,
    workspace: stage.workspace,
    prompt: { text: typeof script === "string" ? script : scripted(script) },
    permissions: options.permissions ?? "bypass",
    model: options.model ?? null,
    tools: options.tools ?? noTools,
  });
  onTestFinished(() => turn[Symbol.asyncDispose]());
  const events: AgentEvent[] = [];
  const watchers = new Set<() => void>();
  const read = async (): Promise<TurnEnd> => {
    for await (const event of turn.events) {
      events.push(event);
      for (const look of watchers) look();
    }
    const last = events.at(-1);
    if (last?.kind !== "ended") throw new Error("the stream did not end with an end");
    return last.end;
  };
  const when: Played["when"] = (is) =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        const found = events.find(is);
        if (found !== undefined) resolve(found);
        else if (events.at(-1)?.kind === "ended") reject(new Error(`the turn ended: ${JSON.stringify(events.at(-1))}`));
        else return;
        watchers.delete(look);
      };
      watchers.add(look);
      look();
    });
  return {
    turn,
    events,
    end: read(),
    when,
    first: (kind) => when((event) => event.kind === kind),
    async asked(number = 1) {
      const all = (): AgentEvent[] => events.filter((event) => event.kind === "asked");
      const event = await when((one) => one.kind === "asked" && all().indexOf(one) === number - 1);
      if (event.kind !== "asked") throw new Error("not an ask");
      return { id: event.id, ask: event.ask };
    },
    session: () => ({
      id: session.id,
      resume: events.findLast((event) => event.kind === "session")?.resume ?? session.resume,
    }),
    notices: () => events.flatMap((event) => (event.kind === "notice" ? [event.text] : [])).join("\n"),
  };
}

export const bash = (command: string, more: object = {}) => ({
  tool: "Bash",
  input: { command, description: "test", ...more },
});
