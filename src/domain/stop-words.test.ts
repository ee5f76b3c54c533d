import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readText } from "./stop-words.ts";

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
