/**
 * What an ACP agent may do without asking a person, and what a person is shown when it asks. Pure.
 *
 * 1. The agent asks before each thing that its user's own rules do not allow; whatever the mode, it is left to ask, and the answer is given
 *    here. So nothing that it asks for starts after a turn was told to stop, in any mode.
 * 2. An edit counts as inside the workspace only when every path that the agent names lies there. (A link that leads out of it is the
 *    caller's to resolve: paths come in as real paths.)
 */
import { relative, isAbsolute, resolve } from "node:path";
import type { AllowScope, Ask, AskAnswer, AskedAction } from "../../domain/ask.ts";
import type { PermissionMode } from "../../domain/permission-mode.ts";
import type { WirePermission, WireTool } from "./decode.ts";
import { hostToolsName } from "./host-tools.ts";
import { boundedAsk } from "../bounded-ask.ts";
import { unifiedDiff } from "../unified-diff.ts";

export type Decision = "allow" | "deny" | "ask";

/** `realPath` follows links as far as the path exists. */
export function decide(
  mode: PermissionMode,
  tool: WireTool,
  hostTools: readonly string[],
  workspace: string,
  realPath: (path: string) => string,
): Decision {
  if (isHostTool(tool, hostTools)) return "allow";
  switch (mode) {
    case "bypass":
      return "allow";
    case "edit":
      return isInside(tool, workspace, realPath) ? "allow" : "ask";
    case "ask":
      return "ask";
    case "plan":
      return tool.kind === "switch_mode" ? "ask" : "deny";
    default:
      mode satisfies never;
      return "ask";
  }
}

/** What the person decides on: exactly what would be done. */
export function askOf(permission: WirePermission, tool: WireTool): Ask {
  return boundedAsk(wholeAskOf(permission, tool));
}

function wholeAskOf(permission: WirePermission, tool: WireTool): Ask {
  if (tool.kind === "switch_mode") return { kind: "plan", plan: tool.text || stringOf(tool.input["plan"]) };
  return {
    kind: "approval",
    action: actionOf(tool),
    reason: tool.text === "" ? null : tool.text,
    scopes: (["once", "session"] as const).filter((scope) => optionOf(permission, scope) !== undefined),
  };
}

/** The agent's option for an answer; null where it has none, which the protocol calls cancelled. */
export function optionFor(permission: WirePermission, answer: AskAnswer): string | null {
  switch (answer.kind) {
    case "allow":
      return optionOf(permission, answer.scope) ?? optionOf(permission, "once") ?? null;
    case "deny":
      return permission.options.find((option) => option.kind === "reject_once")?.id ?? null;
    case "answers":
      return null; // no agent asks questions by this road
    default:
      return answer satisfies never;
  }
}

/** Without asking: once, and only where the agent has no such option for longer. */
export function optionToAllow(permission: WirePermission): string | null {
  return optionOf(permission, "once") ?? optionOf(permission, "session") ?? null;
}

function optionOf(permission: WirePermission, scope: AllowScope): string | undefined {
  const kind = scope === "once" ? "allow_once" : "allow_always";
  return permission.options.find((option) => option.kind === kind)?.id;
}

/** The names that agents make of a server's and a tool's name. Nothing that runs or edits is ever taken for one of ours. */
function isHostTool(tool: WireTool, hostTools: readonly string[]): boolean {
  if (tool.kind !== "" && tool.kind !== "other") return false;
  if (tool.diffs.length > 0) return false;
  const names = [tool.name, tool.title];
  return hostTools.some(
    (name) =>
      ["_", "__", "."].some((joint) =>
        ["", "mcp_", "mcp__"].some((head) => names.includes(`${head}${hostToolsName}${joint}${name}`)),
      ) || names.includes(`${name} (${hostToolsName} MCP Server)`),
  );
}

function isInside(tool: WireTool, workspace: string, realPath: (path: string) => string): boolean {
  if (tool.kind !== "edit" && tool.kind !== "delete" && tool.kind !== "move") return false;
  const paths = [...tool.paths, ...tool.diffs.map((diff) => diff.path)];
  return (
    paths.length > 0 &&
    paths.every((path) => {
      const way = relative(workspace, realPath(resolve(workspace, path)));
      return way !== "" && way !== ".." && !way.startsWith("../") && !isAbsolute(way);
    })
  );
}

function actionOf(tool: WireTool): AskedAction {
  if (tool.diffs.length > 0) {
    const files = tool.diffs.map(({ path, before, after }) => ({ path, diff: unifiedDiff(before, after) }));
    return { kind: "edit", files };
  }
  if (tool.kind === "execute") {
    const directory = stringOf(tool.input["cwd"]) || null;
    return { kind: "command", command: commandOf(tool), directory };
  }
  const input = Object.keys(tool.input).length > 0 ? JSON.stringify(tool.input, null, 2) : tool.paths.join("\n");
  return { kind: "tool", name: tool.name || tool.title || tool.kind, input: input === "" ? tool.title : input };
}

/** Agents that do not send their tool's input have the command itself as the title (gemini-cli). */
function commandOf(tool: WireTool): string {
  const command = tool.input["command"];
  if (typeof command === "string" && command !== "") return command;
  if (Array.isArray(command) && command.every((part) => typeof part === "string")) return command.join(" ");
  return tool.title;
}

function stringOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}
