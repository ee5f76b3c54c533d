import { PassThrough } from "node:stream";
import { expect, test } from "vitest";
import { connect } from "./connection.ts";
import type { RpcMessage } from "./connection.ts";

function wire() {
  const stdin = new PassThrough();
  const stdout = new PassThrough();
  const received: RpcMessage[] = [];
  const connection = connect({ stdin, stdout }, (message) => received.push(message));
  const written = (): unknown[] => {
    const text = String(stdin.read() ?? "");
    return text
      .split("\n")
      .filter(Boolean)
      .map((line): unknown => JSON.parse(line));
  };
  return { connection, received, written, stdout };
}

test("answers find their requests, in whatever order they come, and refusals carry their code", async () => {
  const { connection, written, stdout } = wire();
  const [one, two] = [connection.request("a", { x: 1 }), connection.request("b", {})];
  expect(written()).toEqual([
    { id: 1, method: "a", params: { x: 1 } },
    { id: 2, method: "b", params: {} },
  ]);
  stdout.write('{"id":2,"error":{"code":-32600,"message":"no"}}\n{"id":1,"res');
  stdout.write('ult":"ä"}\n');
  expect(await two).toEqual({ kind: "refused", code: -32600, message: "no" });
  expect(await one).toEqual({ kind: "result", value: "ä" });
});

test("notifications and requests are told apart; what is no message is left out", async () => {
  const { connection, received, written, stdout } = wire();
  stdout.write('printed by a hook\n[]\nnull\n{"method":"n","params":{}}\n{"id":0,"method":"ask","params":{"q":1}}\n');
  await expect
    .poll(() => received)
    .toEqual([
      { id: null, method: "n", params: {} },
      { id: 0, method: "ask", params: { q: 1 } },
    ]);
  connection.respond(0, { fine: true });
  connection.refuse("x", "unknown");
  expect(written()).toEqual([
    { id: 0, result: { fine: true } },
    { id: "x", error: { code: -32601, message: "unknown" } },
  ]);
});

test("when the output ends, whoever waits is told, and so is whoever asks later", async () => {
  const { connection, stdout } = wire();
  const waiting = connection.request("a", {});
  stdout.destroy();
  expect(await waiting).toEqual({ kind: "closed" });
  await connection.closed;
  expect(await connection.request("b", {})).toEqual({ kind: "closed" });
});
