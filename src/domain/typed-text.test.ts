import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readSpoken, readText, titleCharsMax } from "./typed-text.ts";

const stop = { kind: "command", command: { name: "stop", scope: "conversation" } };

describe("reading a person's text", () => {
  it.each([
    "stop",
    "Stop!",
    "STOP.",
    "pause",
    "abort",
    "halt",
    "cancel",
    "please stop",
    "stop it please",
    "could you stop",
    "ok stop now",
    "!",
    "!!",
    "stop, please",
  ])("takes %j as a stop", (text) => {
    expect(readText(text)).toEqual(stop);
  });

  it.each([
    "cancel my job",
    "stop using tabs",
    "halt the deployment",
    "don't stop",
    "please",
    "you",
    "",
    "how do I stop a container",
    "abort() is never called",
  ])("takes %j as a prompt", (text) => {
    expect(readText(text)).toMatchObject({ kind: "prompt", placement: "queue" });
  });

  it("takes 'stop all' as a stop of everything", () => {
    expect(readText("stop all")).toEqual({ kind: "command", command: { name: "stop", scope: "all" } });
  });

  it.each([
    ["/status", { name: "status" }],
    [" /HELP ", { name: "help" }],
    ["/queue", { name: "queue" }],
    ["/start", { name: "start" }],
    ["/stop", { name: "stop", scope: "conversation" }],
    ["/stop all", { name: "stop", scope: "all" }],
    ["/new", { name: "new", title: null }],
    ["/new  The website ", { name: "new", title: "The website" }],
    [`/new ${"x".repeat(500)}`, { name: "new", title: "x".repeat(titleCharsMax) }],
    ["/frobnicate now", { name: "unknown", text: "/frobnicate" }],
  ])("takes %j as a command", (text, command) => {
    expect(readText(text)).toEqual({ kind: "command", command });
  });

  it.each(["/etc/hosts is wrong", "/ is full", "//comment"])("takes %j as a prompt: it is no command", (text) => {
    expect(readText(text)).toEqual({ kind: "prompt", placement: "queue", prompt: { text } });
  });

  it("takes !text as an interrupt and keeps the text", () => {
    expect(readText("! use tabs instead")).toEqual({
      kind: "prompt",
      placement: "interrupt",
      prompt: { text: "use tabs instead" },
    });
  });

  it("never loses a word of a prompt", () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        const request = readText(text);
        if (request.kind === "prompt" && request.placement === "queue") expect(request.prompt.text).toBe(text.trim());
      }),
    );
  });
});

describe("reading what was heard", () => {
  it("takes a spoken stop for a stop, and \u201cinterrupt\u201d before words for an exclamation mark", () => {
    expect(readSpoken("Please stop.")).toEqual(stop);
    expect(readSpoken("Interrupt, run the tests instead.")).toEqual({
      kind: "prompt",
      placement: "interrupt",
      prompt: { text: "run the tests instead." },
    });
    expect(readSpoken("interrupt and stop")).toMatchObject({ placement: "interrupt" });
    expect(readSpoken("interrupts are slow")).toMatchObject({ placement: "queue" });
    expect(readSpoken("Interrupt.")).toMatchObject({ placement: "queue" });
  });
});
