import fc from "fast-check";
import { expect, test } from "vitest";
import {
  decode,
  decodeConfig,
  decodeLacksLogin,
  decodeModels,
  decodeRequest,
  decodeTerminals,
  decodeThread,
  decodeThreads,
  decodeTurn,
  decodeVersion,
} from "./decode.ts";

const methods = fc.constantFrom(
  "thread/started",
  "turn/started",
  "turn/completed",
  "item/started",
  "item/completed",
  "item/agentMessage/delta",
  "thread/tokenUsage/updated",
  "account/rateLimits/updated",
  "turn/plan/updated",
  "error",
  "mcpServer/startupStatus/updated",
  "serverRequest/resolved",
  "item/commandExecution/requestApproval",
  "item/fileChange/requestApproval",
  "item/permissions/requestApproval",
  "item/tool/requestUserInput",
  "mcpServer/elicitation/request",
  "item/tool/call",
  "brand/new",
);

test("whatever arrives is decoded into a value (an unknown or broken message must not end a turn)", () => {
  const fields = fc.constantFrom(
    "threadId",
    "turn",
    "item",
    "error",
    "plan",
    "questions",
    "tokenUsage",
    "rateLimits",
    "data",
  );
  const params = fc.oneof(fc.jsonValue(), fc.dictionary(fields, fc.jsonValue()));
  const id = fc.oneof(fc.integer(), fc.string(), fc.constant(null));
  fc.assert(
    fc.property(methods, params, id, (method, value, request) => {
      expect(decode({ id: null, method, params: value }).kind).toMatch(/./);
      expect(decodeRequest({ id: request, method, params: value }).kind).toMatch(/./);
    }),
  );
});

test("an answer of another shape names nothing (another version of Codex must not crash the program)", () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      expect(decodeModels(value).models).toBeInstanceOf(Array);
      expect(decodeThreads(value)).toBeInstanceOf(Array);
      expect(decodeTerminals(value)).toBeInstanceOf(Array);
      expect(decodeConfig(value).mcpPrograms).toBeInstanceOf(Array);
      expect(decodeThread({ thread: value }) === null || typeof decodeThread({ thread: value })?.id === "string").toBe(
        true,
      );
      expect([true, false]).toContain(decodeLacksLogin(value));
    }),
  );
  expect(decodeThread(undefined)).toBeNull();
  expect(decodeTurn({ turn: {} })).toBeNull();
});

test("unknown messages keep their method, for the log", () => {
  const wire = decode({ id: null, method: "thread/brandNew", params: { threadId: "t" } });
  expect(wire).toEqual({ thread: "t", kind: "ignored", method: "thread/brandNew" });
});

test("the version is what stands behind our name in the server's user agent", () => {
  expect(decodeVersion({ userAgent: "signalbox/0.169.0 (Debian 13; x86_64) dumb (signalbox; 1)" })).toBe("0.169.0");
  expect(decodeVersion({ userAgent: 7 })).toBe("");
});

test("a login is lacking only where the model service wants one", () => {
  expect(decodeLacksLogin({ account: null, requiresOpenaiAuth: true })).toBe(true);
  expect(decodeLacksLogin({ account: null, requiresOpenaiAuth: false })).toBe(false);
  expect(decodeLacksLogin({ account: { type: "apiKey" }, requiresOpenaiAuth: true })).toBe(false);
});

test("a command is shown without the shell that Codex puts around it, unless its quoting is not plain", () => {
  const shown = (command: string): unknown => {
    const params = { threadId: "t", item: { type: "commandExecution", id: "c", command, status: "inProgress" } };
    const wire = decode({ id: null, method: "item/started", params });
    return wire.kind === "item-started" && wire.item.kind === "tool" && wire.item.target;
  };
  expect(shown("/bin/bash -lc 'touch a b'")).toBe("touch a b");
  expect(shown("/bin/zsh -c 'ls'")).toBe("ls");
  expect(shown(`/bin/bash -lc 'echo '"'"'x'"'"`)).toBe(`/bin/bash -lc 'echo '"'"'x'"'"`);
  expect(shown("ls -l")).toBe("ls -l");
});

test("only MCP servers that are programs are given a marker, and hidden models are not offered", () => {
  const config = { mcp_servers: { here: { command: "x" }, there: { url: "http://127.0.0.1" } } };
  expect(decodeConfig({ config }).mcpPrograms).toEqual(["here"]);
  const data = [
    { model: "a", displayName: "A" },
    { model: "b", hidden: true },
  ];
  expect(decodeModels({ data }).models.map((model) => model.id)).toEqual(["a"]);
});
