/** What Telegram's file server may do that the local Bot API does not, and what its connections must not do. */
import { once } from "node:events";
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { afterEach, expect, it } from "vitest";
import { createFileServer, type OpenUrl } from "./file-server.ts";

const mebibyte = 1024 * 1024;
const never = new AbortController().signal;
let server: Server;
let openUrl: OpenUrl;
let root = "";

afterEach(() => {
  server.close().closeAllConnections();
});

async function serve(answer: RequestListener): Promise<void> {
  server = createServer(answer).listen(0, "127.0.0.1");
  await once(server, "listening");
  root = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  openUrl = createFileServer(root);
}

async function read(body: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of body) pieces.push(piece);
  return Buffer.concat(pieces);
}

it("a file comes whole, and the next ones over the connections of those before", async () => {
  const connections = new Set<Socket>();
  const asked: unknown[] = [];
  const file = Buffer.from(Array.from({ length: mebibyte }, (_, at) => at % 251));
  await serve((request, response) => {
    connections.add(request.socket);
    asked.push([request.method, request.url]);
    response.end(file);
  });
  const paths = ["a", "b", "c", "d", "e", "f", "g", "h"].map((name) => `/file/bot1:x/${name}?y`);
  for (const path of paths) {
    const { status, body } = await openUrl(`${root}${path}`, never);
    expect(status).toBe(200);
    expect((await read(body)).equals(file)).toBe(true);
  }
  expect(asked).toEqual(paths.map((path) => ["GET", path]));
  expect(connections.size).toBeLessThan(paths.length);
});

it("follows no redirect, whatever it leads to (T11)", async () => {
  const asked: unknown[] = [];
  await serve((request, response) => {
    asked.push(request.url);
    response.writeHead(307, { location: `http://${request.headers.host}/elsewhere` }).end("not the file");
  });
  await expect(openUrl(`${root}/file/x`, never)).rejects.toThrow("redirect");
  expect(asked).toEqual(["/file/x"]);
});

it.each([{ "content-length": 100 }, {}])("takes no part of a file for the whole: %j", async (headers) => {
  await serve((_, response) => void response.writeHead(200, headers).write("part", () => response.destroy()));
  const { body } = await openUrl(`${root}/file/x`, never);
  await expect(read(body)).rejects.toBeInstanceOf(Error);
});

it("says with the system's code that nobody listens", async () => {
  await serve(() => undefined);
  server.close();
  await once(server, "close");
  await expect(openUrl(`${root}/file/x`, never)).rejects.toMatchObject({ code: "ECONNREFUSED" });
});

it("can be given up before the answer, and while it comes: the server sees its connection end", async () => {
  const arrived = Promise.withResolvers<void>();
  const left: Promise<unknown>[] = [];
  await serve((request, response) => {
    left.push(once(response, "close"));
    if (request.url === "/slow") arrived.resolve();
    else response.write("part");
  });
  const slow = new AbortController();
  const waiting = openUrl(`${root}/slow`, slow.signal);
  await arrived.promise;
  slow.abort();
  await expect(waiting).rejects.toBeInstanceOf(Error);
  const coming = new AbortController();
  const { body } = await openUrl(`${root}/coming`, coming.signal);
  const reading = read(body);
  coming.abort();
  await expect(reading).rejects.toBeInstanceOf(Error);
  await Promise.all(left);
  await expect(openUrl(`${root}/never`, coming.signal)).rejects.toBeInstanceOf(Error);
  expect(left).toHaveLength(2);
});

it("holds the connection back while nobody reads, and keeps little meanwhile (I14)", async () => {
  const fileBytes = 64 * mebibyte;
  let writable = 0;
  await serve((_, response) => {
    const piece = Buffer.alloc(mebibyte);
    const more = (): void => {
      while (writable < fileBytes) {
        writable += piece.length;
        if (!response.write(piece)) return void response.once("drain", more);
      }
      response.end();
    };
    more();
  });
  const { body } = await openUrl(`${root}/file/x`, never);
  const pieces = body[Symbol.asyncIterator]();
  await pieces.next();
  // Until nothing moves any more.
  for (let before = -1, still = 0; still < 200; before = writable) {
    await new Promise((resolve) => setImmediate(resolve));
    still = writable === before ? still + 1 : 0;
  }
  expect(writable).toBeLessThan(fileBytes); // what the system holds on both sides is far less
  let bytes = 0;
  for (let piece = await pieces.next(); piece.done !== true; piece = await pieces.next())
    bytes += piece.value.byteLength;
  expect(bytes).toBeGreaterThan(fileBytes - mebibyte);
});

it("gives a slow reader no empty pieces: each would ask for the next one", async () => {
  const file = Buffer.alloc(8 * mebibyte, 7);
  await serve((_, response) => void response.end(file));
  const { body } = await openUrl(`${root}/file/x`, never);
  const sizes: number[] = [];
  for await (const piece of body) {
    sizes.push(piece.byteLength);
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(file.length);
  expect(sizes.filter((size) => size === 0)).toEqual([]);
});
