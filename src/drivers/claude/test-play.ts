/** One turn of the Claude driver as a test sees it: started, consumed, and disposed when the test is over. */
import { onTestFinished } from "vitest";
import { scripted } from "../../../test/model/script.ts";
import type { Script } from "../../../test/model/script.ts";
import { noTools } from "../../../test/no-tools.ts";
import type { AgentEvent } from "../../domain/agent-event.ts";
import type { ModelChoice } from "../../domain/agent-model.ts";
import type { Ask } from "../../domain/ask.ts";
import { webConversation } from "../../domain/conversation.ts";
import type { PermissionMode } from "../../domain/permission-mode.ts";
import type { RunId } from "../../domain/run.ts";
import type { Driver, HostTools, Turn } from "../../engine/ports.ts";
import { readTurn, type Reading } from "../test-reading.ts";
import type { ClaudeStage } from "./test-stage.ts";

export type Session = { readonly id: string; readonly resume: string | null };

export type Played = Reading & {
  readonly turn: Turn;
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
  const reading = readTurn(turn);
  const { events, when } = reading;
  return {
    turn,
    ...reading,
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
