import { expect, it } from "vitest";

import { readTyped, titleCharsMax } from "./read-text.ts";

it.each([
  ["/status", { name: "status" }],
  [" /HELP ", { name: "help" }],
  ["/queue", { name: "queue" }],
  ["/start", { name: "start" }],
  ["/stop", { name: "stop", scope: "conversation" }],
  ["/stop all", { name: "stop", scope: "all" }],
  ["/new", { name: "new", title: null }],
  ["/new  The website ", { name: "new", title: "The website" }],
  ["/frobnicate now", { name: "unknown", text: "/frobnicate now" }],
])("%j is a command", (text, command) => {
  expect(readTyped(text)).toEqual({ kind: "command", command });
});

it.each(["stop", "please stop", "!"])("%j stops, as on every channel", (text) => {
  expect(readTyped(text)).toEqual({ kind: "command", command: { name: "stop", scope: "conversation" } });
});

it("!text interrupts", () => {
  expect(readTyped("! do this instead")).toEqual({
    kind: "prompt",
    placement: "interrupt",
    prompt: { text: "do this instead" },
  });
});

it.each(["/etc/hosts is wrong", "/ is full", "stop using tabs", "//comment"])("%j is a message", (text) => {
  expect(readTyped(text)).toEqual({ kind: "prompt", placement: "queue", prompt: { text } });
});

it("a title is cut to one line of a list", () => {
  const request = readTyped(`/new ${"x".repeat(500)}`);
  expect(request).toEqual({ kind: "command", command: { name: "new", title: "x".repeat(titleCharsMax) } });
});
