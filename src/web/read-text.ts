/**
 * What a person types into the page, as a request. The words of a stop are those of every channel (S1).
 */
import type { Command, Request } from "../domain/inbox-item.ts";
import { readText } from "../domain/stop-words.ts";

/** A command is one word after the slash: "/etc/hosts is wrong" is a message. */
const commandPattern = /^\/([A-Za-z][A-Za-z0-9_-]*)(?:\s+([\s\S]*))?$/;

export function readTyped(text: string): Request {
  const match = commandPattern.exec(text.trim());
  if (match?.[1] === undefined) return readText(text);
  return { kind: "command", command: readCommand(match[1].toLowerCase(), (match[2] ?? "").trim(), text.trim()) };
}

function readCommand(name: string, rest: string, text: string): Command {
  switch (name) {
    case "start":
    case "help":
    case "status":
    case "queue":
      return { name };
    case "stop":
      return { name, scope: /^(all|everything)\b/i.test(rest) ? "all" : "conversation" };
    case "new":
      return { name, title: rest === "" ? null : rest.slice(0, titleCharsMax) };
    default:
      return { name: "unknown", text: text.slice(0, titleCharsMax) };
  }
}

/** A title is one line of a list. In UTF-16 units. */
export const titleCharsMax = 100;
