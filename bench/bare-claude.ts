/**
 * Claude Code driven by its SDK and by nothing else: the floor under our driver, and the ceiling of a process for each turn. The
 * same program with the same options that our driver gives it, less what our driver adds.
 */
import { query, type Options, type SDKUserMessage } from "@anthropic-ai/claude-agent-sdk";
import { join } from "node:path";
import { findCli } from "../src/drivers/claude/locate.ts";
import { MARKER_VARIABLE } from "../src/lib/process-scan.ts";
import { claudeVariables } from "../test/agents/claude-variables.ts";
import type { Home } from "../test/e2e/home.ts";
import type { ModelServer } from "../test/model/model-server.ts";
import type { BareAgent, BarePermissions } from "./agent.ts";

/** Resolves when the process has answered its first turn: it is warm then. */
export async function startWarmClaude(
  home: Home,
  model: ModelServer,
  permissions: BarePermissions = { kind: "bypass" },
): Promise<BareAgent> {
  const prompts: SDKUserMessage[] = [];
  let changed = Promise.withResolvers<void>();
  let hasEnded = false;
  let result = Promise.withResolvers<void>();
  async function* input(): AsyncGenerator<SDKUserMessage, void, void> {
    for (;;) {
      const next = prompts.shift();
      if (next !== undefined) yield next;
      else if (hasEnded) return;
      else {
        await changed.promise;
        changed = Promise.withResolvers();
      }
    }
  }
  const running = query({ prompt: input(), options: optionsOf(home, model, permissions) });
  const read = (async () => {
    for await (const message of running) if (message.type === "result") result.resolve();
  })().catch(() => undefined); // it ends with an error when it is closed in the middle of something
  const warm: BareAgent = {
    async turn(prompt) {
      result = Promise.withResolvers();
      prompts.push({ type: "user", message: { role: "user", content: prompt }, parent_tool_use_id: null });
      changed.resolve();
      await result.promise;
    },
    interrupt() {
      running.interrupt().catch(() => undefined); // the turn's end and its child's are the evidence
    },
    async [Symbol.asyncDispose]() {
      hasEnded = true;
      changed.resolve();
      await read;
      running.close();
    },
  };
  await warm.turn("hello");
  return warm;
}

/** One turn by a process of its own, from its start to the result; resolves with the milliseconds once the process has ended. */
export async function coldClaudeTurnMs(home: Home, model: ModelServer, prompt: string): Promise<number> {
  const begin = performance.now();
  let ms: number | null = null;
  for await (const message of query({ prompt, options: optionsOf(home, model, { kind: "bypass" }) })) {
    if (message.type === "result") ms ??= performance.now() - begin;
  }
  if (ms === null) throw new Error("a process of Claude Code ended without a result");
  return ms;
}

function optionsOf(home: Home, model: ModelServer, permissions: BarePermissions): Options {
  const path = "/usr/bin:/bin:/usr/sbin:/sbin";
  const cli = findCli(null, path);
  if (cli.kind === "missing") throw new Error("Claude Code is not installed");
  return {
    cwd: home.workspace,
    pathToClaudeCodeExecutable: cli.value,
    includePartialMessages: true,
    settingSources: ["user", "project"],
    ...permissionOptions(permissions),
    env: {
      PATH: path,
      HOME: home.path,
      TMPDIR: home.tmp,
      LANG: "C.UTF-8",
      [MARKER_VARIABLE]: home.marker,
      ...claudeVariables(join(home.path, "claude"), model.baseUrl),
    },
  };
}

function permissionOptions(permissions: BarePermissions): Options {
  if (permissions.kind === "bypass")
    return { permissionMode: "bypassPermissions", allowDangerouslySkipPermissions: true };
  return {
    permissionMode: "default",
    async canUseTool(_tool, updatedInput) {
      await permissions.allowed();
      return { behavior: "allow", updatedInput };
    },
  };
}
