/**
 * `codex app-server` driven by JSON-RPC over its standard streams and by nothing else: the floor under our driver, and the ceiling of a
 * process for each turn. The same program with the same settings that our driver gives it, less what our driver adds.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { agentProgram } from "../test/agents/programs.ts";
import { findCodex } from "../src/drivers/codex/locate.ts";
import { permissionsOf } from "../src/drivers/codex/permissions.ts";
import { prepareCodex } from "../src/drivers/codex/test-stage.ts";
import { MARKER_VARIABLE } from "../src/lib/process-scan.ts";
import type { Home } from "../test/e2e/home.ts";
import type { ModelServer } from "../test/model/model-server.ts";
import type { BareAgent, BarePermissions } from "./agent.ts";
import { timed } from "./spread.ts";

type Message = {
  readonly id?: number | string;
  readonly method?: string;
  readonly params?: { readonly threadId?: string };
  readonly result?: { readonly thread?: { readonly id: string }; readonly turn?: { readonly id: string } };
  readonly error?: { readonly message: string };
};

/** Resolves when the server has answered its first turn: it is warm then. */
export async function startWarmCodex(
  home: Home,
  _model: ModelServer,
  permissions: BarePermissions = { kind: "bypass" },
): Promise<BareAgent> {
  const bare = await startCodex(home, permissions);
  await bare.turn("hello");
  return bare;
}

/** One turn by a server of its own, from its start to the end of the turn; resolves with the milliseconds once it has ended. */
export async function coldCodexTurnMs(home: Home, _model: ModelServer, prompt: string): Promise<number> {
  await using owned = new AsyncDisposableStack();
  const { ms } = await timed(async () => {
    const bare = owned.use(await startCodex(home, { kind: "bypass" }));
    await bare.turn(prompt);
  });
  return ms;
}

async function startCodex(home: Home, permissions: BarePermissions): Promise<BareAgent> {
  const path = "/usr/bin:/bin:/usr/sbin:/sbin";
  const found = findCodex(agentProgram("codex"), path);
  if (found.kind === "missing") throw new Error("Codex is not installed");
  const server = spawn(found.program, ["app-server"], {
    cwd: home.workspace,
    env: {
      PATH: path,
      HOME: home.path,
      TMPDIR: home.tmp,
      LANG: "C.UTF-8",
      [MARKER_VARIABLE]: home.marker,
      ...codexVariables(home),
    },
    stdio: ["pipe", "pipe", "ignore"],
  });
  const pending = new Map<number, { resolve(message: Message): void; reject(error: Error): void }>();
  let serial = 0;
  let ended = Promise.withResolvers<void>();
  let turnId: string | null = null;
  const send = (message: object): void => void server.stdin.write(`${JSON.stringify(message)}\n`);
  const request = (method: string, params: object): Promise<Message> => {
    const answer = Promise.withResolvers<Message>();
    pending.set((serial += 1), answer);
    send({ id: serial, method, params });
    return answer.promise;
  };
  const settle = (message: Message): void => {
    const waiting = pending.get(Number(message.id));
    pending.delete(Number(message.id));
    if (message.error === undefined) waiting?.resolve(message);
    else waiting?.reject(new Error(message.error.message));
  };
  const allow = async (id: number | string): Promise<void> => {
    if (permissions.kind === "ask") await permissions.allowed();
    send({ id, result: { decision: "accept" } });
  };
  createInterface({ input: server.stdout }).on("line", (line) => {
    const message = JSON.parse(line) as Message;
    if (message.method === undefined) settle(message);
    else if (message.id !== undefined) void allow(message.id); // a clock that fails ends the bench
    else if (message.method === "turn/completed") ended.resolve();
  });
  const gone = once(server, "close").then(() => {
    const error = new Error("the bare app-server has ended");
    for (const { reject } of pending.values()) reject(error);
    ended.reject(error);
  });
  ended.promise.catch(() => undefined); // whoever waits for a turn is told

  await request("initialize", { clientInfo: { name: "bench", title: "bench", version: "1" } });
  send({ method: "initialized" });
  const threadId = (await request("thread/start", { cwd: home.workspace })).result?.thread?.id;
  if (threadId === undefined) throw new Error("Codex named no thread");
  const sandbox = { writableRoots: [], networkAccess: false, excludeTmpdirEnvVar: false, excludeSlashTmp: false };
  const settings = permissionsOf(permissions.kind, sandbox);

  return {
    async turn(prompt) {
      ended = Promise.withResolvers();
      const input = [{ type: "text", text: prompt, text_elements: [] }];
      const started = await request("turn/start", { threadId, input, ...settings });
      turnId = started.result?.turn?.id ?? null;
      await ended.promise;
    },
    interrupt() {
      // The turn's end and its child's are the evidence: an interrupt alone leaves the child to a background terminal.
      for (const [method, params] of [
        ["turn/interrupt", { threadId, turnId }],
        ["thread/backgroundTerminals/clean", { threadId }],
      ] as const)
        request(method, params).catch(() => undefined);
    },
    async [Symbol.asyncDispose]() {
      server.stdin.end();
      server.kill("SIGTERM");
      await gone;
    },
  };
}

/** What leads Codex to the settings of `writeCodexSettings`. */
export function codexVariables(home: Home): Readonly<Record<string, string>> {
  return {
    CODEX_HOME: join(home.path, "codex"),
    SCRIPTED_MODEL_KEY: "sk-bench",
    SIGNALBOX_CODEX_PATH: agentProgram("codex"),
  };
}

export function writeCodexSettings(home: Home, model: ModelServer): void {
  prepareCodex(join(home.path, "codex"), model.baseUrl);
}
