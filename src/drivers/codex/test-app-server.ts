/**
 * A stand-in for `codex app-server`, for what the real one does only in a window of milliseconds or when it is broken. Started as a
 * program by turn.test.ts; the prompt says what it does. Everything it is asked is noted in the file FAKE_LOG, one message a line.
 */
import { appendFileSync, watch } from "node:fs";
import { createInterface } from "node:readline";

type Message = {
  readonly id?: number | string;
  readonly method?: string;
  readonly params?: {
    readonly threadId?: string;
    readonly turnId?: string;
    readonly clientUserMessageId?: string;
    readonly input?: readonly { text: string }[];
  };
  readonly result?: unknown;
};

const log = process.env["FAKE_LOG"] ?? "/dev/null";
const mood = process.env["FAKE_MOOD"] ?? "";
const state = {
  threads: 0,
  turns: 0,
  requests: 0,
  refusals: 0,
  prompt: "",
  client: "",
  thread: "",
  turn: "",
  stray: "",
};

const send = (message: object): void => void process.stdout.write(`${JSON.stringify(message)}\n`);
const tell = (method: string, params: object): void => send({ method, params: { threadId: state.thread, ...params } });
const turnOf = (id: string, status: string) => ({ turn: { id, status, error: null } });

function say(text: string): void {
  tell("item/agentMessage/delta", { itemId: `m${state.turn}`, delta: text });
  tell("item/completed", { item: { type: "agentMessage", id: `m${state.turn}`, text } });
}

function begin(): string {
  state.turn = `turn-${(state.turns += 1)}`;
  return state.turn;
}

const approval = (command: string): void =>
  send({
    id: (state.requests += 1),
    method: "item/commandExecution/requestApproval",
    params: { threadId: state.thread, turnId: state.turn, itemId: "c", command },
  });

/** A turn that nobody asked for. It asks only when the test says so, and hears an interrupt only when its question was refused. */
function stray(steps: { readonly asks: string }): void {
  state.stray = begin();
  onStep(steps.asks, () => approval("touch nobody-asked"));
  tell("turn/started", turnOf(state.stray, "inProgress"));
  say("what nobody asked for");
}

/** The test makes a file of this name. */
function onStep(step: string, act: () => void): void {
  const watcher = watch(process.env["HOME"] ?? "", (_, name) => {
    if (name !== step) return;
    watcher.close();
    act();
  });
  watcher.unref();
}

function play(): void {
  const { turn, prompt } = state;
  tell("turn/started", turnOf(turn, "inProgress"));
  switch (prompt) {
    case "follow a goal":
      // Codex goes on by itself once the test has seen the end of the turn that was asked for.
      onStep("go-on", () => {
        begin();
        tell("turn/started", turnOf(state.turn, "inProgress"));
        approval("touch nobody-asked");
      });
      say("done"); // only now: the test may answer at once
      tell("turn/completed", turnOf(turn, "completed"));
      return;
    case "follow a goal later":
      onStep("go-on", () => stray({ asks: "ask" }));
      say("done");
      tell("turn/completed", turnOf(turn, "completed")); // only now: the test may answer at once
      return;
    case "be disturbed":
      onStep("go-on", () => {
        const own = turn;
        const other = begin();
        tell("turn/started", turnOf(other, "inProgress"));
        say("what nobody asked for");
        approval("touch nobody-asked");
        tell("turn/completed", turnOf(other, "completed"));
        state.turn = own;
        tell("item/completed", { item: { type: "agentMessage", id: "after", text: "after" } });
        tell("turn/completed", turnOf(own, "completed"));
      });
      say("before"); // only now: the test may answer at once
      return;
    case "withdraw":
      approval("touch x");
      tell("serverRequest/resolved", { requestId: state.requests });
      say("never mind");
      tell("turn/completed", turnOf(turn, "completed"));
      return;
    case "wait":
    case "hear nothing":
    case "begin slowly":
      say("waiting");
      return;
    default:
      say(`echo: ${prompt}`);
      tell("turn/completed", turnOf(turn, "completed"));
  }
}

/** The words come when a turn has just begun by itself: they join it, and the turn that the answer has named never begins. */
function join(): void {
  const isTaken = (state.refusals += 1) > 1;
  if (isTaken) tell("item/started", { item: { type: "userMessage", id: "u", clientId: state.client } });
  say(isTaken ? "taken" : "not taken");
  tell("turn/completed", turnOf(state.turn, "completed"));
}

function answer(message: Message): object {
  switch (message.method) {
    case "initialize":
      return mood === "old"
        ? { error: { code: -32600, message: "unknown variant" } }
        : { result: { userAgent: "x/0.1.0" } };
    case "config/read":
      return { result: { config: {} } };
    case "thread/start":
      state.thread = `thread-${(state.threads += 1)}`;
      return { result: { thread: { id: state.thread }, model: "m" } };
    case "turn/start":
      state.prompt = (message.params?.input ?? []).map((input) => input.text).join(" ");
      state.client = message.params?.clientUserMessageId ?? "";
      begin();
      if (state.prompt === "join") {
        tell("turn/started", turnOf(state.turn, "inProgress"));
        setImmediate(join);
        return { result: { turn: { id: "never-begins" } } };
      }
      setImmediate(play);
      return { result: { turn: { id: state.turn } } };
    case "turn/steer":
      // Taken, and then forgotten: the turn ends without it.
      setImmediate(() => tell("turn/completed", turnOf(state.turn, "completed")));
      return { result: { turnId: state.turn } };
    case "turn/interrupt":
      if (state.prompt === "begin slowly" && (state.refusals += 1) < 4) {
        return { error: { code: -32600, message: "no active turn to interrupt" } };
      }
      if (message.params?.turnId === state.stray) return { result: {} };
      tell("turn/completed", turnOf(message.params?.turnId ?? "", "interrupted"));
      return { result: {} };
    default:
      return { result: {} };
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  appendFileSync(log, `${line}\n`);
  const message = JSON.parse(line) as Message;
  if (message.method === undefined) state.stray = "";
  if (message.id === undefined || message.method === undefined) continue;
  const isUnheard = state.prompt === "hear nothing" && message.method === "turn/interrupt";
  if (!isUnheard) send({ id: message.id, ...answer(message) });
}
