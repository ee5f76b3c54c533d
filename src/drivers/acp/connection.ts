/**
 * One process of an ACP agent and the protocol spoken with it.
 *
 * 1. What the agent tells of a session is handed on in the order in which it was written, each before anything that came after it: it is
 *    taken from the stream itself, because the SDK neither waits for the handlers of notifications nor orders them with answers.
 * 2. A program that does not speak the protocol is told from one that is slow: by what it writes, not by time.
 * 3. The client offers neither files nor terminals. So whatever runs, runs below the agent, where its marker is, and a stop does not
 *    race with a write or a command of ours.
 */
import { client, methods, PROTOCOL_VERSION } from "@agentclientprotocol/sdk";
import type { AnyMessage, Stream } from "@agentclientprotocol/sdk";
import type { Writable } from "node:stream";
import type { Clock } from "../../engine/ports.ts";
import type { Scan } from "../../lib/process-scan.ts";
import { spawnAgent } from "../agent-process.ts";
import type { AgentProcess } from "../agent-process.ts";
import { decodeAgent, decodeError, decodePermission, decodeUpdate } from "./decode.ts";
import type { WireAgent, WireError, WirePermission, WireUpdate } from "./decode.ts";

export type ConnectionDeps = {
  readonly command: string;
  readonly args: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly version: string;
  readonly scan: Scan;
  readonly clock: Clock;
};

/** What the agent asks and tells by itself. `permission` resolves with the id of an option, null to cancel; neither throws or rejects. */
export type AgentTalk = {
  update(session: string, update: WireUpdate): void;
  permission(session: string, permission: WirePermission, withdrawn: AbortSignal): Promise<string | null>;
};

export type Answer<T> =
  | { readonly kind: "answered"; readonly value: T }
  | { readonly kind: "refused"; readonly error: WireError };

export type AcpConnection = {
  readonly process: AgentProcess;
  /** Resolves when the agent has introduced itself, or will never; never rejects. */
  readonly introduced: Promise<
    | { readonly kind: "agent"; readonly agent: WireAgent }
    | { readonly kind: "stranger"; readonly said: string }
    | { readonly kind: "refused"; readonly error: WireError }
    | { readonly kind: "dead" }
  >;
  /** Resolves with the answer, or with the refusal that the closed connection is (code 0); never rejects. */
  ask(method: string, params: object): Promise<Answer<unknown>>;
  tell(method: string, params: object): void;
  /** Resolves when everything that the agent wrote before has been handed on, and it writes no more; never rejects. */
  drained(): Promise<void>;
};

/** Before the introduction an agent may print a greeting; a program that prints this many lines which are not messages is no agent. */
const strangeLinesMax = 20;
/** The longest message: a whole file in a diff. In UTF-16 units. */
const lineCharsMax = 64_000_000;
/** What a stranger said, for the one sentence that tells of it. In UTF-16 units. */
const saidCharsMax = 200;
/** An agent introduces itself in 2 to 4 s, on a loaded machine in 20. */
const introductionMsMax = 60_000;
/** Rounds of waiting until nothing more comes: an agent that never falls silent must not hold up the end for ever. */
const drainRoundsMax = 100;
/** An agent that has one more thing to say may do so only after it has answered the first question. */
const silentRoundsMin = 2;
/** Any agent answers within milliseconds that it does not know this method. */
const drainMsMax = 2_000;

