/** What Telegram's server may do that the local Bot API does not. */
import { once } from "node:events";
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, expect, it } from "vitest";

import { createFetch } from "./fetch.ts";

let server: Server;

afterEach(() => {
  server.close().closeAllConnections();
});

async function listen(answer: RequestListener): Promise<string> {
  server = createServer(answer).listen(0, "127.0.0.1");
  await once(server, "listening");
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const ask = (root: string, signal = new AbortController().signal): Promise<unknown> =>
  createFetch(root)(`${root}/asked`, { method: "POST", headers: {}, body: "{}", signal }).then((answer) =>
    answer.json(),
  );

it("follows no redirect, and takes none for an answer: the token is in the address (T11)", async () => {
  const asked: unknown[] = [];
  const root = await listen((request, response) => {
    asked.push(request.url);
    response.writeHead(302, { location: "/elsewhere" }).end('{"ok":true}');
  });
  await expect(ask(root)).rejects.toThrow("redirect");
  expect(asked).toEqual(["/asked"]);
});

it("takes no part of an answer for the whole", async () => {
  const root = await listen((_, response) => {
    response.writeHead(200, { "content-length": 100 }).write('{"ok":true}', () => response.destroy());
  });
  await expect(ask(root)).rejects.toMatchObject({ code: "ECONNRESET" });
});

it("reads characters that arrive in two parts", async () => {
  // Of three bytes each: not all parts of so long an answer end between two of them.
  const name = "\u20AC".repeat(200_000);
  const root = await listen((_, response) => response.end(JSON.stringify({ name })));
  expect(await ask(root)).toEqual({ name });
});

it("can be given up while the answer is on its way", async () => {
  const givingUp = new AbortController();
  const root = await listen((_, response) => response.write("{", () => givingUp.abort()));
  await expect(ask(root, givingUp.signal)).rejects.toBeInstanceOf(Error);
});
