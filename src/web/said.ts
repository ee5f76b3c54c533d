/**
 * What a person said, as the page shows it: in its place among the entries, or waiting beside the box. Pure.
 */
import type { Request } from "../domain/inbox-item.ts";
import type { StoredItem } from "../engine/ports.ts";
import type { LiveButtons } from "./live-buttons.ts";
import type { Entry, Waiting } from "./wire.ts";

/** Null for what has no place among the entries: it waits, or was a press. */
export function saidEntry(item: StoredItem): Entry | null {
  if (item.request.kind === "press" || item.state === "queued" || item.state === "held") return null;
  return {
    kind: "said",
    id: `i${item.id}`,
    key: pageKey(item),
    text: textOf(item.request),
    isCommand: item.request.kind === "command",
    isInterrupt: isInterrupt(item.request),
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

function textOf(request: Request): string {
  switch (request.kind) {
    case "prompt":
      return request.prompt.text;
    case "command":
      return commandText(request.command);
    case "unsupported":
      return `(${request.what})`;
    case "press":
      return "";
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
      return command.title === null ? "/new" : `/new ${command.title}`;
    case "start":
    case "help":
    case "status":
    case "queue":
      return `/${command.name}`;
    default:
      return command satisfies never;
  }
}
