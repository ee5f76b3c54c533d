/**
 * What a person said, as the page shows it: in its place among the entries, or waiting beside the box. Pure.
 */
import { promptWords } from "../domain/prompt.ts";
import type { Request } from "../domain/inbox-item.ts";
import type { StoredItem } from "../engine/ports.ts";
import type { LiveButtons } from "./live-buttons.ts";
import type { Entry, Waiting } from "./wire.ts";

/** Null for what has no place among the entries: it waits, was a press, or an answer, which the card that asked shows. */
export function saidEntry(item: StoredItem): Entry | null {
  if (
    item.request.kind === "press" ||
    item.request.kind === "answer" ||
    item.state === "queued" ||
    item.state === "held"
  )
    return null;
  return {
    kind: "said",
    id: `i${item.id}`,
    key: pageKey(item),
    text: textOf(item.request),
    isCommand: item.request.kind === "command",
    isInterrupt: isInterrupt(item.request),
    by: whoAsked(item.request),
    state: item.state === "cancelled" && item.run !== null ? "stopped" : item.state,
    atMs: item.acceptedAtMs,
  };
}

export function waitingOf(waiting: readonly StoredItem[], buttons: LiveButtons): readonly Waiting[] {
  return waiting.map((item) => ({
    item: item.id,
    key: pageKey(item),
    text: textOf(item.request),
    atMs: item.acceptedAtMs,
    isInterrupt: isInterrupt(item.request),
    buttons: buttons.ofItem(item.id),
  }));
}

function pageKey(item: StoredItem): string | null {
  return item.key.startsWith("web:") ? item.key.slice("web:".length) : null;
}

function isInterrupt(request: Request): boolean {
  return request.kind === "prompt" && request.placement === "interrupt";
}

function whoAsked(request: Request): (Entry & { kind: "said" })["by"] {
  if (request.kind !== "occurrence") return "person";
  return request.trigger === "person" ? "schedule-now" : "schedule";
}

function textOf(request: Request): string {
  switch (request.kind) {
    case "prompt":
      return promptWords(request.prompt);
    case "command":
      return commandText(request.command);
    case "unsupported":
      return `(${request.what})`;
    case "press":
      return "";
    case "occurrence":
      return `\u23F0 ${request.name}`;
    case "answer":
    case "edit":
      return request.text;
    default:
      return request satisfies never;
  }
}

function commandText(command: (Request & { kind: "command" })["command"]): string {
  switch (command.name) {
    case "unknown":
      return command.text;
    case "stop":
      return command.scope === "all" ? "/stop all" : "/stop";
    case "new":
      return withArgument("/new", command.title);
    case "start":
    case "help":
    case "status":
    case "queue":
    case "fork":
    case "usage":
    case "context":
    case "debug":
    case "logs":
    case "terminal":
    case "files":
    case "people":
      return `/${command.name}`;
    case "cron":
      return withArgument("/cron", command.typed === "" ? null : command.typed);
    case "settings":
      return withArgument(withArgument("/settings", command.setting), command.value);
    case "pair":
      return withArgument(withArgument("/pair", command.code), command.role);
    case "project":
      return withArgument("/project", command.typed);
    case "switch":
      return withArgument("/switch", command.driver);
    case "permissions":
      return withArgument("/permissions", command.mode);
    case "resume":
      return withArgument("/resume", command.search);
    case "model":
      return withArgument(
        "/model",
        command.choice === null ? null : withArgument(command.choice.id, command.choice.effort),
      );
    default:
      return command satisfies never;
  }
}

function withArgument(command: string, argument: string | null): string {
  return argument === null ? command : `${command} ${argument}`;
}