export function connect(
  deps: ConnectionDeps,
  cwd: string,
  markers: readonly [...string[], string],
  talk: AgentTalk,
): AcpConnection {
  const { command, args, environment, clock } = deps;
  const process = spawnAgent({ command, args, cwd, env: environment, markers }, deps.scan);
  const strange = Promise.withResolvers<{ readonly kind: "stranger"; readonly said: string }>();
  let said = "";
  let strangeLines = 0;
  let isIntroduced = false;
  let updates = 0;

  const stream: Stream = {
    readable: messagesOf(process, {
      update(params) {
        updates += 1;
        talk.update(sessionOf(params), decodeUpdate(params));
      },
      strange(line) {
        if (isIntroduced) return;
        said = said === "" ? line.slice(0, saidCharsMax) : said;
        strangeLines += 1;
        if (strangeLines === strangeLinesMax) strange.resolve({ kind: "stranger", said });
      },
    }),
    writable: new WritableStream({
      write: (message) => write(process.child.stdin, `${JSON.stringify(message)}\n`),
    }),
  };
  // Without its output the agent is of no use, whether it still runs or not.
  process.child.stdout.once("close", () => process.signal("SIGKILL"));
  const { agent } = client({ name: "signalbox" })
    .onRequest(
      methods.client.session.requestPermission,
      (params) => params,
      async ({ params, signal }) => {
        const option = await talk.permission(sessionOf(params), decodePermission(params), signal);
        return { outcome: option === null ? { outcome: "cancelled" } : { outcome: "selected", optionId: option } };
      },
    )
    .connect(stream);

  async function ask(method: string, params: object): Promise<Answer<unknown>> {
    try {
      return { kind: "answered", value: await agent.request<unknown, object>(method, params) };
    } catch (error) {
      return { kind: "refused", error: decodeError(error) };
    }
  }

  async function introduce(): ReturnType<typeof hello> {
    const late = new AbortController();
    const bound = async (): Promise<{ readonly kind: "stranger"; readonly said: string }> => {
      // A bound, told as a program that does not speak the protocol: a hanging start would hold its conversation for ever.
      await clock.sleep(introductionMsMax, late.signal);
      return { kind: "stranger", said };
    };
    const dead = process.exited.then(() =>
      said === "" ? ({ kind: "dead" } as const) : ({ kind: "stranger", said } as const),
    );
    const outcome = await Promise.race([hello(), strange.promise, dead, bound()]);
    late.abort();
    isIntroduced = true;
    return outcome;
  }

  async function hello(): AcpConnection["introduced"] {
    const answer = await ask(methods.agent.initialize, {
      protocolVersion: PROTOCOL_VERSION,
      clientCapabilities: { fs: { readTextFile: false, writeTextFile: false }, terminal: false },
      clientInfo: { name: "signalbox", version: deps.version },
    });
    if (answer.kind === "answered") return { kind: "agent", agent: decodeAgent(answer.value) };
    // The connection closed: what that means is told by the exit.
    return answer.error.code === 0 ? new Promise(() => undefined) : answer;
  }

  return {
    process,
    introduced: introduce(),
    ask,
    tell(method, params) {
      agent.notify<object>(method, params).catch(() => undefined); // it is gone: its exit tells
    },
    async drained() {
      const late = new AbortController();
      // A bound, not a proof: an agent that does not even refuse an unknown method is not waited for.
      const bound = clock.sleep(drainMsMax, late.signal).then(() => "late" as const);
      let silentRounds = 0;
      for (let round = 1; round <= drainRoundsMax && silentRounds < silentRoundsMin; round += 1) {
        const before = updates;
        const done = await Promise.race([ask("_signalbox/drained", {}), process.exited, bound]);
        if (done === "late") break;
        silentRounds = updates === before ? silentRounds + 1 : 0;
      }
      late.abort();
    },
  };
}

type Heard = { update(params: unknown): void; strange(line: string): void };

/** What the agent writes, line by line. It is read whether the SDK keeps up or not: updates are handed on at once. */
function messagesOf({ child }: AgentProcess, heard: Heard): ReadableStream<AnyMessage> {
  return new ReadableStream({
    start(controller) {
      let text = "";
      let hasEnded = false;
      const end = (): void => {
        if (hasEnded) return;
        hasEnded = true;
        controller.close();
      };
      child.stdout.setEncoding("utf8");
      child.stdout.on("data", (more: string) => {
        if (hasEnded) return;
        text += more;
        if (text.length > lineCharsMax) {
          child.stdout.destroy();
          return end();
        }
        const lines = text.split("\n");
        text = lines.pop() ?? "";
        for (const line of lines) take(line);
      });
      child.stdout.once("end", end);
      child.once("error", end);

      function take(line: string): void {
        if (line.trim() === "") return;
        const message = parse(line);
        if (message === null) heard.strange(line);
        else if (message["method"] === methods.client.session.update) heard.update(message["params"]);
        else if (!hasEnded) controller.enqueue(message as unknown as AnyMessage);
      }
    },
  });
}

function parse(line: string): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null && "jsonrpc" in value ? { ...value } : null;
  } catch {
    return null; // not JSON
  }
}

/** Resolves when it was handed to the system, or never will be. */
function write(stdin: Writable, text: string): Promise<void> {
  return new Promise((resolve) => {
    // That it failed is told by the agent's exit.
    stdin.write(text, () => resolve());
  });
}

function sessionOf(params: unknown): string {
  const session = typeof params === "object" && params !== null && "sessionId" in params ? params.sessionId : "";
  return typeof session === "string" ? session : "";
}
